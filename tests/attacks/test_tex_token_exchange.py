"""Hostile token exchanges: what is no token of ours, what would be more than was held, and what is not allowed."""

from dataclasses import replace

import pytest

from support.exchanging import (
    ACCESS_TOKEN,
    EXCHANGE,
    build_exchange,
    exchange,
    exchanged,
    gateway,
    own_token,
)
from support.house import (
    API,
    OTHER_API,
    SECRET,
    House,
    basic,
    build_house,
    claims_of,
    clients,
    document,
    end_users,
)
from valetkey.authorization_server.decision import BumpGeneration, PutClient, RevokeAuthorization
from valetkey.authorization_server.model import ExchangeKind
from valetkey.authorization_server.registration import client_faults
from valetkey.jose.jwt import AT_JWT
from valetkey.oauth.http import HttpResponse
from valetkey.oauth.token_exchange import TokenType
from valetkey.oauth.types import AuthorizationId, ClientId, Issuer, Scope

pytestmark = pytest.mark.anyio

JWT = TokenType.JWT.value
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"
REFRESH_TOKEN = "urn:ietf:params:oauth:token-type:refresh_token"


async def _web(house: House, **changes: object) -> str:
    return str((await house.tokens("web", **changes))["access_token"])


def _refused(response: HttpResponse, error: str) -> None:
    assert (response.status, document(response)["error"]) == (400, error)
    assert b"access_token" not in response.body.replace(b"access token", b"")
    assert ("cache-control", "no-store") in response.headers


async def _forged(house: House, **changes: object) -> str:
    """Return an access token that our own key signed with other claims: what only a bug of ours could mint."""
    claims = claims_of(await _web(house)) | changes
    return await house.server.signer.sign(claims, typ=AT_JWT, algorithm="ES256")


# covers: TEX-01
@pytest.mark.requirement("RFC8693-2.2.2/invalid-token")
@pytest.mark.requirement("RFC8693-2.1/validate")
@pytest.mark.parametrize("of", ["subject", "actor"])
@pytest.mark.parametrize("what", ["expired", "revoked", "withdrawn", "stale", "foreign", "id", "refresh", "noise"])
async def test_a_token_that_is_no_living_access_token_of_ours_buys_nothing(what: str, of: str) -> None:
    house = await build_exchange()
    tokens = await house.tokens("web")
    token = str(tokens["access_token"])
    match what:
        case "expired":
            house.clock.advance(300)
        case "revoked":
            await house.post("/revoke", {"token": token}, basic("web", SECRET))
        case "withdrawn":
            authorization_id = AuthorizationId(claims_of(token)["authorization_id"])
            await house.commit(RevokeAuthorization(authorization_id, house.clock.now))
        case "stale":
            await house.commit(BumpGeneration("subject", "sub-alice"))
        case "foreign":
            other = await build_house(issuer=Issuer("https://other.example"))
            token = str((await other.tokens("web"))["access_token"])
        case "id":
            token = str(tokens["id_token"])
        case "refresh":
            token = str(tokens["refresh_token"])
        case _:
            token = "vk_at_" + "A" * 43
    good = await _web(house)
    if of == "subject":
        response = await exchange(house, token)
    else:
        response = await exchange(house, good, actor_token=token, actor_token_type=ACCESS_TOKEN)
    _refused(response, "invalid_request")


# covers: TEX-01
@pytest.mark.requirement("RFC8693-3/token-type")
@pytest.mark.parametrize(
    "kind", [ID_TOKEN, REFRESH_TOKEN, "access_token", "urn:ietf:params:oauth:token-type:saml2"]
)
@pytest.mark.parametrize("name", ["subject_token_type", "requested_token_type", "actor_token_type"])
async def test_only_access_tokens_are_exchanged_and_issued(name: str, kind: str) -> None:
    house = await build_exchange()
    token = await _web(house)
    _refused(await exchange(house, token, **{"actor_token": token, name: kind}), "invalid_request")


@pytest.mark.requirement("RFC8693-2.1/subject-token")
@pytest.mark.requirement("RFC8693-2.1/subject-token-type")
@pytest.mark.parametrize("name", ["subject_token", "subject_token_type"])
async def test_the_subject_token_and_its_type_are_required(name: str) -> None:
    house = await build_exchange()
    _refused(await exchange(house, await _web(house), **{name: None}), "invalid_request")


@pytest.mark.requirement("RFC8693-2.1/actor-token-type")
@pytest.mark.requirement("RFC8693-2.1/actor-token-type-alone")
async def test_an_actor_token_and_its_type_come_together() -> None:
    house = await build_exchange()
    token = await _web(house)
    _refused(await exchange(house, token, actor_token=token), "invalid_request")
    _refused(await exchange(house, token, actor_token_type=ACCESS_TOKEN), "invalid_request")


# covers: TEX-01
async def test_an_opaque_token_is_no_jwt() -> None:
    house = await build_exchange()
    _refused(await exchange(house, "vk_at_" + "A" * 43, subject_token_type=JWT), "invalid_request")


# covers: TEX-01
@pytest.mark.requirement("RFC9700-4.15.1/distinguish")
async def test_a_clients_own_token_never_becomes_somebody_elses() -> None:
    house = await build_exchange(gateway("second", "gateway"))
    _refused(await exchange(house, await own_token(house), "second"), "invalid_request")


# covers: TEX-02
@pytest.mark.requirement("RFC8693-2.1/scope")
@pytest.mark.parametrize("scope", ["albums.write", "orders.read", "openid", "profile", "albums.read albums.write"])
async def test_a_scope_that_the_subject_token_has_not_is_refused(scope: str) -> None:
    house = await build_exchange()
    _refused(await exchange(house, await _web(house), scope=scope), "invalid_scope")


# covers: TEX-02
@pytest.mark.requirement("RFC8693-2.1/scope")
async def test_a_scope_that_the_client_may_not_have_is_refused_and_never_given() -> None:
    house = await build_exchange(replace(gateway(), scope=Scope.parse("albums.read")))
    token = await _web(house, scope=Scope.parse("albums.read albums.write"))
    _refused(await exchange(house, token, scope="albums.write"), "invalid_scope")
    assert (await exchanged(house, token))["scope"] == "albums.read"


# covers: TEX-02
async def test_what_was_narrowed_once_stays_narrow() -> None:
    house = await build_exchange(gateway("second", "gateway"))
    token = await _web(house, scope=Scope.parse("albums.read albums.write"))
    narrow = (await exchanged(house, token, scope="albums.read"))["access_token"]
    _refused(await exchange(house, narrow, "second", scope="albums.write"), "invalid_scope")


# covers: TEX-02
@pytest.mark.requirement("RFC8693-2.2.2/target")
@pytest.mark.parametrize("name", ["resource", "audience"])
@pytest.mark.parametrize("target", [OTHER_API, API + "/", "https://unknown.example", "web", "https://as.example"])
async def test_a_target_that_the_rule_does_not_list_is_refused(name: str, target: str) -> None:
    house = await build_exchange(gateway(resources=(API,)))
    _refused(await exchange(house, await _web(house), **{name: target}), "invalid_target")
    _refused(await exchange(house, await _web(house), **{name: [API, target]}), "invalid_target")


# covers: TEX-02
@pytest.mark.requirement("RFC8693-2.1/client-policy")
async def test_an_unlisted_pair_of_clients_is_refused() -> None:
    house = await build_exchange()
    token = str((await house.tokens("spa"))["access_token"])
    _refused(await exchange(house, token), "unauthorized_client")
    without_rules = replace(gateway(), client_id=ClientId("bare"), token_exchange=())
    await house.commit(PutClient(without_rules))
    _refused(await exchange(house, await _web(house), "bare"), "unauthorized_client")


# covers: TEX-02
async def test_a_new_token_is_no_key_to_the_rules_of_the_client_it_came_from() -> None:
    """Who may exchange tokens of `web` may not thereby exchange what the gateway got for one of them."""
    house = await build_exchange(gateway("second", "web"))
    token = (await exchanged(house, await _web(house)))["access_token"]
    _refused(await exchange(house, token, "second"), "unauthorized_client")


# covers: TEX-02
async def test_an_actor_token_of_a_stranger_names_nobody() -> None:
    house = await build_exchange()
    stranger = str((await house.tokens("spa", subject=end_users()["bob"].subject))["access_token"])
    response = await exchange(house, await _web(house), actor_token=stranger, actor_token_type=ACCESS_TOKEN)
    _refused(response, "invalid_request")


# covers: TEX-02
async def test_an_actor_that_another_one_acts_for_is_no_actor() -> None:
    house = await build_exchange(gateway("second", "gateway"))
    acted = (await exchanged(house, await _web(house)))["access_token"]
    token = (await exchanged(house, await _web(house)))["access_token"]
    response = await exchange(house, token, "second", actor_token=acted, actor_token_type=ACCESS_TOKEN)
    _refused(response, "invalid_request")


# covers: TEX-02
async def test_a_public_client_exchanges_nothing_and_cannot_be_registered_to() -> None:
    spa = replace(
        clients()["spa"],
        grant_types=clients()["spa"].grant_types | {EXCHANGE},
        token_exchange=gateway().token_exchange,
    )
    house = await build_exchange()
    assert any(fault.field == "token_exchange" for fault in client_faults(spa, house.server.policy))
    await house.commit(PutClient(spa))
    form = {"subject_token": await _web(house), "subject_token_type": ACCESS_TOKEN, "grant_type": str(EXCHANGE)}
    _refused(await house.post("/token", {**form, "client_id": "spa"}, {}), "unauthorized_client")


# covers: TEX-04
@pytest.mark.parametrize("of", ["subject", "actor"])
async def test_a_bound_token_without_its_proof_buys_nothing(of: str) -> None:
    house = await build_exchange()
    bound = await _forged(house, cnf={"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"})
    good = await _web(house)
    if of == "subject":
        _refused(await exchange(house, bound), "invalid_request")
    else:
        _refused(await exchange(house, good, actor_token=bound, actor_token_type=ACCESS_TOKEN), "invalid_request")


@pytest.mark.requirement("RFC8693-4.4/may-act")
@pytest.mark.parametrize(
    "may_act",
    [
        {"sub": "somebody"},
        {"sub": "gateway", "client_id": "web"},
        {"sub": "gateway", "iss": "https://other.example"},
        {"sub": "gateway", "email": "gateway@example.com"},
        {},
        "gateway",
    ],
)
@pytest.mark.parametrize("kind", list(ExchangeKind))
async def test_a_token_that_names_another_party_that_may_act_is_refused(
    may_act: object, kind: ExchangeKind
) -> None:
    house = await build_exchange(kind=kind)
    _refused(await exchange(house, await _forged(house, may_act=may_act)), "invalid_request")


@pytest.mark.requirement("RFC8693-4.4/may-act")
async def test_who_may_act_is_ruled_for_whatever_is_made_of_the_token() -> None:
    house = await build_exchange(gateway("second", "gateway"))
    may_act = {"sub": "gateway", "iss": "https://as.example"}
    token = (await exchanged(house, await _forged(house, may_act=may_act)))["access_token"]
    assert claims_of(token)["may_act"] == may_act
    _refused(await exchange(house, token, "second"), "invalid_request")


@pytest.mark.parametrize(
    "changes",
    [
        {"exchanged_from": []},
        {"exchanged_from": "web"},
        {"exchanged_from": [{"client_id": "web"}]},
        {"exchanged_from": [{"client_id": "spa", "gen": 0}]},
        {"exchanged_from": [{"client_id": "web", "gen": 0}, {"client_id": "gone", "gen": 0}]},
        {"gen": [0, 0, 0]},
        {"sub": "sub-bob"},
        {"sub": "gateway"},
        {"authorization_id": "unknown"},
    ],
)
async def test_a_token_whose_handles_do_not_fit_together_is_not_alive(changes: dict[str, object]) -> None:
    house = await build_exchange()
    genuine = claims_of((await exchanged(house, await _web(house)))["access_token"])
    forged = await house.server.signer.sign(genuine | changes, typ=AT_JWT, algorithm="ES256")
    await house.commit(PutClient(gateway("second", "gateway")))
    _refused(await exchange(house, forged, "second"), "invalid_request")


# covers: HTP-05
@pytest.mark.parametrize("name", ["subject_token", "subject_token_type", "scope", "actor_token", "grant_type"])
async def test_no_other_parameter_of_an_exchange_may_repeat(name: str) -> None:
    house = await build_exchange()
    _refused(await exchange(house, await _web(house), **{name: ["a", "a"]}), "invalid_request")


# covers: HTP-05
async def test_no_other_grant_takes_an_audience_twice() -> None:
    house = await build_exchange()
    form = {"grant_type": "client_credentials", "audience": [API, OTHER_API]}
    _refused(await house.post("/token", form, basic("gateway", SECRET)), "invalid_request")

"""Stolen, replayed and foreign codes and refresh tokens at the token endpoint."""

from dataclasses import replace

import pytest

from support.house import (
    OTHER_API,
    House,
    build_house,
    claims_of,
    clients,
    digest_of,
    document,
    end_users,
)
from valetkey.authorization_server.decision import (
    BumpGeneration,
    Change,
    EndSession,
    PutClient,
    PutEndUser,
    RemoveClient,
    RemoveEndUser,
)
from valetkey.oauth.http import HttpResponse
from valetkey.oauth.types import ClientId, Scope


@pytest.fixture
async def house() -> House:
    return await build_house()


def assert_refused(response: HttpResponse, code: str = "invalid_grant") -> None:
    assert response.status == 400
    assert document(response)["error"] == code
    assert "access_token" not in document(response)
    assert response.header("cache-control") == "no-store"


async def assert_dead(house: House, answer: dict[str, str]) -> None:
    assert_refused(await house.refresh(answer["refresh_token"]))
    assert (await house.bearer(answer["access_token"])).status == 401


# covers: COD-01
@pytest.mark.requirement("RFC6749-4.1.2/single-use")
async def test_a_code_that_is_used_twice_kills_all_that_it_bought(house: House) -> None:
    code = await house.code()
    answer = document(await house.redeem(code))
    newer = document(await house.refresh(answer["refresh_token"]))
    assert_refused(await house.redeem(code))
    await assert_dead(house, newer)
    (event,) = house.log.of("authorization.revoked")
    assert event["authorization_id"] == claims_of(answer["access_token"])["authorization_id"]
    assert event["requirement"] == "RFC6749-4.1.2/single-use"


# covers: COD-03
@pytest.mark.requirement("RFC6749-5.2/other-client")
@pytest.mark.parametrize("thief", ["spa", "assertion"])
async def test_a_stolen_code_buys_another_client_nothing_and_stays_good(house: House, thief: str) -> None:
    code = await house.code("web")
    assert_refused(await house.redeem(code, thief))
    assert_refused(await house.redeem(code, thief, redirect_uri="https://web.example/callback"))
    assert (await house.redeem(code, "web")).status == 200


# covers: COD-03
@pytest.mark.parametrize("change", ["vk_ac_", "x", "", "\x00", "vk_ac_" + "A" * 43, "a" * 10_000])
async def test_an_invented_code_buys_nothing(house: House, change: str) -> None:
    response = await house.redeem(change)
    assert_refused(response, "invalid_request" if not change else "invalid_grant")


# covers: COD-05
@pytest.mark.requirement("RFC7636-4.6")
@pytest.mark.parametrize("verifier", ["w" * 43, "v" * 42, "v" * 129, "v" * 42 + "="])
async def test_a_guessed_verifier_spends_the_code(house: House, verifier: str) -> None:
    code = await house.code()
    assert_refused(await house.redeem(code, code_verifier=verifier))
    assert_refused(await house.redeem(code))


# covers: COD-05
@pytest.mark.requirement("RFC7636-4.6/absent")
@pytest.mark.parametrize("verifier", [None, ""])
async def test_without_verifier_a_code_buys_nothing(house: House, verifier: str | None) -> None:
    code = await house.code()
    assert_refused(await house.redeem(code, code_verifier=verifier))
    assert (await house.redeem(code)).status == 200


# covers: COD-06
@pytest.mark.requirement("RFC9700-4.8.2/downgrade")
async def test_a_challenge_that_somebody_removed_is_noticed(house: House) -> None:
    assert_refused(await house.redeem(await house.code(code_challenge=None)))


# covers: COD-07
@pytest.mark.requirement("RFC6749-4.1.3/redirect-uri")
async def test_a_code_is_bound_to_its_redirect_uri(house: House) -> None:
    for uri in ("https://evil.example/callback", "https://web.example/callback?x", "https://web.example/Callback"):
        assert_refused(await house.redeem(await house.code(), redirect_uri=uri))
    assert_refused(await house.redeem(await house.code(redirect_uri_was_sent=False)))
    assert (await house.redeem(await house.code(), redirect_uri=None)).status == 200


# covers: COD-10
async def test_a_redemption_cannot_widen_what_was_granted(house: House) -> None:
    answer = document(await house.redeem(await house.code(), scope="albums.write orders.read"))
    assert answer["scope"] == "albums.read email offline_access openid profile"
    code = await house.code()
    assert_refused(await house.redeem(code, resource=OTHER_API), "invalid_target")
    assert (await house.redeem(code)).status == 200


# covers: COD-14
async def test_a_later_login_changes_nothing_in_earlier_tokens(house: House) -> None:
    session = await house.session(sid="session-1")
    answer = await house.tokens(sid=session.sid)
    house.clock.advance(3600)
    await house.session(sid="session-2")
    first = claims_of(answer["id_token"])
    again = claims_of(document(await house.refresh(answer["refresh_token"]))["id_token"])
    for name in ("sub", "auth_time", "acr", "amr", "sid"):
        assert again[name] == first[name]
    assert "nonce" in first
    assert "nonce" not in again


# covers: REF-01
@pytest.mark.requirement("RFC9700-4.14.2/reuse")
async def test_a_rotated_token_used_after_the_window_kills_the_family(house: House) -> None:
    answer = await house.tokens()
    newer = document(await house.refresh(answer["refresh_token"]))
    house.clock.advance(house.server.policy.replay_window)
    assert_refused(await house.refresh(answer["refresh_token"]))
    await assert_dead(house, newer)
    assert house.log.of("authorization.revoked")[0]["requirement"] == "RFC9700-4.14.2/reuse"


# covers: REF-01
@pytest.mark.requirement("RFC9700-4.14.2/reuse")
async def test_a_token_two_generations_old_kills_the_family_at_once(house: House) -> None:
    answer = await house.tokens()
    second = document(await house.refresh(answer["refresh_token"]))
    third = document(await house.refresh(second["refresh_token"]))
    assert_refused(await house.refresh(answer["refresh_token"]))
    await assert_dead(house, third)


# covers: REF-03
async def test_a_thief_inside_the_window_gets_what_the_client_already_has_and_no_fork(house: House) -> None:
    answer = await house.tokens()
    first = await house.refresh(answer["refresh_token"])
    again = await house.refresh(answer["refresh_token"])
    assert again.body == first.body
    successor = document(first)["refresh_token"]
    third = document(await house.refresh(successor))
    # The successor is used: from now on the old token is what it looks like, a stolen one.
    assert_refused(await house.refresh(answer["refresh_token"]))
    await assert_dead(house, third)


# covers: REF-03
async def test_a_stolen_store_does_not_open_the_kept_reply(house: House) -> None:
    answer = await house.tokens()
    reply = await house.refresh(answer["refresh_token"])
    stored = await house.stores.refresh_tokens.find(digest_of(answer["refresh_token"]))
    assert stored is not None
    assert stored.token.kept_reply is not None
    assert document(reply)["refresh_token"].encode() not in stored.token.kept_reply.sealed
    assert answer["refresh_token"] not in repr(stored)


# covers: REF-05
@pytest.mark.requirement("RFC6749-6/other-client")
async def test_a_stolen_refresh_token_buys_another_client_nothing(house: House) -> None:
    answer = await house.tokens("web")
    assert_refused(await house.refresh(answer["refresh_token"], "spa"))
    unauthenticated = await house.post(
        "/token",
        {"grant_type": "refresh_token", "refresh_token": answer["refresh_token"], "client_id": "web"},
    )
    assert unauthenticated.status == 401
    assert document(unauthenticated)["error"] == "invalid_client"
    assert (await house.refresh(answer["refresh_token"])).status == 200


# covers: REF-07
@pytest.mark.requirement("RFC6749-5.2/revoked")
@pytest.mark.parametrize(
    "change",
    [
        PutEndUser(replace(end_users()["alice"], disabled=True)),
        RemoveEndUser(end_users()["alice"].subject, end_users()["alice"].updated_at),
        PutEndUser(replace(end_users()["alice"], password_hash=end_users()["bob"].password_hash, username="a")),
        BumpGeneration("subject", end_users()["alice"].subject),
        BumpGeneration("tenant", ""),
        BumpGeneration("server", ""),
    ],
    ids=lambda change: type(change).__name__,
)
async def test_the_very_next_refresh_obeys(house: House, change: Change) -> None:
    answer = await house.tokens()
    newer = document(await house.refresh(answer["refresh_token"]))
    await house.commit(change)
    is_dead = not isinstance(change, PutEndUser) or change.end_user.disabled
    for token in (answer["refresh_token"], newer["refresh_token"]):
        response = await house.refresh(token)
        assert (response.status == 400) == is_dead
    assert ((await house.bearer(newer["access_token"])).status == 401) == is_dead


# covers: REF-07
async def test_a_client_that_is_gone_or_lost_the_grant_refreshes_nothing(house: House) -> None:
    answer = await house.tokens()
    web = clients()["web"]
    await house.commit(PutClient(replace(web, grant_types=web.grant_types - {"refresh_token"})))
    assert_refused(await house.refresh(answer["refresh_token"]), "unauthorized_client")
    await house.commit(PutClient(replace(web, disabled=True)))
    assert (await house.refresh(answer["refresh_token"])).status == 401
    await house.commit(PutClient(web))
    assert_refused(await house.refresh(answer["refresh_token"]))
    await house.commit(RemoveClient(ClientId("web")))
    assert (await house.refresh(answer["refresh_token"])).status == 401


# covers: REF-07
async def test_a_scope_that_the_client_lost_is_not_refreshed(house: House) -> None:
    answer = await house.tokens()
    await house.commit(PutClient(replace(clients()["web"], scope=Scope.parse("openid"))))
    assert document(await house.refresh(answer["refresh_token"]))["scope"] == "openid"


# covers: REF-08
@pytest.mark.requirement("OIDCC-11/session")
async def test_a_logout_kills_what_is_bound_to_the_session_and_only_that(house: House) -> None:
    session = await house.session()
    bound = await house.tokens(sid=session.sid, bound_to_session=True)
    outliving = await house.tokens(sid=session.sid)
    await house.commit(EndSession(session.sid, house.clock.now))
    await assert_dead(house, bound)
    assert (await house.refresh(outliving["refresh_token"])).status == 200


async def test_a_code_is_no_refresh_token_and_a_refresh_token_no_code(house: House) -> None:
    code = await house.code()
    answer = await house.tokens()
    assert_refused(await house.refresh(code))
    assert_refused(await house.redeem(answer["refresh_token"]))
    assert_refused(await house.refresh(answer["access_token"]))
    assert (await house.bearer(answer["refresh_token"])).status == 401

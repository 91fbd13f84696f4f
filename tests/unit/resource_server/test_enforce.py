import pytest

from support.asking import asking
from support.issuer import ISSUER, NOW, RESOURCE, HeldKeys, TestIssuer
from valetkey.jose import Jwk, jwt
from valetkey.oauth.challenge import Challenge, parse_challenges
from valetkey.resource_server import Allow, Deny, PrincipalKind, ResourceServer, Rule

AS = TestIssuer()
SOURCE = AS.source()
READ = Rule.requiring("albums.read")
METADATA = "https://api.example/.well-known/oauth-protected-resource/albums"


def _server(keys: HeldKeys = SOURCE) -> ResourceServer:
    return ResourceServer.of_issuer(issuer=ISSUER, resource=RESOURCE, keys=keys)


async def _allowed(token: str, rule: Rule = READ) -> Allow:
    outcome = await _server().decide(asking(f"Bearer {token}"), rule)
    assert isinstance(outcome, Allow)
    return outcome


async def _denied(*authorization: str, rule: Rule = READ, keys: HeldKeys = SOURCE) -> tuple[Deny, Challenge]:
    outcome = await _server(keys).decide(asking(*authorization), rule)
    assert isinstance(outcome, Deny)
    header = dict(outcome.headers).get("www-authenticate", "")
    return outcome, (*parse_challenges(header), Challenge(""))[0]


pytestmark = pytest.mark.anyio


@pytest.mark.requirement("RFC6750-2.1/header")
async def test_a_good_token_passes_with_what_it_says() -> None:
    token = (await _allowed(AS.token())).token
    assert (token.subject, token.client_id, str(token.scope)) == ("alice", "web", "albums.read")
    assert token.principal is PrincipalKind.END_USER
    assert token.expires_at == NOW + 300


async def test_the_scheme_is_read_in_any_case() -> None:
    assert isinstance(await _server().decide(asking(f"bEARER {AS.token()}"), READ), Allow)


# covers: JWS-32
@pytest.mark.requirement("RFC9068-5/client-subject")
async def test_a_client_that_acts_for_itself_is_never_taken_for_an_end_user() -> None:
    token = (await _allowed(AS.token({"sub": "machine", "client_id": "machine"}))).token
    assert token.principal is PrincipalKind.CLIENT


# covers: GTW-01
@pytest.mark.requirement("RFC6750-3/challenge")
@pytest.mark.requirement("RFC6750-3/scheme")
@pytest.mark.requirement("RFC6750-3.1/no-error-code")
@pytest.mark.parametrize("authorization", [(), ("Basic dTpw",), ("",)])
async def test_without_a_token_the_challenge_carries_no_error(authorization: tuple[str, ...]) -> None:
    deny, challenge = await _denied(*authorization)
    assert deny.status == 401
    assert challenge.scheme == "Bearer"
    assert challenge.get("error") is None
    assert challenge.get("scope") == "albums.read"
    assert challenge.get("resource_metadata") == METADATA


# covers: GTW-01
@pytest.mark.requirement("RFC6750-3.1/invalid-request")
@pytest.mark.parametrize(
    "authorization", [("Bearer",), ("Bearer ",), ("Bearer a b",), ("Bearer ä",), ("Bearer x", "Bearer y")]
)
async def test_unreadable_credentials_are_an_invalid_request(authorization: tuple[str, ...]) -> None:
    deny, challenge = await _denied(*authorization)
    assert (deny.status, challenge.get("error")) == (400, "invalid_request")


# covers: GTW-01
async def test_a_header_of_64_kilobytes_is_an_invalid_token() -> None:
    deny, challenge = await _denied("Bearer " + "a" * 65_536)
    assert (deny.status, challenge.get("error")) == (401, "invalid_token")


@pytest.mark.requirement("RFC9068-4/verification")
@pytest.mark.requirement("RFC9068-4/invalid-token")
@pytest.mark.requirement("RFC6750-3.1/invalid-token")
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"exp": NOW}, "The token is expired."),
        ({"iss": "https://as.example/"}, "another issuer"),
        ({"aud": "https://other.example"}, "another audience"),
        ({"aud": "https://api.example"}, "another audience"),
        ({"exp": None}, "missing"),
        ({"jti": None}, "missing"),
        ({"client_id": None}, "missing"),
        ({"sub": None}, "missing"),
        ({"iat": NOW + 61}, "not valid yet"),
    ],
)
async def test_a_token_that_does_not_verify_is_refused_with_the_reason(
    changes: dict[str, object], reason: str
) -> None:
    deny, challenge = await _denied(f"Bearer {AS.token(changes)}")
    assert (deny.status, challenge.get("error")) == (401, "invalid_token")
    assert reason in deny.description
    assert deny.document()["error_description"] == challenge.get("error_description")


# covers: JWS-31
@pytest.mark.requirement("RFC9068-4/typ")
@pytest.mark.parametrize("typ", ["JWT", "logout+jwt", "dpop+jwt"])
async def test_another_kind_of_jwt_is_no_access_token(typ: str) -> None:
    deny, challenge = await _denied(f"Bearer {AS.token(typ=typ)}")
    assert (deny.status, challenge.get("error")) == (401, "invalid_token")


async def test_a_token_signed_by_a_stranger_is_refused() -> None:
    stranger = TestIssuer(Jwk.generate("ES256", kid=AS.key.kid))
    deny, challenge = await _denied(f"Bearer {stranger.token()}")
    assert (deny.status, challenge.get("error")) == (401, "invalid_token")


# covers: JWS-35
async def test_the_answer_repeats_nothing_of_the_token() -> None:
    token = jwt.sign({"iss": "secret-value", "sub": "x"}, AS.key, typ="at+jwt")
    deny, _ = await _denied(f"Bearer {token}")
    assert "secret-value" not in repr(deny)
    assert token not in repr(deny)


@pytest.mark.requirement("RFC6750-3/once")
async def test_every_attribute_of_a_challenge_stands_once() -> None:
    for authorization in (
        (),
        ("Bearer",),
        (f"Bearer {AS.token({'exp': NOW})}",),
        (f"Bearer {AS.token({'scope': 'x'})}",),
    ):
        _, challenge = await _denied(*authorization)
        names = [name for name, _ in challenge.parameters]
        assert len(names) == len(set(names))


# covers: GTW-02
@pytest.mark.requirement("RFC6750-3.1/insufficient-scope")
async def test_too_little_scope_is_forbidden_and_the_whole_scope_is_named() -> None:
    deny, challenge = await _denied(f"Bearer {AS.token()}", rule=Rule.requiring("albums.write", "albums.read"))
    assert (deny.status, challenge.get("error")) == (403, "insufficient_scope")
    assert challenge.get("scope") == "albums.read albums.write"


async def test_a_rule_without_scope_asks_for_a_valid_token_only() -> None:
    await _allowed(AS.token({"scope": None}), Rule())
    deny, challenge = await _denied(rule=Rule())
    assert deny.status == 401
    assert challenge.get("scope") is None


# covers: GTW-07
async def test_a_dead_key_source_is_our_fault_and_never_a_401() -> None:
    keys = AS.source()
    keys.is_down = True
    deny, _ = await _denied(f"Bearer {AS.token()}", keys=keys)
    assert deny.status == 503
    assert dict(deny.headers)["retry-after"]
    assert "www-authenticate" not in dict(deny.headers)
    keys.is_down = False
    assert isinstance(await _server(keys).decide(asking(f"Bearer {AS.token()}"), READ), Allow)


@pytest.mark.parametrize("resource", ["albums", "/albums", "https://api.example/#x", ""])
async def test_a_resource_that_is_no_absolute_uri_is_refused_at_construction(resource: str) -> None:
    with pytest.raises(ValueError, match="absolute URI"):
        ResourceServer.of_issuer(issuer=ISSUER, resource=resource, keys=SOURCE)


@pytest.mark.parametrize("name", ["", "a b", 'a"b', "ä"])
async def test_a_rule_with_a_malformed_scope_is_refused(name: str) -> None:
    with pytest.raises(Exception, match="scope"):
        Rule.requiring(name)

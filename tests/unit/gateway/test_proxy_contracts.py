"""The contracts with proxies: one source for everything that is judged, and answers that each proxy can carry."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from valetkey.gateway.contracts import CONTRACTS, ENVOY_GRPC, HttpContract
from valetkey.gateway.contracts.contract import PARTS
from valetkey.gateway.contracts.headers import ASSERTION, IDENTITY_HEADERS
from valetkey.gateway.snippets import SNIPPETS, Address, Addresses, Credentials, snippet
from valetkey.oauth.access_token import AccessToken, PrincipalKind
from valetkey.oauth.http import HttpRequest
from valetkey.oauth.types import ClientId, NumericDate, Scope, Subject
from valetkey.resource_server import Allow, AllowAnonymous, Challenge, Forbid, Limited, RequestView, Unavailable
from valetkey.resource_server.decision import BadRequest, Decision

SAID = {"method": "GET", "scheme": "https", "host": "api.example", "target": "/a?b=c", "address": "192.0.2.7"}
LIMIT = (("ratelimit-policy", '"all";q=5;w=60'), ("ratelimit", '"all";r=4;t=60'))
ASSERTED = ((ASSERTION, "eyJ.e30.c2ln"),)
every = pytest.mark.parametrize("contract", CONTRACTS.values(), ids=list(CONTRACTS))


def asked(contract: HttpContract, *further: tuple[str, str], **changes: str | None) -> HttpRequest:
    said = {part: changes.get(part, SAID[part]) for part in PARTS}
    headers = [(getattr(contract.sources, part).field.lower(), value) for part, value in said.items()]
    pairs = [(name, value) for name, value in (*headers, *further) if value is not None]
    path = f"/decide/{contract.name}"
    return HttpRequest("GET", path, headers=[(name.encode(), value.encode("latin-1")) for name, value in pairs])


@every
def test_a_contract_reads_what_the_proxy_was_asked(contract: HttpContract) -> None:
    view = contract.read(asked(contract, ("authorization", "Bearer t"), ("cookie", "c=1"), ("x-api-key", "k")))
    assert isinstance(view, RequestView)
    assert {part: getattr(view, part) for part in PARTS} == SAID
    # The decision reads credentials, and nothing else that the client sent.
    assert view.headers == ((b"authorization", b"Bearer t"), (b"x-api-key", b"k"))


# covers: GTW-04
@every
@pytest.mark.parametrize("part", PARTS)
def test_a_source_that_is_absent_or_repeated_refuses_the_request(contract: HttpContract, part: str) -> None:
    field = getattr(contract.sources, part).field.lower()
    assert isinstance(contract.read(asked(contract, **{part: None})), BadRequest)
    assert isinstance(contract.read(asked(contract, (field, SAID[part]))), BadRequest)


# covers: GTW-04
@every
def test_what_any_other_header_says_of_the_request_is_ignored(contract: HttpContract) -> None:
    others = {getattr(each.sources, part).field.lower() for each in CONTRACTS.values() for part in PARTS} - {
        getattr(contract.sources, part).field.lower() for part in PARTS
    }
    forged = [(name, "/forged") for name in (*sorted(others), "x-original-url", "x-rewrite-url", "forwarded")]
    assert contract.read(asked(contract, *forged)) == contract.read(asked(contract))


@every
@pytest.mark.parametrize(
    ("part", "value"),
    [
        *(("method", odd) for odd in ("", "GET /", "GE T", "GET\x00", "G" * 65)),
        *(("scheme", odd) for odd in ("", "ftp", "http, https", "https://")),
        *(("host", odd) for odd in ("", "a, b", "a/b", "user@a", "a b", "a?b", "a\\b", "a\x7f")),
        *(("target", odd) for odd in ("", "/a b", "/a\x00", "/a\xe9", "/" + "a" * 20_000)),
        *(("address", odd) for odd in ("", "unix:", "192.0.2.1, 192.0.2.2", "192.0.2.1:80", "localhost")),
    ],
)
def test_a_source_that_cannot_be_read_refuses_the_request(contract: HttpContract, part: str, value: str) -> None:
    assert isinstance(contract.read(asked(contract, **{part: value})), BadRequest)


def test_a_websocket_is_judged_as_the_request_that_opens_it() -> None:
    view = CONTRACTS["traefik"].read(asked(CONTRACTS["traefik"], scheme="wss"))
    assert isinstance(view, RequestView)
    assert view.scheme == "https"


def token() -> AccessToken:
    return AccessToken(
        issuer="https://as.example",
        subject=Subject("alice"),
        client_id=ClientId("web"),
        principal=PrincipalKind.END_USER,
        audience=("https://api.example",),
        scope=Scope.parse("a"),
        issued_at=NumericDate(1),
        expires_at=NumericDate(2),
        token_id="t",
    )


DENIED = (
    BadRequest("invalid_request", "It cannot be read.", (("cache-control", "no-store"),)),
    Challenge("invalid_token", "It expired.", (("www-authenticate", 'Bearer error="invalid_token"'),)),
    Forbid("access_denied", "No rule is for this path.", (("cache-control", "no-store"),)),
    Limited(None, "Too many requests.", (*LIMIT, ("retry-after", "7"))),
    Unavailable("temporarily_unavailable", "Try again.", (("retry-after", "2"),)),
)


@every
def test_who_is_allowed_is_named_to_the_api_and_no_answer_is_kept(contract: HttpContract) -> None:
    for decision in (Allow(token(), LIMIT), AllowAnonymous(LIMIT)):
        answer = contract.write(decision, ASSERTED)
        assert (answer.status, answer.body) == (200, b"")
        assert answer.header(ASSERTION) == ASSERTED[0][1]
        assert answer.header("ratelimit") == LIMIT[1][1]
        assert answer.header("cache-control") == "no-store"


@every
@pytest.mark.parametrize("denied", DENIED, ids=lambda denied: str(denied.status))
def test_a_refusal_is_carried_whole_and_names_nobody(contract: HttpContract, denied: Decision) -> None:
    assert not isinstance(denied, Allow | AllowAnonymous)
    answer = contract.write(denied, ASSERTED)
    if contract.name == "nginx":
        assert answer.status == 403
        assert answer.header("x-valetkey-status") == str(denied.status)
        assert json.loads(answer.header("x-valetkey-body") or "") == denied.document()
    else:
        assert answer.status == denied.status
        assert json.loads(answer.body) == denied.document()
    assert set(denied.headers) <= set(answer.headers)
    assert answer.header(ASSERTION) is None


@pytest.mark.parametrize("contract", [*CONTRACTS.values(), ENVOY_GRPC], ids=lambda contract: contract.name)
@pytest.mark.parametrize(
    "identity",
    [
        (("x-user", "alice"),),
        ((ASSERTION, "a\r\nX-Valetkey-Subject: root"),),
        ((ASSERTION, ""),),
        ((ASSERTION, "a"), (ASSERTION, "b")),
        ((IDENTITY_HEADERS[1], "älice"),),
    ],
    ids=["not ours", "two lines", "empty", "twice", "beyond ASCII"],
)
def test_no_identity_header_is_written_that_a_proxy_could_read_otherwise(
    contract: HttpContract, identity: tuple[tuple[str, str], ...]
) -> None:
    with pytest.raises(ValueError, match="identity header"):
        contract.write(Allow(token()), identity)


@every
@given(headers=st.lists(st.tuples(st.binary(max_size=12), st.binary(max_size=40)), max_size=12))
def test_no_headers_at_all_make_a_contract_fail(contract: HttpContract, headers: list[tuple[bytes, bytes]]) -> None:
    named = [(list(contract.sources.parts)[index % 5], value) for index, (_, value) in enumerate(headers)]
    for pairs in (headers, named):
        assert isinstance(contract.read(HttpRequest("GET", "/", headers=pairs)), RequestView | BadRequest)


ELSEWHERE = Addresses(Address("api", 1), Address.parse("[::1]:4180"), Address.parse("0.0.0.0:80"))


@pytest.mark.parametrize("name", list(SNIPPETS))
def test_a_snippet_names_the_addresses_and_leaves_no_placeholder(name: str) -> None:
    text = snippet(name, ELSEWHERE)
    assert "@dropped" not in text
    for part in ("UPSTREAM", "DECISION", "LISTEN"):
        assert f"@{part}" not in text
    if name != "haproxy-lua":
        assert "::1" in text


@pytest.mark.parametrize("name", [name for name in SNIPPETS if name != "haproxy-lua"])
def test_a_snippet_keeps_the_credentials_from_the_api_unless_told_otherwise(name: str) -> None:
    dropped = snippet(name, Addresses()).splitlines()
    forwarded = snippet(name, Addresses(), Credentials.FORWARDED).splitlines()
    assert len(forwarded) < len(dropped)
    assert set(forwarded) < set(dropped)


@pytest.mark.parametrize(
    "text", ["", "api", "api:", "api:0", "api:65536", "a b:80", "a;b:80", "::1:80", "api:\uff18\uff10"]
)
def test_an_address_of_a_snippet_is_host_and_port(text: str) -> None:
    with pytest.raises(ValueError, match="HOST:PORT"):
        Address.parse(text)


def test_the_sources_of_a_contract_stand_in_its_snippet() -> None:
    for name, contract in CONTRACTS.items():
        text = snippet(name, Addresses()) + (snippet("haproxy-lua", Addresses()) if name == "haproxy" else "")
        for part in PARTS:
            field = getattr(contract.sources, part).field
            # Traefik's names are its own; every other snippet says them.
            assert name == "traefik" or field.lower() in text.lower(), (name, field)


def test_a_view_is_written_without_what_may_be_secret() -> None:
    view = CONTRACTS["caddy"].read(asked(CONTRACTS["caddy"], ("authorization", "Bearer secret")))
    assert "secret" not in repr(view)
    assert isinstance(view, msgspec.Struct)

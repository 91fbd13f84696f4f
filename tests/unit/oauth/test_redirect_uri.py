import pytest

from support.requirement import requirement
from valetkey.oauth.errors import ErrorCode
from valetkey.oauth.redirect_uri import (
    ApplicationType,
    LoopbackPort,
    RedirectUriMismatch,
    VerifiedRedirect,
    parse_registered,
    sole,
    verify,
)

CALLBACK = "https://app.example/callback"
WEB = ApplicationType.WEB
NATIVE = ApplicationType.NATIVE
FIXED = LoopbackPort.AS_REGISTERED
ANY = LoopbackPort.ANY_ON_IP_LITERAL
ANY_AND_LOCALHOST = LoopbackPort.ANY_ON_IP_LITERAL_AND_LOCALHOST


@requirement("OIDCC-3.1.2.1/redirect-uri")
def test_the_registered_redirect_uri_is_verified() -> None:
    assert verify(CALLBACK, (CALLBACK,), FIXED).uri == CALLBACK


# covers: RDR-04, RDR-05, RDR-07
@pytest.mark.parametrize(
    "requested",
    [
        "https://app.example/callback/../admin",
        "https://app.example/callback/%2e%2e/admin",
        "https://app.example/callback/..;/admin",
        "https://app.example//callback",
        "https://app.example/callback%2f",
        "https://app.example/callback%5c",
        "https://app.example\\callback",
        "https://app.example/callback\t",
        "https://app.example/callback\r\n",
        "https://app.example/callback\x00",
        " https://app.example/callback",
        "https://app.example/callback ",
        "https://app.example/callback/",
        "https://app.example/callback?x=1",
        "https://app.example/callback#x",
        "https://APP.example/callback",
        "HTTPS://app.example/callback",
        "https://app.example:443/callback",
        "http://app.example/callback",
        "https://app.example@evil.example/callback",
        "https://a@b@evil.example/callback",
        "https://app.example%40evil.example/callback",
        "https://app.example.evil.example/callback",
        "https://evilapp.example/callback",
        "//app.example/callback",
        "",
    ],
)
def test_another_spelling_is_another_redirect_uri(requested: str) -> None:
    with pytest.raises(RedirectUriMismatch) as refused:
        verify(requested, (CALLBACK,), ANY_AND_LOCALHOST)
    assert refused.value.code is ErrorCode.INVALID_REQUEST
    assert refused.value.requirement == "OIDCC-3.1.2.1/redirect-uri"


# covers: RDR-07
def test_no_character_of_a_registered_uri_is_a_pattern() -> None:
    for pattern in ("https://*.app.example/cb", "https://app.example/.*", "https://app?example/cb"):
        with pytest.raises(RedirectUriMismatch):
            verify("https://x.app.example/cb", (pattern,), ANY)


# covers: RDR-08
@requirement("RFC8252-7.3")
@pytest.mark.parametrize(
    ("registered", "requested", "ports"),
    [
        ("http://127.0.0.1/cb", "http://127.0.0.1:51004/cb", ANY),
        ("http://127.0.0.1:8000/cb", "http://127.0.0.1:51004/cb", ANY),
        ("http://127.0.0.1:8000/cb", "http://127.0.0.1/cb", ANY),
        ("http://[::1]/cb?x=1", "http://[::1]:51004/cb?x=1", ANY),
        ("http://localhost/cb", "http://localhost:51004/cb", ANY_AND_LOCALHOST),
        ("http://localhost:3000/cb", "http://localhost:3000/cb", FIXED),
    ],
)
def test_the_port_of_a_loopback_redirect_may_differ(registered: str, requested: str, ports: LoopbackPort) -> None:
    assert verify(requested, (registered,), ports).uri == requested


# covers: RDR-08
@requirement("RFC8252-7.3")
@pytest.mark.parametrize(
    ("registered", "requested", "ports"),
    [
        ("http://127.0.0.1/cb", "http://127.0.0.1:51004/other", ANY),
        ("http://127.0.0.1/cb", "http://127.0.0.1:51004/cb?x=1", ANY),
        ("http://127.0.0.1/cb", "http://127.0.0.1:51004", ANY),
        ("http://127.0.0.1/cb", "http://127.0.0.2:51004/cb", ANY),
        ("http://127.0.0.1/cb", "http://localhost:51004/cb", ANY_AND_LOCALHOST),
        ("http://localhost/cb", "http://127.0.0.1:51004/cb", ANY_AND_LOCALHOST),
        ("http://127.0.0.1/cb", "http://127.0.0.1.evil.example:51004/cb", ANY),
        ("http://127.0.0.1/cb", "http://127.0.0.1:51004@evil.example/cb", ANY),
        ("http://127.0.0.1/cb", "https://127.0.0.1:51004/cb", ANY),
        ("https://127.0.0.1/cb", "https://127.0.0.1:51004/cb", ANY),
        ("http://127.0.0.1/cb", "http://127.0.0.1:65536/cb", ANY),
        ("http://127.0.0.1/cb", "http://127.0.0.1:0/cb", ANY),
        ("http://127.0.0.1/cb", "http://127.0.0.1:/cb", ANY),
        ("http://127.0.0.1/cb", "http://127.0.0.1:51004/cb", FIXED),
        ("http://localhost/cb", "http://localhost:51004/cb", ANY),
        ("http://localhost/cb", "http://localhost:51004/cb", FIXED),
    ],
)
def test_nothing_but_the_port_of_a_loopback_redirect_may_differ(
    registered: str, requested: str, ports: LoopbackPort
) -> None:
    with pytest.raises(RedirectUriMismatch):
        verify(requested, (registered,), ports)


@requirement("RFC6749-3.1.2.3")
def test_the_parameter_may_be_left_out_only_where_one_uri_is_registered() -> None:
    assert sole((CALLBACK,)).uri == CALLBACK
    for registered in ((), (CALLBACK, "https://app.example/other")):
        with pytest.raises(RedirectUriMismatch):
            sole(registered)


def test_a_verified_redirect_cannot_be_made_by_hand() -> None:
    with pytest.raises(TypeError):
        VerifiedRedirect("https://evil.example/", object())


@pytest.mark.parametrize(
    ("uri", "application_type"),
    [
        (CALLBACK, WEB),
        ("https://app.example", WEB),
        ("https://app.example:8443/cb?tenant=a%20b", WEB),
        ("https://xn--bcher-kva.example/cb", WEB),
        ("https://[2001:db8::1]/cb", WEB),
        ("http://localhost:3000/cb", WEB),
        ("http://127.0.0.1/cb", NATIVE),
        ("http://[::1]:8080/cb", NATIVE),
        (CALLBACK, NATIVE),
        ("com.example.app:/callback", NATIVE),
        ("com.example.app://callback", NATIVE),
    ],
)
def test_a_sound_redirect_uri_is_registered_as_it_is(uri: str, application_type: ApplicationType) -> None:
    assert parse_registered(uri, application_type) == uri


# covers: RDR-04, RDR-05, RDR-07
@requirement("RFC9700-2.6/no-http-redirect")
@requirement("RFC6749-3.1.2/fragment")
@pytest.mark.parametrize(
    "uri",
    [
        "",
        "/callback",
        "//app.example/cb",
        "https:/cb",
        "https:///cb",
        "https://app.example/cb#",
        "https://app.example/cb#x",
        "https://good@evil.example/cb",
        "https://user:word@app.example/cb",
        "https://@app.example/cb",
        "https://good%40evil.example/cb",
        "https://*.app.example/cb",
        "https://app.example/*",
        "https://(a|b).example/cb",
        "https://app.example/a/../cb",
        "https://app.example/a/%2e%2e/cb",
        "https://app.example/a/%2E/cb",
        "https://app.example/a/..;x/cb",
        "https://app.example/a//cb",
        "https://app.example/a%2fcb",
        "https://app.example/a%5ccb",
        "https://app.example/a\\cb",
        "https://app.example/a%0d%0acb",
        "https://app.example/a%00",
        "https://app.example/a%zz",
        "https://app.example/a b",
        "https://app.example/a\tb",
        "https://app.example/a\n",
        "https://bücher.example/cb",
        "https://app.example:0/cb",
        "https://app.example:99999/cb",
        "https://app.example:/cb",
        "https://-app.example/cb",
        "https://[::1/cb",
        "http://app.example/cb",
        "http://127.0.0.2/cb",
        "http://127.0.0.1.evil.example/cb",
        "http://localhost.evil.example/cb",
        "https://app.example/cb?code=mine",
        "https://app.example/cb?x=1&state",
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "myapp:/callback",
        "com.example.app:callback",
        "com.example.app://user@callback",
        "https://app.example/" + "a" * 2_000,
    ],
)
@pytest.mark.parametrize("application_type", [WEB, NATIVE])
def test_an_unsound_redirect_uri_is_not_registered(uri: str, application_type: ApplicationType) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_registered(uri, application_type)


@requirement("RFC8252-7.1")
def test_a_private_use_scheme_is_for_native_applications_alone() -> None:
    with pytest.raises(ValueError, match="native"):
        parse_registered("com.example.app:/callback", WEB)


@pytest.mark.parametrize(
    ("uri", "source", "host"),
    [
        ("https://App.example:8443/cb?x", "https://app.example:8443", "app.example:8443"),
        ("http://127.0.0.1:51004/cb", "http://127.0.0.1:51004", "127.0.0.1:51004"),
        ("http://[::1]:51004/cb", "http:", "[::1]:51004"),
        ("com.example.app:/cb", "com.example.app:", "com.example.app"),
    ],
)
def test_a_verified_redirect_names_its_form_action_source_and_its_host(uri: str, source: str, host: str) -> None:
    verified = verify(uri, (uri,), FIXED)
    assert (verified.origin_or_scheme, verified.host) == (source, host)


def test_a_verified_redirect_says_whose_it_can_only_be() -> None:
    kinds = [(verified.is_https, verified.is_loopback) for verified in map(_own, (
        CALLBACK, "http://127.0.0.1:1/cb", "http://localhost", "com.example.app:/cb",
    ))]  # fmt: skip
    assert kinds == [(True, False), (False, True), (False, True), (False, False)]


def _own(uri: str) -> VerifiedRedirect:
    return verify(uri, (uri,), FIXED)

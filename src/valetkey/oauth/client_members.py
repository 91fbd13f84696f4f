"""THE TABLE of what OpenID Connect lets a client say of itself (Registration, 2; the logout specifications).

Whatever reads or tells these members is derived from it: the registration endpoint and its answers, the settings
of declared clients, the command line, and the reference pages.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from valetkey.jose.records import dataclass

MAXIMUM_URIS: Final = 20
MAXIMUM_URI: Final = 2_000
"""Characters."""
MAXIMUM_LIST: Final = 20
MAXIMUM_TEXT: Final = 200
"""Characters of a text that is no URI."""
MAXIMUM_SECONDS: Final = 10 * 365 * 86_400


class Shape(StrEnum):
    """What the value of a member is; what a client may say with it, `client_faults` judges."""

    TEXT = "text"
    TEXTS = "texts"
    FLAG = "flag"
    SECONDS = "seconds"
    URL = "url"
    URLS = "urls"
    PAGE = "page"
    """The URL of something that people look at, and nothing depends on."""


_EXPECTED: Final = {
    Shape.TEXT: f"a text of 1 to {MAXIMUM_TEXT} printable characters",
    Shape.TEXTS: f"a list of {MAXIMUM_LIST} texts at most",
    Shape.FLAG: "true or false",
    Shape.SECONDS: f"a whole number of seconds from 0 to {MAXIMUM_SECONDS}",
    Shape.URL: f"a URL of {MAXIMUM_URI} characters at most",
    Shape.URLS: f"a list of {MAXIMUM_URIS} URLs of {MAXIMUM_URI} characters at most",
    Shape.PAGE: f"a URL of {MAXIMUM_URI} characters at most",
}


@dataclass(frozen=True, slots=True)
class Member:
    """One row: `doc` is one or two sentences, `example` is both JSON and TOML."""

    name: str
    shape: Shape
    doc: str
    example: str
    options: tuple[str, ...] = ()
    """The only values that it may have; empty: any of its shape."""

    @property
    def expected(self) -> str:
        """Completes "expected ..."."""
        return f"one of {', '.join(self.options)}" if self.options else _EXPECTED[self.shape]

    @property
    def is_list(self) -> bool:
        """Whether its value is an array."""
        return self.shape in {Shape.TEXTS, Shape.URLS}

    def read(self, value: object) -> object:
        """Return a JSON value as it is kept: an array as a tuple without repetitions; raises ValueError."""
        is_sound = self._is_item(value)
        if self.is_list:
            is_sound = (
                isinstance(value, (list, tuple)) and len(value) <= MAXIMUM_LIST and all(map(self._is_item, value))
            )
        if not is_sound:
            raise ValueError(self.expected)
        return tuple(dict.fromkeys(value)) if isinstance(value, (list, tuple)) else value

    def _is_item(self, value: object) -> bool:
        match self.shape:
            case Shape.FLAG:
                return isinstance(value, bool)
            case Shape.SECONDS:
                # JSON's true is no number, though Python's True is one.
                return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAXIMUM_SECONDS
            case Shape.TEXT | Shape.TEXTS:
                return _is_text(value, MAXIMUM_TEXT) and (not self.options or value in self.options)
            case Shape.URL | Shape.URLS | Shape.PAGE:
                return _is_text(value, MAXIMUM_URI)


def _is_text(value: object, most: int) -> bool:
    return isinstance(value, str) and 0 < len(value) <= most and value.isprintable()


CLIENT_MEMBERS: Final = (
    Member(
        "response_types",
        Shape.TEXTS,
        "The response types that it may ask for; all that its grant types allow where absent.",
        '["code"]',
    ),
    Member(
        "subject_type",
        Shape.TEXT,
        "`pairwise`: the `sub` by which it knows an end-user is known to no client of another sector.",
        '"pairwise"',
        ("public", "pairwise"),
    ),
    Member(
        "sector_identifier_uri",
        Shape.URL,
        "With pairwise subjects: the https document that lists its redirect URIs, and whose host is its sector. A "
        "client with redirect URIs on several hosts needs one.",
        '"https://shop.example.com/redirect-uris.json"',
    ),
    Member(
        "id_token_encrypted_response_alg",
        Shape.TEXT,
        "The algorithm by which its ID Tokens are encrypted for a key of its jwks or jwks_uri; none where absent.",
        '"ECDH-ES+A256KW"',
    ),
    Member(
        "id_token_encrypted_response_enc",
        Shape.TEXT,
        "The content encryption that goes with it; A128CBC-HS256 where absent.",
        '"A256GCM"',
    ),
    Member(
        "userinfo_signed_response_alg",
        Shape.TEXT,
        "The algorithm that signs its UserInfo responses; they are plain JSON where absent.",
        '"RS256"',
    ),
    Member(
        "userinfo_encrypted_response_alg",
        Shape.TEXT,
        "The algorithm by which its UserInfo responses are encrypted; none where absent.",
        '"ECDH-ES+A256KW"',
    ),
    Member(
        "userinfo_encrypted_response_enc",
        Shape.TEXT,
        "The content encryption that goes with it; A128CBC-HS256 where absent.",
        '"A256GCM"',
    ),
    Member(
        "request_object_signing_alg",
        Shape.TEXT,
        "The one algorithm of its request objects; every one that its keys fit where absent.",
        '"ES256"',
    ),
    Member(
        "request_object_encryption_alg",
        Shape.TEXT,
        "The algorithm by which it may encrypt its request objects for this server.",
        '"RSA-OAEP-256"',
    ),
    Member(
        "request_object_encryption_enc",
        Shape.TEXT,
        "The content encryption that goes with it; A128CBC-HS256 where absent.",
        '"A256GCM"',
    ),
    Member(
        "request_uris",
        Shape.URLS,
        "The https addresses of its request objects; a fragment is the SHA-256 digest of what stands there.",
        '["https://shop.example.com/request.jwt"]',
    ),
    Member(
        "require_signed_request_object",
        Shape.FLAG,
        "Whether its authorization requests are refused unless they come as a signed request object.",
        "true",
    ),
    Member(
        "default_max_age",
        Shape.SECONDS,
        "How many seconds ago its end-users may have signed in at most, where a request names no max_age.",
        "3600",
    ),
    Member(
        "require_auth_time",
        Shape.FLAG,
        "Whether each of its ID Tokens says when the end-user signed in.",
        "true",
    ),
    Member(
        "default_acr_values",
        Shape.TEXTS,
        "How its end-users should sign in, the best first, where a request names no acr_values.",
        '["urn:valetkey:acr:password"]',
    ),
    Member(
        "initiate_login_uri",
        Shape.URL,
        "Where others may send a browser so that it begins to sign in; https.",
        '"https://shop.example.com/login"',
    ),
    Member(
        "frontchannel_logout_uri",
        Shape.URL,
        "What the signed-out page loads in a frame, so that it ends its session; on the origin of a redirect URI.",
        '"https://shop.example.com/logged-out"',
    ),
    Member(
        "frontchannel_logout_session_required",
        Shape.FLAG,
        "Whether that address is told which session ended, by `iss` and `sid`.",
        "true",
    ),
    Member(
        "backchannel_logout_uri",
        Shape.URL,
        "Where this server posts a logout token when a session ends; https.",
        '"https://shop.example.com/backchannel-logout"',
    ),
    Member(
        "backchannel_logout_session_required",
        Shape.FLAG,
        "Whether its logout tokens name the session, by `sid`.",
        "true",
    ),
    Member("client_uri", Shape.PAGE, "Its home page, for people; https.", '"https://shop.example.com/"'),
    Member(
        "logo_uri",
        Shape.PAGE,
        "Its logo on the consent page; https, PNG, JPEG or WebP of 64 kB at most. The server fetches it and serves "
        "it itself: browsers never ask for it there.",
        '"https://shop.example.com/logo.png"',
    ),
    Member(
        "policy_uri",
        Shape.PAGE,
        "How it uses what it learns about people, linked on the consent page; https.",
        '"https://shop.example.com/privacy"',
    ),
    Member(
        "tos_uri",
        Shape.PAGE,
        "Its terms of service, linked on the consent page; https.",
        '"https://shop.example.com/terms"',
    ),
)
"""Every member that `valetkey.authorization_server.openid_client` keeps, in its order."""

PAGES: Final = tuple(member.name for member in CLIENT_MEMBERS if member.shape is Shape.PAGE)

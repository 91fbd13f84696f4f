"""The joined matrix as one look-up."""

import pytest

from valetkey.adapters.asgi.table import RouteTable
from valetkey.administration.routes import CALLS
from valetkey.authorization_server.routes import ROUTES, Cache, Cors, Route
from valetkey.oauth.types import Issuer

EVERY = (*ROUTES, *CALLS)
ROOT = RouteTable(EVERY, Issuer.parse("https://as.example"))
MOUNTED = RouteTable(EVERY, Issuer.parse("https://as.example/auth"))


def found(table: RouteTable, raw_path: bytes) -> tuple[str, str] | None:
    place = table.find(raw_path)
    return (place.tenant, place.path) if place else None


@pytest.mark.parametrize(
    ("raw_path", "expected"),
    [
        (b"/token", ("default", "/token")),
        (b"/%74oken", ("default", "/token")),
        (b"/t/acme/token", ("acme", "/token")),
        (b"/t/acme/.well-known/openid-configuration", ("acme", "/.well-known/openid-configuration")),
        (b"/t/default/token", None),
        (b"/t/ACME/token", None),
        (b"/t//token", None),
        (b"/t/acme/t/other/token", None),
        (b"/token/", None),
        (b"//token", None),
        (b"/TOKEN", None),
        (b"/t/../token", None),
        (b"", None),
        (b"*", None),
    ],
)
def test_a_path_names_a_row_of_a_tenant_or_nothing(raw_path: bytes, expected: tuple[str, str] | None) -> None:
    assert found(ROOT, raw_path) == expected


@pytest.mark.parametrize(
    ("raw_path", "row"),
    [
        (b"/api/v1/api-keys", "/api/v1/api-keys"),
        (b"/api/v1/api-keys/ak_1", "/api/v1/api-keys/{key_id}"),
        (b"/api/v1/api-keys/%7Bkey_id%7D", "/api/v1/api-keys/{key_id}"),
        (b"/api/v1/api-keys/ak_1/rotate", "/api/v1/api-keys/{key_id}/rotate"),
        (b"/t/acme/api/v1/api-keys/ak_1/revoke", "/api/v1/api-keys/{key_id}/revoke"),
        (b"/api/v1/api-keys/", None),
        (b"/api/v1/api-keys//rotate", None),
        (b"/api/v1/api-keys/ak_1/", None),
        (b"/api/v1/api-keys/ak_1/{}", None),
        (b"/api/v1/api-keys/ak_1/rotate/", None),
        (b"/api/v1/api-keys/a/b/rotate", None),
        (b"/api/v1/api-keys/ak_1/remove", None),
        (b"/api/v1", None),
        (b"/api/v1/", None),
        (b"/rotate", None),
        (b"/x/rotate", None),
    ],
)
def test_a_row_stands_for_each_thing_and_for_the_parts_of_it(raw_path: bytes, row: str | None) -> None:
    place = ROOT.find(raw_path)
    assert (None if place is None else place.row.route.path) == row


# covers: HTP-12
@pytest.mark.requirement("RFC8414-3/well-known")
@pytest.mark.parametrize(
    ("table", "raw_path", "tenant"),
    [
        (ROOT, b"/.well-known/oauth-authorization-server", "default"),
        (ROOT, b"/.well-known/oauth-authorization-server/t/acme", "acme"),
        (ROOT, b"/t/acme/.well-known/oauth-authorization-server", "acme"),
        (MOUNTED, b"/.well-known/oauth-authorization-server/auth", "default"),
        (MOUNTED, b"/.well-known/oauth-authorization-server/auth/t/acme", "acme"),
        (MOUNTED, b"/auth/t/acme/.well-known/oauth-authorization-server", "acme"),
    ],
)
def test_metadata_stands_in_both_places(table: RouteTable, raw_path: bytes, tenant: str) -> None:
    assert found(table, raw_path) == (tenant, "/.well-known/oauth-authorization-server")


def test_an_issuer_with_a_path_answers_under_it_only() -> None:
    assert found(MOUNTED, b"/auth/token") == ("default", "/token")
    assert found(MOUNTED, b"/token") is None


def test_two_rows_for_one_path_are_refused() -> None:
    with pytest.raises(ValueError, match="two rows claim the path " + ROUTES[0].path):
        RouteTable((*ROUTES, ROUTES[0]), Issuer.parse("https://as.example"))


def rows() -> list[Route]:
    return [ROOT.find(route.path.encode()).row.route for route in ROUTES]  # type: ignore[union-attr]


# covers: HTP-08
@pytest.mark.parametrize("route", rows(), ids=lambda route: route.path)
def test_only_public_documents_may_be_cached_and_besides_them_only_registration_be_read_from_anywhere(
    route: Route,
) -> None:
    is_public = route.path in {
        "/jwks.json",
        "/status/{list}",
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
        "/.well-known/ssf-configuration",
    }
    # It reads no cookie, and whoever registers from a page has no origin that we could know yet (RFC 7591, 3).
    is_registration = route.path.startswith("/register")
    # A picture that its client shows to everybody; our own pages alone show it here.
    is_logo = route.path == "/logos/{client}"
    assert (route.cors is Cors.ANY) == (is_public or is_registration)
    assert (route.cache is not Cache.NO_STORE) == (is_public or is_logo)

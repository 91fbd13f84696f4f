"""What forbids the OpenID Connect metadata of a client, however it came (OpenID Connect Registration, 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from valetkey.authorization_server.authorization.response_types import CODE_GRANT, response_type_of
from valetkey.authorization_server.fault import Fault
from valetkey.authorization_server.policy import IMPLICIT
from valetkey.oauth.client_members import PAGES
from valetkey.oauth.outward_url import outward_url_fault, own_url_fault
from valetkey.oauth.redirect_uri import ApplicationType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from valetkey.authorization_server.model import Client
    from valetkey.authorization_server.policy import Policy

# OIDCR-2/sector-https OIDCR-2/initiate-login
_HTTPS_URLS: Final = ("sector_identifier_uri", "initiate_login_uri", "backchannel_logout_uri")
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_LONGEST_FRAGMENT: Final = 512  # OIDCR-2/request-uris


def openid_faults(client: Client, policy: Policy) -> Iterator[Fault]:
    """Yield everything that is wrong with what a client says of itself by `Client.openid`."""
    yield from _response_type_faults(client, policy)
    yield from _web_faults(client)
    yield from _url_faults(client)
    yield from _frontchannel_faults(client)
    openid = client.openid
    if openid.require_signed_request_object and openid.request_object_signing_alg == "none":
        yield Fault(
            "request_object_signing_alg", "a client that always signs its request objects does not use none"
        )
    for flag, uri in (
        ("frontchannel_logout_session_required", openid.frontchannel_logout_uri),
        ("backchannel_logout_session_required", openid.backchannel_logout_uri),
    ):
        if getattr(openid, flag) and uri is None:
            yield Fault(flag, "expected only with the address that is told of a logout")


def _response_type_faults(client: Client, policy: Policy) -> Iterator[Fault]:
    named = client.openid.response_types
    if named is None:
        return
    rows = [(name, response_type_of(name)) for name in named]
    for name, row in rows:
        if row is None or row.name not in policy.response_types:
            known = ", ".join(sorted(policy.response_types))
            yield Fault("response_types", f"profile {policy.name} knows {known}, not {name[:100]!r}")
        elif row.name != name:
            yield Fault("response_types", f"{name!r} is written {row.name!r}")
        elif not row.grant_types <= client.grant_types:
            # OIDCR-2/grant-types
            needed = " and ".join(sorted(row.grant_types))
            yield Fault("response_types", f"{name!r} goes with the grant types {needed}")
    if CODE_GRANT in client.grant_types and not any(row and CODE_GRANT in row.grant_types for _, row in rows):
        yield Fault("response_types", "expected one that gives a code with the grant type authorization_code")


def _web_faults(client: Client) -> Iterator[Fault]:
    # What an implicit response carries is a token: it goes only to the owner of a domain: OIDCR-2/web-implicit
    if IMPLICIT not in client.grant_types or client.application_type is not ApplicationType.WEB:
        return
    for uri in client.redirect_uris:
        if not uri.startswith("https:") or _host(uri) == "localhost":
            yield Fault(
                "redirect_uris",
                f"{uri[:100]!r}: a web client of the implicit grant has https ones, not on localhost",
            )


def _url_faults(client: Client) -> Iterator[Fault]:
    # An operator may name hosts of their own network, a stranger may not.
    judge = outward_url_fault if client.is_unverified else own_url_fault
    openid = client.openid
    named = [(name, getattr(openid, name)) for name in _HTTPS_URLS]
    for name, uri in (*named, *((page, openid.pages.get(page)) for page in PAGES)):
        fault = None if uri is None or _is_own_loopback(name, uri, client) else judge(uri)
        if fault is not None:
            yield Fault(name, fault)
    for uri in openid.request_uris:
        fault = _request_uri_fault(uri, judge)
        if fault is not None:
            yield Fault("request_uris", f"{uri[:100]!r}: {fault}")


def _is_own_loopback(name: str, uri: str, client: Client) -> bool:
    # http is for confidential clients, and only where nobody else can listen in: OIDCBCL-2.2/http
    is_vouched_for = not client.is_unverified and not client.is_public
    is_http = name == "backchannel_logout_uri" and uri.startswith("http:")
    return is_http and is_vouched_for and _host(uri) in _LOOPBACK and own_url_fault(f"https{uri[4:]}") is None


def _request_uri_fault(uri: str, judge: Callable[[str], str | None]) -> str | None:
    # A fragment is the digest of what stands there: OIDCR-2/request-uris
    address, _, fragment = uri.partition("#")
    if len(fragment) > _LONGEST_FRAGMENT or not fragment.isascii() or "#" in fragment:
        return f"expected a fragment of {_LONGEST_FRAGMENT} ASCII characters at most"
    return judge(address)


def _frontchannel_faults(client: Client) -> Iterator[Fault]:
    uri = client.openid.frontchannel_logout_uri
    if uri is None:
        return
    origin = _origin(uri)
    # OIDCFCL-2/same-origin OIDCFCL-2/no-fragment
    if "#" in uri or origin is None or origin not in {_origin(each) for each in client.redirect_uris}:
        # It is framed here, so nobody else's site may be.
        yield Fault("frontchannel_logout_uri", "expected a URL without fragment on the origin of a redirect URI")


def _origin(uri: str) -> tuple[str, str] | None:
    try:
        parts = urlsplit(uri)
    except ValueError:
        return None
    return (parts.scheme, parts.netloc.lower()) if parts.scheme in {"https", "http"} and parts.netloc else None


def _host(uri: str) -> str | None:
    try:
        return urlsplit(uri).hostname
    except ValueError:
        return None

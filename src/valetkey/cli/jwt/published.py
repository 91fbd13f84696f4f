"""Keys that an issuer publishes: its metadata, and the key set that this names (RFC 8414, 3; RFC 7517, 5)."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urlsplit

import click

from valetkey.cli import fail
from valetkey.cli.jwt.sources import EXIT_SOURCE_UNAVAILABLE
from valetkey.jose.encoding import parse_json_object
from valetkey.jose.errors import ConfigurationError, InvalidToken, KeySourceUnavailable
from valetkey.jose.fetching import SyncRemoteJwkSet, fetch_over
from valetkey.jose.remote import FetchRequest, RemoteJwkSet

if TYPE_CHECKING:
    from valetkey.jose.fetching import Fetch
    from valetkey.jose.jwt import VerifiedJwt, Verifier

_OK = 200
_NOT_FOUND = 404


def fetch_trusting(ca_file: str | None) -> Fetch:
    """Return the fetch that trusts the system's authorities, or those of `ca_file`."""
    if ca_file is None:
        return fetch_over()
    import httpx2  # noqa: PLC0415 - dear to import

    try:
        context = ssl.create_default_context(cafile=ca_file)
    except (ssl.SSLError, OSError) as error:
        raise click.BadParameter("it holds no certificates in PEM", param_hint="--ca-file") from error
    return fetch_over(httpx2.AsyncHTTPTransport(verify=context))


def verify_with_published(url: str, fetch: Fetch, verifier: Verifier, token: str, now: int | None) -> VerifiedJwt:
    """Return what `verifier` makes of the token with the keys of `url`; ends with exit code 3 where none come."""
    require_source(url, "--jwks")
    try:
        return SyncRemoteJwkSet(url, fetch=fetch).verify(verifier, token, now)
    except KeySourceUnavailable as error:
        _unavailable(url, str(error))


def jwks_uri_of(issuer: str, fetch: Fetch) -> str:
    """Return where an issuer says that its keys are; the metadata must name exactly this issuer (RFC 8414, 3.3)."""
    require_source(issuer, "--issuer")
    for url in _metadata_urls(issuer):
        status, document = _get(url, fetch)
        if status == _NOT_FOUND:
            continue
        if status != _OK:
            _unavailable(url, f"it answered {status}")
        try:
            members = parse_json_object(document)
        except InvalidToken:
            _unavailable(url, "the metadata is no JSON object")
        if members.get("issuer") != issuer:
            _unavailable(url, "the metadata is that of another issuer")
        jwks_uri = members.get("jwks_uri")
        if not isinstance(jwks_uri, str):
            _unavailable(url, "the metadata names no jwks_uri")
        return jwks_uri
    return _unavailable(issuer, "it publishes no metadata: name its keys with --jwks URL")


def require_source(url: str, option: str) -> None:
    """Return, or end as a usage error where a URL is none that may be fetched: https, or http on loopback."""
    try:
        RemoteJwkSet(url)
    except ConfigurationError as error:
        hint = " To verify with keys that you have, name them with --key or --jwks." if option == "--issuer" else ""
        raise click.BadParameter(f"{error}{hint}", param_hint=option) from error


def _metadata_urls(issuer: str) -> tuple[str, str]:
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    return (
        f"{issuer.rstrip('/')}/.well-known/openid-configuration",
        f"{parts.scheme}://{parts.netloc}/.well-known/oauth-authorization-server{path}",
    )


def _get(url: str, fetch: Fetch) -> tuple[int, bytes]:
    request = FetchRequest(url, {"accept": "application/json"})

    async def get() -> tuple[int, bytes]:
        async with asyncio.timeout(request.deadline_seconds):
            answer = await fetch(request)
        return answer.status, answer.body

    try:
        return asyncio.run(get())
    except KeySourceUnavailable as error:
        _unavailable(url, str(error))
    except TimeoutError:
        _unavailable(url, "it did not answer in time")


def _unavailable(url: str, reason: str) -> NoReturn:
    fail(f"the keys cannot be had from {url}: {reason}", EXIT_SOURCE_UNAVAILABLE)

"""What can be wrong with a server as others see it: its published documents (RFC 8414, 3; Discovery, 4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from valetkey.administration.doctor.finding import Diagnosis, Said, Severity
from valetkey.authorization_server import paths
from valetkey.jose.records import dataclass
from valetkey.oauth.types import Issuer

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back from one address."""

    status: int | None
    """None where nobody answered."""
    trouble: str = ""
    """Why nobody answered, in words."""
    headers: Mapping[str, str] | None = None
    """By lower-case name."""
    document: object = None
    """The JSON document; None where the body was none."""


@dataclass(frozen=True, slots=True)
class Publication:
    """An issuer and what its addresses answered."""

    issuer: Issuer
    answers: Mapping[str, Answer]
    """By URL; all of `metadata_addresses`, and the `jwks_uri` where a document named one."""


def metadata_addresses(issuer: Issuer) -> tuple[str, ...]:
    """Return where clients look: below the issuer, and path-inserted at the root (RFC 8414, 3.1)."""
    parts = urlsplit(issuer.url)
    origin = f"{parts.scheme}://{parts.netloc}"
    wellknown = (paths.OPENID_CONFIGURATION, paths.SERVER_METADATA)
    below = tuple(issuer.endpoint(path) for path in wellknown)
    return tuple(dict.fromkeys((*below, *(f"{origin}{path}{parts.path}" for path in wellknown))))


def keys_address(publication: Publication) -> str | None:
    """Return the `jwks_uri` that the metadata names."""
    for _, document in _documents(publication):
        found = document.get("jwks_uri")
        if isinstance(found, str):
            return found
    return None


def _documents(publication: Publication) -> Iterator[tuple[str, Mapping[str, object]]]:
    for address in metadata_addresses(publication.issuer):
        answer = publication.answers.get(address)
        if answer is not None and answer.status == 200 and isinstance(answer.document, dict):  # noqa: PLR2004 - HTTP
            yield address, answer.document


def _unreachable(publication: Publication) -> Iterator[Said]:
    good = {address for address, _ in _documents(publication)}
    for address in metadata_addresses(publication.issuer):
        answer = publication.answers.get(address)
        if address in good or answer is None:
            continue
        what = answer.trouble if answer.status is None else f"it answers {answer.status}, without a JSON object"
        yield address, what, "let every proxy on the way pass this path on to the server"


def _other_issuer(publication: Publication) -> Iterator[Said]:
    for address, document in _documents(publication):
        if document.get("issuer") != publication.issuer.url:
            yield (
                address,
                f"its issuer is {str(document.get('issuer'))[:200]!r}, not {publication.issuer.url!r}",
                "let the setting issuer be the URL under which clients reach the server",
            )


def _elsewhere(publication: Publication) -> Iterator[Said]:
    ours = urlsplit(publication.issuer.url)
    for address, document in _documents(publication):
        for name, value in document.items():
            if not name.endswith(("_endpoint", "jwks_uri")) or not isinstance(value, str):
                continue
            theirs = urlsplit(value)
            if (theirs.scheme, theirs.netloc) != (ours.scheme, ours.netloc):
                yield address, f"{name} stands at another origin", "let no proxy rewrite what the server publishes"


def _without_keys(publication: Publication) -> Iterator[Said]:
    address = keys_address(publication)
    if address is None:
        return
    answer = publication.answers.get(address)
    document = None if answer is None else answer.document
    if not isinstance(document, dict) or not document.get("keys"):
        yield address, "no keys are published: nobody can verify a token", "let proxies pass this path on"


def _unreadable_by_browsers(publication: Publication) -> Iterator[Said]:
    for address, _ in _documents(publication):
        headers = publication.answers[address].headers or {}
        if headers.get("access-control-allow-origin") != "*":
            yield address, "applications in browsers cannot read it", "let no proxy take CORS headers away"


def _without_hsts(publication: Publication) -> Iterator[Said]:
    if not publication.issuer.url.startswith("https:"):
        return
    for address, _ in _documents(publication):
        if "strict-transport-security" not in (publication.answers[address].headers or {}):
            yield address, "a browser may be led here without TLS", "send Strict-Transport-Security from the proxy"
            return


DIAGNOSES: Final[tuple[Diagnosis[Publication], ...]] = (
    Diagnosis("metadata-unreachable", Severity.FAULT, "RFC 8414, 3; Discovery, 4", _unreachable),
    Diagnosis("metadata-other-issuer", Severity.FAULT, "RFC 8414, 3.3", _other_issuer),
    Diagnosis("keys-unreachable", Severity.FAULT, "RFC 7517, 5", _without_keys),
    Diagnosis("endpoints-elsewhere", Severity.WARNING, "RFC 8414, 2", _elsewhere),
    Diagnosis("metadata-without-cors", Severity.WARNING, "Discovery, 4.1", _unreadable_by_browsers),
    Diagnosis("no-strict-transport", Severity.WARNING, "RFC 6797, 7.1", _without_hsts),
)

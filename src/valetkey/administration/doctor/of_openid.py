"""What is weak in the OpenID Connect metadata of clients, though it is allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from valetkey.administration.doctor.finding import Diagnosis, Estate, Said, Severity
from valetkey.authorization_server.openid_client import SubjectType
from valetkey.authorization_server.policy import IMPLICIT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from valetkey.authorization_server.model import Client

_NAMES_A_PERSON: Final = frozenset({"email", "phone"})


def _each(look: Callable[[Client, Estate], Iterator[tuple[str, str]]]) -> Callable[[Estate], Iterator[Said]]:
    def of_all(estate: Estate) -> Iterator[Said]:
        for client in estate.clients:
            if not client.disabled:
                for message, remedy in look(client, estate):
                    yield f"client {client.client_id}", message, remedy

    return of_all


def _with_tokens_in_the_browser(client: Client, estate: Estate) -> Iterator[tuple[str, str]]:
    if IMPLICIT not in client.grant_types:
        return
    policy = estate.policy if client.profile is None else estate.profiles[client.profile]
    named = policy.response_types if client.openid.response_types is None else client.openid.response_types
    leaking = [name for name in sorted(named) if "token" in name.split()]
    if leaking:
        yield (
            f"it may get access tokens through the browser, by {', '.join(map(repr, leaking))}",
            "let it redeem codes: `--response-type code`, and take the grant type implicit away",
        )


def _with_unsigned_requests(client: Client, estate: Estate) -> Iterator[tuple[str, str]]:
    del estate
    if client.openid.request_object_signing_alg == "none":
        yield "it announced unsigned request objects, and each is refused", "register ES256, and let it sign them"


def _known_by_name(client: Client, estate: Estate) -> Iterator[tuple[str, str]]:
    del estate
    told = sorted(client.scope & _NAMES_A_PERSON)
    if client.openid.subject_type is SubjectType.PAIRWISE and told:
        yield (
            f"its subjects are pairwise, yet {' and '.join(told)} tell any two clients whom they both know",
            "take these scopes off, or let its subjects be public",
        )


DIAGNOSES: Final[tuple[Diagnosis[Estate], ...]] = (
    Diagnosis("openid-request-unsigned", Severity.WARNING, "RFC 9101, 10.1", _each(_with_unsigned_requests)),
    Diagnosis("openid-token-in-browser", Severity.WARNING, "RFC 9700, 2.1.2", _each(_with_tokens_in_the_browser)),
    Diagnosis("openid-pairwise-named", Severity.NOTE, "OpenID Connect Core, 17.3", _each(_known_by_name)),
)
"""What is asked of each tenant."""

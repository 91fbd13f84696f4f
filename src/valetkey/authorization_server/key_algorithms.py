"""For which algorithms a tenant can have keys of its own, and what a client may therefore ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.fault import Fault
from valetkey.jose.algorithms import KEY_MANAGEMENT_ALGORITHMS, SIGNATURE_ALGORITHMS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from valetkey.authorization_server.model import Client, Resource

# No new kind of key before the field has agreed on how its ID Tokens are hashed (OpenID Connect Core, 3.1.3.6).
_KINDS: Final = frozenset({"RSA", "EC", "OKP"})
SIGNING_ALGORITHMS: Final = tuple(row.name for row in SIGNATURE_ALGORITHMS.values() if row.kty in _KINDS)
"""Those that a tenant's keys can sign with."""
ENCRYPTION_ALGORITHMS: Final = tuple(
    dict.fromkeys(
        row.name for row in KEY_MANAGEMENT_ALGORITHMS.values() if row.kty in _KINDS and row.name != "RSA1_5"
    )
)
"""Those for which a tenant can have a key that clients encrypt to."""
NEEDED_ALGORITHMS: Final = ("ES256", "RS256")
"""The first signs access tokens and status lists, the second whatever a client asks for without naming one."""
DEFAULT_ALGORITHMS: Final = ("ES256", "RS256", "PS256", "Ed25519", "EdDSA")
"""What the field asks for; Ed25519 is the one algorithm under its new and its old name."""


def is_signature(algorithm: str) -> bool:
    """Say whether keys of `algorithm` sign; all others are for encryption."""
    return algorithm in SIGNATURE_ALGORITHMS


def client_key_faults(client: Client, algorithms: Collection[str]) -> Iterator[Fault]:
    """Yield what `client` wants signed although none of the tenant's keys, which have `algorithms`, can sign so."""
    wanted = {
        "id_token_signed_response_alg": client.id_token_signed_response_alg,
        "introspection_signed_response_alg": client.introspection_signed_response_alg,
        "userinfo_signed_response_alg": client.openid.userinfo_signed_response_alg,
    }
    for field, algorithm in wanted.items():
        yield from _fault(field, algorithm, algorithms)


def resource_key_faults(resource: Resource, algorithms: Collection[str]) -> Iterator[Fault]:
    """Yield what a resource server wants signed although none of the tenant's keys can sign so."""
    yield from _fault("signing_alg", resource.signing_alg, algorithms)


def _fault(field: str, algorithm: str | None, algorithms: Collection[str]) -> Iterator[Fault]:
    # What no key of ours could ever sign, such as a MAC under the client's secret, is judged elsewhere.
    if algorithm in SIGNING_ALGORITHMS and algorithm not in algorithms:
        has = ", ".join(name for name in SIGNING_ALGORITHMS if name in algorithms)
        yield Fault(field, f"expected one of {has}: this server has no key for {algorithm}")

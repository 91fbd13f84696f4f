"""The algorithms that a client may register for what it is told, and what each needs (OpenID Connect Core, 10)."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.fault import Fault
from valetkey.authorization_server.model import AuthenticationMethod
from valetkey.authorization_server.openid_client import SubjectType
from valetkey.authorization_server.sector import is_near, sector_hosts
from valetkey.jose.algorithms import CONTENT_ENCRYPTIONS, KEY_MANAGEMENT_ALGORITHMS, SIGNATURE_ALGORITHMS
from valetkey.jose.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from valetkey.authorization_server.model import Client
    from valetkey.authorization_server.openid_client import OpenIdMetadata
    from valetkey.jose import JwkSet
    from valetkey.oauth.types import SecretText

MAC_ALGORITHMS: Final = tuple(name for name, row in SIGNATURE_ALGORITHMS.items() if row.is_symmetric)
"""Under which the client's own secret is the key (Core, 10.1)."""
DEFAULT_ENCRYPTION: Final = "A128CBC-HS256"  # OIDCR-2/encryption-default
# RSA1_5 tells an attacker too much, and PBES2 stretches passwords, which client secrets are not.
ENCRYPTION_ALGORITHMS: Final = tuple(
    dict.fromkeys(
        row.header_name
        for row in KEY_MANAGEMENT_ALGORITHMS.values()
        if row.name != "RSA1_5" and not row.name.startswith("PBES2") and row.encryption is None
    )
)
"""For which the key is one of the client's own, or derived from its secret (Core, 10.2)."""
CONTENT_ENCRYPTION_NAMES: Final = tuple(CONTENT_ENCRYPTIONS)


class SecretUse(StrEnum):
    """What a client's secret is good for, and therefore how it is kept."""

    NONE = "none"
    """The client has no secret."""
    PROOF = "proof"
    """It is only compared: its digest is enough."""
    KEY = "key"
    """It is the key of a MAC or of an encryption too: it is sealed, to be read again."""


@dataclass(frozen=True, slots=True)
class TextForm:
    """How a text for a client is written: signed, encrypted, or first the one and then the other."""

    signing_alg: str | None
    encryption_alg: str | None = None
    encryption_enc: str = DEFAULT_ENCRYPTION

    @property
    def is_json(self) -> bool:
        """Whether it is neither."""
        return self.signing_alg is None and self.encryption_alg is None


def id_token_form(client: Client) -> TextForm:
    """Return how the ID Tokens of a client are written; they are signed always (Core, 2)."""
    openid = client.openid
    enc = openid.id_token_encrypted_response_enc or DEFAULT_ENCRYPTION
    return TextForm(client.id_token_signed_response_alg, openid.id_token_encrypted_response_alg, enc)


def userinfo_form(client: Client) -> TextForm:
    """Return how a client is told claims by UserInfo (Core, 5.3.2)."""
    openid = client.openid
    enc = openid.userinfo_encrypted_response_enc or DEFAULT_ENCRYPTION
    return TextForm(openid.userinfo_signed_response_alg, openid.userinfo_encrypted_response_alg, enc)


def is_symmetric(algorithm: str | None) -> bool:
    """Say whether the client's secret is what an algorithm takes its key from."""
    return algorithm in MAC_ALGORITHMS or (algorithm, "oct") in KEY_MANAGEMENT_ALGORITHMS


def secret_use(method: AuthenticationMethod, id_token_alg: str | None, openid: OpenIdMetadata) -> SecretUse:
    """Return what the secret of a client with these metadata is good for."""
    if not method.needs_secret:
        return SecretUse.NONE
    named = (
        id_token_alg,
        openid.id_token_encrypted_response_alg,
        openid.userinfo_signed_response_alg,
        openid.userinfo_encrypted_response_alg,
        openid.request_object_signing_alg,
        openid.request_object_encryption_alg,
    )
    is_key = method is AuthenticationMethod.CLIENT_SECRET_JWT or any(map(is_symmetric, named))
    return SecretUse.KEY if is_key else SecretUse.PROOF


def secret_use_of(client: Client) -> SecretUse:
    """Return what the secrets of a client are good for."""
    return secret_use(client.authentication_method, client.id_token_signed_response_alg, client.openid)


def algorithm_faults(client: Client, signing: Collection[str]) -> Iterator[Fault]:
    """Yield what is wrong with how a client wants to be told things; `signing` are algorithms of our own keys."""
    openid = client.openid
    for name, form in (("id_token", id_token_form(client)), ("userinfo", userinfo_form(client))):
        field = f"{name}_signed_response_alg"
        if form.signing_alg is not None and form.signing_alg not in {*signing, *MAC_ALGORITHMS}:
            # OIDCR-2/id-token-none
            yield Fault(field, f"expected one of {', '.join((*signing, *MAC_ALGORITHMS))}")
        yield from _secret_faults(client, field, form.signing_alg)
        yield from _encryption_faults(client, name, form, getattr(openid, f"{name}_encrypted_response_enc"))
    yield from _secret_faults(client, "request_object_signing_alg", openid.request_object_signing_alg)
    yield from _secret_faults(client, "request_object_encryption_alg", openid.request_object_encryption_alg)
    if openid.subject_type is SubjectType.PAIRWISE:
        yield from _sector_faults(client)


def secret_faults(client: Client, texts: Mapping[bytes, SecretText]) -> Iterator[Fault]:
    """Yield for which algorithms a client's secrets, of which the texts are known by digest, are too short."""
    names = (client.id_token_signed_response_alg, client.openid.userinfo_signed_response_alg)
    for name in dict.fromkeys(one for one in names if one in MAC_ALGORITHMS):
        needed = SIGNATURE_ALGORITHMS[name].size
        if any(len(text.reveal().encode()) < needed for text in texts.values()):
            # OIDCC-16.19/entropy RFC7518-3.2/key-size
            yield Fault("secret", f"{name} needs a secret of at least {needed} bytes, which is its key")


def _secret_faults(client: Client, field: str, algorithm: str | None) -> Iterator[Fault]:
    if not is_symmetric(algorithm):
        return
    if not client.authentication_method.needs_secret:
        # OIDCC-10.1/public-mac OIDCC-10.2/public-symmetric
        yield Fault(field, f"{algorithm} needs a secret, which a client without one cannot have")
    elif any(each.sealed is None for each in client.secrets):
        yield Fault("secret", f"{algorithm} needs the secret itself, which is its key, not its digest")


def _encryption_faults(client: Client, name: str, form: TextForm, enc: str | None) -> Iterator[Fault]:
    algorithm, field = form.encryption_alg, f"{name}_encrypted_response_alg"
    if form.encryption_enc not in CONTENT_ENCRYPTIONS:
        yield Fault(f"{name}_encrypted_response_enc", f"expected one of {', '.join(CONTENT_ENCRYPTIONS)}")
    if algorithm is None:
        if enc is not None:  # OIDCR-2/enc-with-alg
            yield Fault(f"{name}_encrypted_response_enc", f"goes with {field}, which is absent")
        return
    if algorithm not in ENCRYPTION_ALGORITHMS:
        yield Fault(field, f"expected one of {', '.join(ENCRYPTION_ALGORITHMS)}")
        return
    yield from _secret_faults(client, field, algorithm)
    if is_symmetric(algorithm) or client.jwks_uri is not None:
        return
    if client.jwks is None or not _has_key(client.jwks, algorithm):
        yield Fault(field, f"{algorithm} needs a key of the client for encryption, in its jwks or at its jwks_uri")


def _has_key(keys: JwkSet, algorithm: str) -> bool:
    return any(key.algorithm == algorithm for key in keys.keys) or any(key.fits(algorithm) for key in keys.unbound)


def _sector_faults(client: Client) -> Iterator[Fault]:
    hosts = sector_hosts(client)
    if len(hosts) > 1:  # OIDCC-8.1/several-hosts
        yield Fault("sector_identifier_uri", "pairwise subjects with redirect URIs on several hosts need it")
    elif not hosts:
        yield Fault("sector_identifier_uri", "pairwise subjects need it, or a redirect URI that has a host")
    told = client.openid.backchannel_logout_uri
    if told is not None and client.is_unverified and not is_near(client, told):
        # Who names another site's redirect URI would be told there whom that site knows.
        yield Fault("backchannel_logout_uri", "with pairwise subjects it is on a host of the redirect URIs")

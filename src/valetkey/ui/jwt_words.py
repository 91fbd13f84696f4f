"""What the token debugger says, by the names that its scripts use: `{...}` is filled in by them."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from valetkey.ui.words import N_

if TYPE_CHECKING:
    from collections.abc import Mapping

_SEVERITIES: Final = {
    "error": N_("Error"),
    "warning": N_("Warning"),
    "note": N_("Note"),
}

_PARTS: Final = {
    "header": N_("Header"),
    "header_of": N_("Header {number}"),
    "claims": N_("Claims"),
    "payload": N_("Payload"),
    "signature": N_("Signature"),
    "signature_of": N_("Signature {number}"),
    "encrypted_key": N_("Encrypted key"),
    "iv": N_("Initialization vector"),
    "ciphertext": N_("Ciphertext"),
    "tag": N_("Authentication tag"),
    "plaintext": N_("Plaintext"),
    "octets": N_("{count} octets"),
    "octets_expected": N_("{count} octets, not {expected}"),
    "bits_expected": N_("{count} bits; at least {expected}"),
    "lives": N_("It lives {duration}."),
    "not_text_payload": N_("The payload is not text that can be shown."),
    "sealed": N_("These octets are encrypted. Without the key, nobody can read them."),
    "not_judged_signature": N_("Nobody has verified it yet: here are only its octets."),
}

_FORMS: Final = {
    "JWS, compact": N_("A signed token (JWS, compact)"),
    "JWS, JSON": N_("A signed token (JWS, JSON)"),
    "JWE, compact": N_("An encrypted token (JWE, compact)"),
    "JWE, JSON": N_("An encrypted token (JWE, JSON)"),
    "no token": N_("This is no token"),
}

_FINDINGS: Final = {
    "no_findings": N_("{form}. Nothing to remark."),
    "one_finding": N_("{form}. One remark."),
    "findings": N_("{form}. {count} remarks."),
    "places_header": N_("in the header"),
    "places_claims": N_("in the claims"),
}

_FAULTS: Final = {
    "too_large": N_("It is larger than {most} octets."),
    "segments": N_("A compact token has three segments (JWS) or five (JWE); this text has {count}."),
    "not_text": N_("{part}: not a string."),
    "not_base64url": N_("{part}: not base64url."),
    "not_json": N_("It is no JSON text."),
    "not_an_object": N_("It is JSON, but no object."),
    "too_deep": N_("It is nested too deeply to be shown."),
    "neither": N_("The JSON object is neither a JWS nor a JWE."),
    "stands_twice": N_("The member {name} stands twice."),
}

_KEYS: Final = {
    "key_absent": N_("Paste a key: a JWK, a JWK Set, a PEM or a shared secret."),
    "key_unreadable": N_("This is no JWK, no JWK Set and no PEM; a shared secret goes with HS algorithms only."),
    "secret_not_base64url": N_("The secret is not base64url. Is it meant as text?"),
    "key_not_json": N_("The key starts like JSON, but it is no JSON object."),
    "key_duplicates": N_("The key names the member {name} twice."),
    "key_set_empty": N_("The JWK Set holds no keys."),
    "key_without_kty": N_("A key without kty: this is no JWK."),
    "key_not_one": N_("Signing takes one key, not a set of several."),
    "key_not_private": N_("The key has no private part, so it cannot sign."),
    "key_private_here": N_("The key holds a private part. Verifying does not need it: paste the public one."),
    "key_misfit": N_("The key is not one for {algorithm}."),
    "key_unknown": N_("No key of the set has the kid {kid} and fits {algorithm}."),
    "key_malformed": N_("The key is malformed: its numbers are missing or do not belong together."),
    "key_public_as_secret": N_(
        "This is a public key, not a secret: with an HS algorithm, everybody who has it could sign."
    ),
    "secret_short": N_("The secret has {octets} octets; {algorithm} wants at least {least}."),
    "rsa_short": N_("The RSA key has {bits} bits; at least {least} are wanted."),
    "pem_unreadable": N_("The PEM cannot be read."),
    "pem_other": N_("A PEM labelled {label} cannot be read here: PUBLIC KEY and PRIVATE KEY can."),
    "unavailable": N_("This browser cannot compute {algorithm}. The command line can: valetkey jwt verify."),
}

_TOKEN: Final = {
    "token_absent": N_("Paste a token."),
    "token_large": N_("The token is larger than {most} octets."),
    "token_encrypted": N_("The token is encrypted: decode it first, and open it with your key."),
    "token_not_compact": N_("This is no compact JWT, which has three segments with dots between them."),
    "token_not_base64url": N_("A segment of the token is not canonical base64url."),
    "header_not_json": N_("The header is no JSON object."),
    "claims_not_json": N_("The claims are no JSON object."),
    "duplicates": N_("The member {name} stands twice."),
    "algorithm_other": N_("The token says {named}, and you chose {algorithm}. The token has no say in this."),
    "crit_refused": N_("The header marks extensions as critical that are not understood here."),
    "signature_wrong": N_("The signature is not by this key, or the token was changed."),
    "signature_wrong_secret": N_("The signature is not made with this secret, or the token was changed."),
    "signed_by_kid": N_("Signed by the key with the kid {kid}."),
    "signed_by_thumbprint": N_("Signed by the key with the thumbprint {thumbprint}."),
    "signed_by_secret": N_("Signed with the shared secret."),
}

_OPENING: Final = {
    "not_opened": N_("The key does not open it, or the token was changed. Which of the two, nobody can tell."),
    "open_unknown": N_("{algorithm} cannot be opened here. Perhaps the command line can: valetkey jwt decrypt."),
    "open_unavailable": N_("This browser cannot compute {algorithm}. The command line can: valetkey jwt decrypt."),
    "opener_absent": N_("Paste the key that it was encrypted for."),
    "opener_misfit": N_("No private key of those is one for {algorithm}."),
    "opener_unreadable": N_("For {algorithm}, paste a private JWK or a PEM labelled PRIVATE KEY."),
    "zip_refused": N_("The plaintext is compressed, which is not undone here: valetkey jwt decrypt --allow-zip."),
    "count_refused": N_(
        "It asks to stretch the password more often than {most} times, hardly at all, or without salt."
    ),
}

_JUDGED: Final = {
    "verified": N_("Verified"),
    "verified_what": N_("The signature holds, and every expectation is met."),
    "partly": N_("The signature holds, but not everything was judged"),
    "partly_what": N_("A verifier that leaves these out would accept tokens that are not meant for it."),
    "refused": N_("Not verified"),
    "refused_what": N_("Nothing in this token may be believed."),
    "passed": N_("Right"),
    "failed": N_("Wrong"),
    "skipped": N_("Not judged"),
    "typ_right": N_("The typ is {expected}."),
    "typ_wrong": N_("The typ is {found}, not {expected}."),
    "typ_skipped": N_("No typ was expected: a token of another kind could pass for this one."),
    "iss_right": N_("The issuer is {expected}."),
    "iss_wrong": N_("The issuer is {found}, not {expected}."),
    "iss_skipped": N_("No issuer was expected: anybody's token could pass."),
    "aud_right": N_("The audience holds {expected}."),
    "aud_wrong": N_("The audience is {found}, which does not hold {expected}."),
    "aud_skipped": N_("No audience was expected: a token for somebody else could pass."),
    "exp_right": N_("It expires {when}."),
    "exp_wrong": N_("It expired {when}."),
    "exp_absent": N_("It has no exp: it would be good for ever."),
    "exp_malformed": N_("Its exp is no time."),
    "nbf_right": N_("It is valid since {when}."),
    "nbf_wrong": N_("It is valid only {when}."),
    "nbf_malformed": N_("Its nbf is no time."),
    "iat_right": N_("It was issued {when}."),
    "iat_wrong": N_("It says that it was issued in the future: {when}."),
    "iat_malformed": N_("Its iat is no time."),
}

_TIMES: Final = {
    "exp": N_("Expires (exp)"),
    "iat": N_("Issued (iat)"),
    "nbf": N_("Valid from (nbf)"),
    "auth_time": N_("Signed in (auth_time)"),
    "no_time": N_("This is no time in seconds since 1970."),
}

_SIGNED: Final = {
    "signed": N_("Signed with {algorithm}. Verify it in the other pane, or copy it."),
    "signing_failed": N_("Nothing was signed: see the field marked above."),
    "choose_algorithm": N_("Choose the algorithm that the issuer signs with."),
}

JWT_WORDS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "severities": _SEVERITIES,
        "parts": _PARTS,
        "forms": _FORMS,
        "findings": _FINDINGS,
        "faults": _FAULTS,
        "problems": _KEYS | _TOKEN | _OPENING,
        "judged": _TOKEN | _JUDGED | _KEYS,
        "times": _TIMES,
        "signed": _SIGNED,
    }
)
"""The sentences of the scripts, in groups."""

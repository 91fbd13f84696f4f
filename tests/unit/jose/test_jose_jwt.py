"""Sign, verify, peek: what a verifier believes, and what it refuses."""

import json
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import FrozenInstanceError
from datetime import UTC, datetime
from functools import cache

import pytest

from support.jose import (
    AUDIENCE,
    ISSUER,
    NOW,
    b64,
    claims_with,
    header_of,
    key_for,
    key_set,
    raw_token,
    token_by,
    verifier_for,
)
from valetkey.jose import (
    AlgorithmNotAllowed,
    ClaimInvalid,
    ClaimMissing,
    ConfigurationError,
    InvalidKey,
    InvalidToken,
    Jwk,
    JwkSet,
    MalformedToken,
    SignatureInvalid,
    TokenExpired,
    TokenNotYetValid,
    TokenTooLarge,
    TypMismatch,
    UnknownKey,
    Verifier,
    jwt,
)
from valetkey.jose.algorithms import SIGNATURE_ALGORITHMS
from valetkey.jose.encoding import b64url_decode
from valetkey.jose.jws import _known_headers

KEY = key_for("ES256")
KEYS = key_set(KEY)
VERIFIER = verifier_for()


@pytest.mark.parametrize("algorithm", SIGNATURE_ALGORITHMS)
def test_a_token_is_verified_by_the_key_that_signed_it(algorithm: str) -> None:
    key = key_for(algorithm)
    keys = key_set(key)
    verified = verifier_for(algorithm).verify(token_by(key), keys)
    assert verified.claims == claims_with()
    assert verified.header == header_of(key)
    assert verified.key is keys.keys[0]


@pytest.mark.parametrize("algorithm", SIGNATURE_ALGORITHMS)
@pytest.mark.requirement("RFC7515-5.2/signature")
@pytest.mark.requirement("RFC7518-3.4/length")
def test_a_signature_that_is_changed_cut_or_longer_is_refused(algorithm: str) -> None:
    # covers: JWS-11, JWS-12, JWS-13, JWS-14
    key = key_for(algorithm)
    signed, _, signature = token_by(key).rpartition(".")
    octets = bytearray(b64url_decode(signature))
    octets[0] ^= 1
    for wrong in (bytes(octets), b"", octets[:-1], octets + b"\x00", bytes(len(octets)), b"\xff" * len(octets)):
        with pytest.raises(SignatureInvalid):
            verifier_for(algorithm).verify(f"{signed}.{b64(bytes(wrong))}", key_set(key))


@pytest.mark.parametrize("algorithm", SIGNATURE_ALGORITHMS)
def test_another_payload_under_the_same_signature_is_refused(algorithm: str) -> None:
    key = key_for(algorithm)
    header, _, signature = token_by(key).split(".")
    forged = b64(json.dumps(claims_with(sub="mallory")).encode())
    with pytest.raises(SignatureInvalid):
        verifier_for(algorithm).verify(f"{header}.{forged}.{signature}", key_set(key))


@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", "none ", ""])
@pytest.mark.parametrize("signature", ["", "AAAA"])
def test_an_unsecured_token_is_refused(name: str, signature: str) -> None:
    # covers: JWS-01
    header, claims = (b64(json.dumps(part).encode()) for part in (header_of(KEY, alg=name), claims_with()))
    token = f"{header}.{claims}.{signature}"
    with pytest.raises(AlgorithmNotAllowed):
        VERIFIER.verify(token, KEYS)


@pytest.mark.parametrize(
    "algorithms",
    [
        None,
        [],
        (),
        set(),
        "ES256",
        "*",
        ["*"],
        ["none"],
        ["None"],
        [""],
        ["HS256", "ES256"],
        ["es256"],
        [None],
        [["ES256"]],
        7,
    ],
)
@pytest.mark.requirement("RFC8725-3.1/algorithms")
def test_a_verifier_with_an_unsafe_algorithm_list_is_never_built(algorithms: object) -> None:
    # covers: JWS-01, JWS-03, JWS-37
    with pytest.raises(ConfigurationError):
        verifier_for(algorithms=algorithms)


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": ""},
        {"issuer": None},
        {"audience": ""},
        {"audience": []},
        {"audience": None},
        {"audience": [""]},
        {"audience": [1]},
        {"typ": ""},
        {"typ": None},
        {"leeway": -1},
        {"leeway": 61},
    ],
)
def test_a_verifier_that_leaves_open_what_it_believes_is_never_built(changes: dict[str, object]) -> None:
    # covers: JWS-03
    with pytest.raises(ConfigurationError):
        verifier_for(**changes)


def test_issuer_audience_typ_and_algorithms_have_no_default() -> None:
    # covers: JWS-03
    with pytest.raises(TypeError):
        Verifier()  # type: ignore[call-arg]


def test_a_verifier_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        VERIFIER.issuer = "https://other.example"  # type: ignore[misc]


@pytest.mark.parametrize(("signed_with", "claimed"), [("RS256", "PS256"), ("RS256", "RS512"), ("ES256", "ES384")])
@pytest.mark.requirement("RFC8725-3.1/one-algorithm")
def test_a_key_is_used_with_its_own_algorithm_only(signed_with: str, claimed: str) -> None:
    # covers: JWS-04
    key = key_for(signed_with)
    token = raw_token(header_of(key, alg=claimed), claims_with(), key)
    with pytest.raises(AlgorithmNotAllowed):
        verifier_for(claimed, signed_with).verify(token, key_set(key))


def test_a_mac_made_with_the_public_key_is_refused() -> None:
    # covers: JWS-02
    public = json.dumps(KEY.as_dict()).encode()
    with pytest.raises(InvalidKey):
        Jwk.from_secret(public, algorithm="HS256")
    secret = Jwk.from_secret(public.replace(b'"kty"', b'"ktz"'), algorithm="HS256", kid=KEY.kid)
    with pytest.raises(AlgorithmNotAllowed):
        VERIFIER.verify(token_by(secret), KEYS)


_WATCHES: list[list[str]] = []


def _watch(event: str, _arguments: tuple[object, ...]) -> None:
    if _WATCHES and (
        event.startswith(("socket.", "urllib.")) or event in {"open", "os.listdir", "subprocess.Popen"}
    ):
        _WATCHES[-1].append(event)


@cache
def _watched() -> None:
    # A hook stays for as long as the process: it is set once, and says nothing unless somebody watches.
    sys.addaudithook(_watch)


@contextmanager
def worldly_events() -> Iterator[list[str]]:
    """Hold what is asked of the network and of files meanwhile."""
    _watched()
    _WATCHES.append([])
    try:
        yield _WATCHES[-1]
    finally:
        _WATCHES.pop()


@pytest.mark.parametrize("name", ["jku", "x5u", "jwk", "x5c"])
@pytest.mark.parametrize("value", ["https://evil.example/jwks", "http://127.0.0.1/", "file:///etc/passwd"])
def test_a_key_in_or_behind_the_header_is_never_looked_at(name: str, value: str) -> None:
    # covers: JWS-06
    mallory = key_for("ES256", 1)
    carried: object = {"jwk": mallory.as_dict(), "x5c": [b64(b"x")]}.get(name, value)
    forged = raw_token(header_of(KEY, **{name: carried}), claims_with(), mallory)
    with pytest.raises(SignatureInvalid):
        VERIFIER.verify(forged, KEYS)
    honest = raw_token(header_of(KEY, **{name: carried}), claims_with(), KEY)
    with worldly_events() as seen:
        assert VERIFIER.verify(honest, KEYS).key is KEYS.keys[0]
        with suppress(SignatureInvalid):
            VERIFIER.verify(forged, KEYS)
        assert seen == []
        # The watch itself is awake.
        with socket.socket() as unused, suppress(OSError):
            unused.connect(("127.0.0.1", 9))
        assert "socket.connect" in seen


@pytest.mark.parametrize("kid", [7, None, ["ES256-0"], {"a": 1}, True])
def test_a_kid_that_is_no_string_is_refused(kid: object) -> None:
    # covers: JWS-07
    header = {"alg": "ES256", "typ": "example+jwt", "kid": kid}
    with pytest.raises(MalformedToken):
        VERIFIER.verify(raw_token(header, claims_with(), KEY), KEYS)


def test_a_kid_that_nobody_has_is_an_unknown_key() -> None:
    # covers: JWS-07
    with pytest.raises(UnknownKey):
        VERIFIER.verify(raw_token(header_of(KEY, kid="x" * 9_000), claims_with(), KEY), KEYS)


@pytest.mark.requirement("RFC7515-4.1.1/alg")
@pytest.mark.parametrize("algorithm", [None, 7, ["ES256"], {}, True])
def test_a_header_that_names_no_algorithm_is_refused(algorithm: object) -> None:
    with pytest.raises(MalformedToken):
        VERIFIER.verify(raw_token(header_of(KEY, alg=algorithm), claims_with(), KEY), KEYS)


@pytest.mark.requirement("RFC7515-4.1.4/kid")
def test_a_kid_in_other_case_is_that_of_nobody() -> None:
    # covers: JWS-07
    key = Jwk.generate("ES256", kid="Kid")
    keys = key_set(key)
    assert VERIFIER.verify(token_by(key), keys).key.kid == "Kid"
    for kid in ("kid", "KID", "Kid ", "Kid\x00"):
        with pytest.raises(UnknownKey):
            VERIFIER.verify(raw_token(header_of(key, kid=kid), claims_with(), key), keys)


def test_without_a_kid_the_keys_that_fit_are_tried() -> None:
    # covers: JWS-08
    keys = JwkSet(tuple(key_for("ES256", number).public() for number in range(4)))
    signer = keys.keys[2]
    token = raw_token(header_of(KEY, kid=None), claims_with(), key_for("ES256", 2))
    assert VERIFIER.verify(token, keys).key is signer


@pytest.mark.requirement("RFC7515-4.1.11/crit")
@pytest.mark.requirement("RFC7797-7/jwt")
@pytest.mark.parametrize(
    "extra",
    [
        {"crit": ["exp2"], "exp2": 1},
        {"crit": []},
        {"crit": "b64"},
        {"crit": None},
        {"crit": ["b64", "b64"], "b64": True},
        {"crit": ["alg"]},
        {"crit": ["absent"]},
        {"crit": [1]},
        {"crit": ["b64"], "b64": False},
        {"crit": ["b64"], "b64": True},
        {"b64": False},
        {"b64": True},
    ],
)
def test_a_critical_extension_makes_a_jwt_unreadable(extra: dict[str, object]) -> None:
    # covers: JWS-09
    header = {"alg": "ES256", "kid": KEY.kid, "typ": "example+jwt"} | extra
    with pytest.raises(MalformedToken):
        VERIFIER.verify(raw_token(header, claims_with(), KEY), KEYS)


@pytest.mark.parametrize("dots", [0, 1, 3, 4, 5, 1_000_000])
def test_a_token_has_three_segments(dots: int) -> None:
    # covers: JWS-16
    with pytest.raises((MalformedToken, TokenTooLarge)):
        VERIFIER.verify("." * dots, KEYS)
    with pytest.raises(MalformedToken):
        jwt.peek(".".join(["e30"] * (min(dots, 100) + 1)) if dots != 2 else "")


@pytest.mark.parametrize("junk", ["=", "+", "/", " ", "\n", "?", "\u0661", "\x00", "\ud800"])
@pytest.mark.parametrize("segment", [0, 1, 2])
def test_a_character_outside_of_base64url_is_refused_in_every_segment(junk: str, segment: int) -> None:
    # covers: JWS-15
    segments = token_by(KEY).split(".")
    for place in (0, 4, len(segments[segment])):
        changed = segments[segment][:place] + junk + segments[segment][place:]
        token = ".".join([*segments[:segment], changed, *segments[segment + 1 :]])
        with pytest.raises(MalformedToken):
            VERIFIER.verify(token, KEYS)


@pytest.mark.parametrize("payload", [b"[]", b'"x"', b"null", b"1", b"", b'{"a":1', b"\xff\xfe", b'{"exp":NaN}'])
def test_claims_that_are_no_json_object_are_refused(payload: bytes) -> None:
    # covers: JWS-19
    with pytest.raises(MalformedToken):
        VERIFIER.verify(raw_token(header_of(KEY), payload, KEY), KEYS)


def test_a_claim_or_parameter_named_twice_is_refused() -> None:
    # covers: JWS-18
    good = json.dumps(claims_with())
    twice = (good[:-1] + ',"aud":"https://api.example"}').encode()
    with pytest.raises(MalformedToken, match="twice"):
        VERIFIER.verify(raw_token(header_of(KEY), twice, KEY), KEYS)
    header = b'{"alg":"ES256","typ":"example+jwt","kid":"ES256-0","alg":"ES256"}'
    with pytest.raises(MalformedToken, match="twice"):
        VERIFIER.verify(raw_token(header, claims_with(), KEY), KEYS)


def test_a_json_serialization_is_no_jwt() -> None:
    # covers: JWS-20
    header, payload, signature = token_by(KEY).split(".")
    flattened = json.dumps({"protected": header, "payload": payload, "signature": signature})
    polyglot = f'{{"x":"{token_by(KEY)}"}}'
    for text in (flattened, polyglot):
        with pytest.raises(MalformedToken):
            VERIFIER.verify(text, KEYS)
    for value in (None, b"a.b.c", 7, ["a.b.c"]):
        with pytest.raises(MalformedToken):
            VERIFIER.verify(value, KEYS)  # type: ignore[arg-type]


def test_a_token_larger_than_the_limit_is_not_read() -> None:
    with pytest.raises(TokenTooLarge):
        VERIFIER.verify(token_by(KEY, filler="x" * 16_384), KEYS)
    verifier_for(maximum_octets=40_000).verify(token_by(KEY, filler="x" * 16_384), KEYS)


@pytest.mark.requirement("RFC7519-4.1.4/exp")
def test_a_token_is_dead_at_its_very_expiry() -> None:
    token = token_by(KEY, exp=NOW + 1)
    VERIFIER.verify(token, KEYS)
    for now in (NOW + 1, NOW + 2, NOW + 10**6):
        with pytest.raises(TokenExpired):
            VERIFIER.verify(token, KEYS, now=now)


@pytest.mark.requirement("RFC7519-4.1.5/nbf")
@pytest.mark.parametrize("name", ["nbf", "iat"])
def test_a_time_in_the_future_is_believed_only_within_the_leeway(name: str) -> None:
    # covers: JWS-26
    VERIFIER.verify(token_by(KEY, **{name: NOW + 10}), KEYS)
    with pytest.raises(TokenNotYetValid):
        VERIFIER.verify(token_by(KEY, **{name: NOW + 11}), KEYS)
    verifier_for(leeway=60).verify(token_by(KEY, **{name: NOW + 60}), KEYS)
    with pytest.raises(TokenNotYetValid):
        verifier_for(leeway=0).verify(token_by(KEY, **{name: NOW + 1}), KEYS)


def test_a_token_older_than_its_greatest_age_is_refused() -> None:
    # covers: JWS-26
    verifier = verifier_for(max_age=60)
    verifier.verify(token_by(KEY, iat=NOW - 60), KEYS)
    with pytest.raises(ClaimInvalid):
        verifier.verify(token_by(KEY, iat=NOW - 61), KEYS)
    with pytest.raises(ClaimMissing):
        verifier.verify(token_by(KEY, iat=None), KEYS)


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("value", ["1", True, -1, 10**14, [NOW], {}])
def test_a_time_that_is_no_numeric_date_is_refused(name: str, value: object) -> None:
    with pytest.raises(ClaimInvalid):
        VERIFIER.verify(token_by(KEY, **{name: value}), KEYS)


@pytest.mark.parametrize("name", ["iss", "aud", "exp"])
@pytest.mark.requirement("RFC8725-3.8/issuer")
def test_a_token_without_issuer_audience_or_expiry_is_refused(name: str) -> None:
    # covers: JWS-28
    absent, null = claims_with(**{name: None}), claims_with() | {name: None}
    for claims, error in ((absent, ClaimMissing), (null, ClaimInvalid)):
        with pytest.raises(error) as caught:
            VERIFIER.verify(jwt.sign(claims, KEY, typ="example+jwt"), KEYS)
        assert caught.value.claim == name


@pytest.mark.parametrize(
    "issuer",
    [f"{ISSUER}/", ISSUER[:-1], ISSUER.upper(), f"{ISSUER}.evil", [ISSUER], {"a": ISSUER}, 7, "", f" {ISSUER}"],
)
def test_the_issuer_is_compared_as_it_is_written(issuer: object) -> None:
    # covers: JWS-28
    with pytest.raises(ClaimInvalid):
        VERIFIER.verify(token_by(KEY, iss=issuer), KEYS)


@pytest.mark.requirement("RFC7519-4.1.3/aud")
@pytest.mark.parametrize(
    "audience", ["", f"{AUDIENCE}/", [], ["other"], {"a": AUDIENCE}, 7, [AUDIENCE, 7], [[AUDIENCE]], AUDIENCE[:-1]]
)
def test_a_token_for_somebody_else_is_refused(audience: object) -> None:
    with pytest.raises(ClaimInvalid):
        VERIFIER.verify(token_by(KEY, aud=audience), KEYS)


def test_one_audience_of_several_is_enough_on_either_side() -> None:
    VERIFIER.verify(token_by(KEY, aud=["other", AUDIENCE]), KEYS)
    verifier_for(audience=["x", AUDIENCE]).verify(token_by(KEY), KEYS)
    verifier_for(audience=frozenset({AUDIENCE})).verify(token_by(KEY), KEYS)


@pytest.mark.parametrize("name", ["sub", "jti"])
@pytest.mark.parametrize("value", [["alice"], {"a": 1}, 7, True])
def test_a_subject_or_token_id_that_is_no_string_is_refused(name: str, value: object) -> None:
    with pytest.raises(ClaimInvalid):
        VERIFIER.verify(token_by(KEY, **{name: value}), KEYS)


def test_further_claims_can_be_required() -> None:
    verifier = verifier_for(required=["tenant"])
    verifier.verify(token_by(KEY, tenant="a"), KEYS)
    with pytest.raises(ClaimMissing) as caught:
        verifier.verify(token_by(KEY), KEYS)
    assert caught.value.claim == "tenant"


@pytest.mark.requirement("RFC8725-3.12/exclusive-rules")
@pytest.mark.parametrize(
    "typ", ["JWT", None, "at+jwt", "example+jwt ", " example+jwt", "example+jw", "text/example+jwt"]
)
def test_a_token_of_another_kind_is_refused(typ: str | None) -> None:
    # covers: JWS-31
    with pytest.raises(TypMismatch):
        VERIFIER.verify(raw_token(header_of(KEY, typ=typ), claims_with(), KEY), KEYS)


@pytest.mark.requirement("RFC7515-4.1.9/application")
@pytest.mark.parametrize(
    "typ", ["example+jwt", "Example+JWT", "application/example+jwt", "APPLICATION/EXAMPLE+JWT"]
)
def test_the_kind_is_compared_as_a_media_type(typ: str) -> None:
    # covers: JWS-31
    VERIFIER.verify(raw_token(header_of(KEY, typ=typ), claims_with(), KEY), KEYS)


@pytest.mark.parametrize("typ", [7, None, ["at+jwt"], {}])
def test_a_kind_that_is_no_string_is_refused(typ: object) -> None:
    # covers: JWS-31
    header = {"alg": "ES256", "kid": KEY.kid, "typ": typ}
    with pytest.raises(MalformedToken):
        VERIFIER.verify(raw_token(header, claims_with(), KEY), KEYS)


def test_no_error_shows_the_token_its_claims_or_the_key() -> None:
    # covers: JWS-35
    token = token_by(KEY, sub="alice-secret", aud="https://secret.example")
    for verifier, keys in (
        (VERIFIER, KEYS),
        (VERIFIER, key_set(key_for("ES256", 1))),
        (verifier_for("ES384"), KEYS),
    ):
        with pytest.raises(InvalidToken) as caught:
            verifier.verify(token, keys)
        text = f"{caught.value!r} {caught.value} {caught.value.args}"
        assert "secret" not in text
        assert not any(segment in text for segment in token.split("."))
        assert caught.value.code in {"claim_invalid", "unknown_key", "algorithm_not_allowed"}


def test_peeking_gives_another_type_than_verifying() -> None:
    # covers: JWS-36
    token = token_by(KEY)
    peeked = jwt.peek(token)
    assert peeked.claims == claims_with()
    assert peeked.header["alg"] == "ES256"
    assert not isinstance(peeked, jwt.VerifiedJwt)
    assert not issubclass(jwt.UnverifiedJwt, jwt.VerifiedJwt)
    assert not issubclass(jwt.VerifiedJwt, jwt.UnverifiedJwt)


@pytest.mark.parametrize(
    "text", ["", "a", "a.b", "a.b.c.d", "e30.e30.", "e30.W10.", "eyJhbGciOiJIUzI1NiJ9.W10.e30"]
)
def test_peeking_at_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(MalformedToken):
        jwt.peek(text)


def test_a_known_header_cannot_be_changed_for_others() -> None:
    header = VERIFIER.verify(token_by(KEY), KEYS).header
    with pytest.raises(TypeError):
        header["alg"] = "none"  # type: ignore[index]


def test_a_flood_of_headers_does_not_grow_the_memory_of_them() -> None:
    for number in range(1_200):
        with pytest.raises(UnknownKey):
            VERIFIER.verify(raw_token(header_of(KEY, kid=f"k{number}"), claims_with(), KEY), KEYS)
    assert len(_known_headers) <= 512
    VERIFIER.verify(token_by(KEY), KEYS)


def test_the_header_of_a_signed_token_is_the_keys() -> None:
    # covers: JWS-38
    assert jwt.peek(token_by(KEY)).header == {"alg": "ES256", "kid": KEY.kid, "typ": "example+jwt"}
    unnamed = Jwk.parse({name: part for name, part in KEY.as_private_dict().items() if name != "kid"})
    assert jwt.peek(jwt.sign({}, unnamed, typ="x")).header == {"alg": "ES256", "typ": "x"}
    with pytest.raises(TypeError):
        jwt.sign({}, KEY, typ="x", headers={"alg": "none"})  # type: ignore[call-arg]


@pytest.mark.parametrize("typ", ["", None, 7])
def test_a_token_is_never_signed_without_its_kind(typ: object) -> None:
    with pytest.raises(ConfigurationError):
        jwt.sign(claims_with(), KEY, typ=typ)  # type: ignore[arg-type]


def test_what_is_not_plain_json_is_never_signed() -> None:
    # covers: JWS-38
    for value in (float("nan"), b"x", {1, 2}, object(), datetime(2026, 1, 1), datetime.now(UTC)):  # noqa: DTZ001 - refused
        with pytest.raises(ConfigurationError):
            token_by(KEY, claim=value)
    with pytest.raises(ConfigurationError):
        jwt.sign(claims_with(), KEY.public(), typ="x")

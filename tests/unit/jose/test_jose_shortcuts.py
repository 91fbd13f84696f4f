"""The short ways of the toolkit say what the long ways say: what is remembered, and what is not looked at twice."""

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from support.jose import ASYMMETRIC, b64, header_of, key_for, key_set, raw_token, token_by, verifier_for
from valetkey.jose import (
    AlgorithmNotAllowed,
    ConfigurationError,
    Decrypter,
    DecryptionFailed,
    DuplicateMember,
    InvalidToken,
    Jwk,
    JwkSet,
    MalformedToken,
    SignatureInvalid,
    UnknownKey,
    jwe,
)
from valetkey.jose.encoding import b64url_decode, b64url_encode, json_octets, parse_json_object
from valetkey.jose.signatures import _der_writer

KEY = key_for("ES256")
KEYS = key_set(KEY)
OTHER = key_for("ES256", 1)


def forged(token: str) -> str:
    """Return the token with another signature of the same shape."""
    signed, _, _ = token.rpartition(".")
    _, _, other = token_by(OTHER).rpartition(".")
    return f"{signed}.{other}"


def test_a_header_that_was_once_believed_makes_no_signature_good() -> None:
    verifier, token = verifier_for(), token_by(KEY)
    verifier.verify(token, KEYS)
    with pytest.raises(SignatureInvalid):
        verifier.verify(forged(token), KEYS)
    assert verifier.verify(token, KEYS).key is KEYS.keys[0]


def test_a_key_that_was_taken_out_of_the_set_is_not_remembered() -> None:
    verifier, token = verifier_for(), token_by(KEY)
    verifier.verify(token, KEYS)
    with pytest.raises(UnknownKey):
        verifier.verify(token, key_set(OTHER))
    assert verifier.verify(token, KEYS).key is KEYS.keys[0]


def test_a_kid_that_moves_to_another_key_is_looked_up_again() -> None:
    verifier, token = verifier_for(), token_by(KEY)
    successor = Jwk.generate("ES256", kid=KEY.kid)
    verifier.verify(token, KEYS)
    with pytest.raises(SignatureInvalid):
        verifier.verify(token, key_set(successor))
    assert verifier.verify(token_by(successor), key_set(successor)).key.thumbprint() == successor.thumbprint()


def test_a_header_without_kid_finds_each_of_the_keys_again_and_again() -> None:
    verifier = verifier_for()
    keys = JwkSet((KEY.public(), OTHER.public()))
    for _ in range(2):
        for key in (KEY, OTHER):
            token = raw_token(header_of(KEY, kid=None), {**_claims(token_by(KEY))}, key)
            assert verifier.verify(token, keys).key.kid == key.kid


def _claims(token: str) -> dict[str, object]:
    return parse_json_object(b64url_decode(token.split(".")[1]))


def test_headers_that_no_key_signed_are_not_remembered() -> None:
    verifier, token = verifier_for(), token_by(KEY)
    verifier.verify(token, KEYS)
    known = dict(verifier._recognised)
    for number in range(64):
        with pytest.raises(SignatureInvalid):
            verifier.verify(raw_token(header_of(KEY, note=str(number)), {}, OTHER), KEYS)
    assert verifier._recognised == known


def test_what_a_verifier_remembers_is_bounded_and_never_an_inner_object() -> None:
    verifier, claims = verifier_for(), _claims(token_by(KEY))
    for number in range(80):
        verifier.verify(raw_token(header_of(KEY, note=str(number)), claims, KEY), KEYS)
        assert 0 < len(verifier._recognised) <= 32
    verifier = verifier_for()
    verifier.verify(raw_token(header_of(KEY, note={"a": 1}), claims, KEY), KEYS)
    verifier.verify(raw_token(header_of(KEY, note="a" * 600), claims, KEY), KEYS)
    assert not verifier._recognised


def test_two_verifiers_do_not_share_what_they_believe() -> None:
    token = token_by(KEY)
    verifier_for().verify(token, KEYS)
    with pytest.raises(AlgorithmNotAllowed):
        verifier_for("RS256").verify(token, KEYS)


@pytest.mark.parametrize("algorithm", ASYMMETRIC)
def test_the_same_fault_has_the_same_name_the_first_and_every_other_time(algorithm: str) -> None:
    key = key_for(algorithm)
    token, keys = token_by(key), key_set(key)
    header, payload, signature = token.split(".")
    wrong = [
        f"{header}.{payload}!.{signature}",
        f"{header}.{payload}.{signature}=",
        f"{header}.{payload}.",
        f"{header}..{signature}",
        f"{header}.{payload}.{signature}.",
        f"{header}.{payload[:-2]}.{signature}",
    ]
    for text in wrong:
        fresh, used = verifier_for(algorithm), verifier_for(algorithm)
        used.verify(token, keys)
        with pytest.raises(InvalidToken) as first:
            fresh.verify(text, keys)
        with pytest.raises(InvalidToken) as second:
            used.verify(text, keys)
        assert first.value.code == second.value.code


@pytest.mark.parametrize("algorithm", ["dir", "A256KW", "RSA-OAEP-256"])
def test_a_header_that_was_once_opened_opens_nothing_else(algorithm: str) -> None:
    key, other = (Jwk.generate(algorithm, kid="a") for _ in range(2))
    decrypter = Decrypter(keys=JwkSet((key,)), algorithms=[algorithm], encryptions=["A256GCM"])
    token, strange = (jwe.encrypt(b"hello", one, encryption="A256GCM") for one in (key, other))
    with pytest.raises(DecryptionFailed):
        decrypter.decrypt(strange)
    assert not decrypter._recognised
    for _ in range(2):
        assert decrypter.decrypt(token).plaintext == b"hello"
        with pytest.raises(DecryptionFailed):
            decrypter.decrypt(strange)
    assert len(decrypter._recognised) == 1


def test_what_a_decrypter_remembers_is_bounded() -> None:
    key = Jwk.generate("dir")
    decrypter = Decrypter(keys=JwkSet((key,)), algorithms=["dir"], encryptions=["A256GCM"])
    for number in range(80):
        decrypter.decrypt(jwe.encrypt(b"", key, encryption="A256GCM", header={"note": str(number)}))
        assert 0 < len(decrypter._recognised) <= 32


@given(st.binary(max_size=400))
def test_base64url_is_written_as_another_hand_writes_it(octets: bytes) -> None:
    assert b64url_encode(octets) == base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


@pytest.mark.parametrize("width", [32, 48, 66])
@given(seed=st.binary(min_size=132, max_size=132), blank=st.tuples(st.integers(0, 66), st.integers(0, 66)))
def test_a_signature_has_the_der_form_that_the_library_gives_it(
    width: int, seed: bytes, blank: tuple[int, int]
) -> None:
    r, s = (
        bytes(min(zeros, width)) + part[min(zeros, width) : width]
        for zeros, part in zip(blank, (seed, seed[66:]), strict=True)
    )
    expected = encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))
    assert _der_writer(width)(r + s) == expected


SPACES = st.text(" \t\r\n", max_size=2)


@given(
    members=st.dictionaries(st.text(max_size=3), st.text(max_size=3) | st.integers() | st.floats(0, 9), max_size=4),
    chosen=st.integers(0, 9),
    spaces=st.lists(SPACES, min_size=4, max_size=4),
)
def test_a_member_that_comes_twice_is_found_however_the_object_is_written(
    members: dict[str, object], chosen: int, spaces: list[str]
) -> None:
    separators = (f"{spaces[0]},{spaces[1]}", f"{spaces[2]}:{spaces[3]}")
    text = json.dumps(members, separators=separators)
    assert parse_json_object(text.encode()) == members
    outer = json.dumps({"": [members]}, separators=separators)
    assert parse_json_object(outer.encode()) == {"": [members]}
    if members:
        twice = list(members)[chosen % len(members)]
        again = json.dumps({twice: 0}, separators=separators)[1:]
        with pytest.raises(DuplicateMember):
            parse_json_object(f"{text[:-1]},{again}".encode())
        with pytest.raises(DuplicateMember):
            parse_json_object(f"{outer[:-3].rstrip()},{again}]}}".encode())


class Masked:
    """What is no text, and says that it equals one."""

    def __eq__(self, other: object) -> bool:
        return other == "iss"

    def __hash__(self) -> int:
        return hash("iss")


def test_only_names_that_are_text_are_written() -> None:
    with pytest.raises(ConfigurationError):
        json_octets({Masked(): "a"})  # type: ignore[dict-item]


def test_segments_are_three() -> None:
    for text in (".", "..", "...", "a.b", b64(b"{}"), f"{token_by(KEY)}.a"):
        with pytest.raises(MalformedToken):
            verifier_for().verify(text, KEYS)

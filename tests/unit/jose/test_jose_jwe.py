"""Encryption: what is opened, and what is refused with one message."""

import json
import zlib
from collections.abc import Mapping

import pytest

from support.jose import NOW, b64, claims_with, key_for, key_set, verifier_for
from valetkey.jose import (
    AlgorithmNotAllowed,
    ConfigurationError,
    Decrypter,
    DecryptionFailed,
    InvalidKey,
    InvalidToken,
    Jwk,
    JwkSet,
    MalformedToken,
    TokenTooLarge,
    UnknownKey,
    jwe,
    jwt,
)
from valetkey.jose.algorithms import CONTENT_ENCRYPTIONS, INSECURE_RSA1_5, KEY_MANAGEMENT_ALGORITHMS
from valetkey.jose.encoding import b64url_decode
from valetkey.jose.jwe import Compression, JweLimits
from valetkey.jose.jwe_json import JweContent, decrypt_json, encrypt_flattened, encrypt_general
from valetkey.jose.jwk import signer_of

PLAINTEXT = b"what nobody else shall read"
ENCRYPTIONS = tuple(CONTENT_ENCRYPTIONS)
# Each algorithm with each curve it goes with; RSA1_5 only decrypts, and direct keys have one enc.
PAIRS = [
    (row.name, curve)
    for row in KEY_MANAGEMENT_ALGORITHMS.values()
    if row.name not in {"RSA1_5", "dir"} and row.encryption is None
    for curve in row.curves or ("",)
]


def _key(algorithm: str, curve: str = "") -> Jwk:
    return _KEYS.setdefault(
        (algorithm, curve), Jwk.generate(algorithm, kid=f"{algorithm}{curve}", curve=curve or None)
    )


_KEYS: dict[tuple[str, str], Jwk] = {}
KW = Jwk.generate("A256KW", kid="kw")


def _decrypter(key: Jwk, **changes: object) -> Decrypter:
    algorithm = KEY_MANAGEMENT_ALGORITHMS[key.algorithm, key.kty].header_name
    chosen: dict[str, object] = {
        "keys": JwkSet((key,)),
        "algorithms": [INSECURE_RSA1_5 if algorithm == "RSA1_5" else algorithm],
        "encryptions": ENCRYPTIONS,
        **changes,
    }
    return Decrypter(**chosen)  # type: ignore[arg-type]


@pytest.mark.parametrize(("algorithm", "curve"), PAIRS)
@pytest.mark.parametrize("encryption", ["A128GCM", "A256CBC-HS512"])
def test_only_the_owner_of_the_key_opens_what_was_encrypted_for_it(
    algorithm: str, curve: str, encryption: str
) -> None:
    key = _key(algorithm, curve)
    public = key if key.is_symmetric else key.public()
    token = jwe.encrypt(PLAINTEXT, public, encryption=encryption)
    opened = _decrypter(key).decrypt(token)
    assert (opened.plaintext, opened.key, opened.header["enc"]) == (PLAINTEXT, key, encryption)
    other = Jwk.generate(algorithm, kid=key.kid, curve=curve or None)
    with pytest.raises(DecryptionFailed):
        _decrypter(other).decrypt(token)
    if not key.is_symmetric:
        with pytest.raises(InvalidKey):
            _decrypter(public).decrypt(token)


@pytest.mark.parametrize("encryption", ENCRYPTIONS)
def test_a_direct_key_is_for_one_encryption(encryption: str) -> None:
    key = Jwk.generate(encryption)
    token = jwe.encrypt(PLAINTEXT, key, encryption=encryption)
    assert _decrypter(key).decrypt(token).plaintext == PLAINTEXT
    assert _decrypter(key).decrypt(token).header["alg"] == "dir"
    for other in set(ENCRYPTIONS) - {encryption}:
        with pytest.raises(ConfigurationError):
            jwe.encrypt(PLAINTEXT, key, encryption=other)
    with pytest.raises(UnknownKey):
        _decrypter(Jwk.generate(encryption)).decrypt(token)


def test_a_key_that_names_dir_takes_every_encryption_of_its_length() -> None:
    key = Jwk.generate("dir")
    for encryption in ("A256GCM", "A128CBC-HS256"):
        token = jwe.encrypt(PLAINTEXT, key, encryption=encryption)
        assert _decrypter(key).decrypt(token).plaintext == PLAINTEXT
    with pytest.raises(ConfigurationError):
        jwe.encrypt(PLAINTEXT, key, encryption="A128GCM")


@pytest.mark.parametrize("encryption", ENCRYPTIONS)
@pytest.mark.requirement("RFC7516-5.2/tag")
@pytest.mark.requirement("RFC7518-5.3/lengths")
def test_whatever_is_changed_in_the_token_it_fails_with_one_message(encryption: str) -> None:
    # covers: JWE-06
    header, encrypted_key, iv, ciphertext, tag = jwe.encrypt(PLAINTEXT, KW, encryption=encryption).split(".")
    other_header = b64(b64url_decode(header)[:-1] + b',"x":1}')
    messages = set()
    for wrong in (
        (header, _flipped(encrypted_key), iv, ciphertext, tag),
        (header, b64(b64url_decode(encrypted_key)[:-8]), iv, ciphertext, tag),
        (header, "", iv, ciphertext, tag),
        (header, encrypted_key, _flipped(iv), ciphertext, tag),
        (header, encrypted_key, b64(b64url_decode(iv) + b"x"), ciphertext, tag),
        (header, encrypted_key, "", ciphertext, tag),
        (header, encrypted_key, iv, _flipped(ciphertext), tag),
        (header, encrypted_key, iv, "", tag),
        (header, encrypted_key, iv, ciphertext, _flipped(tag)),
        (header, encrypted_key, iv, ciphertext, b64(b64url_decode(tag)[:-1])),
        (header, encrypted_key, iv, ciphertext, b64(b64url_decode(tag)[:4])),
        (header, encrypted_key, iv, ciphertext, ""),
        (other_header, encrypted_key, iv, ciphertext, tag),
    ):
        with pytest.raises(DecryptionFailed) as caught:
            _decrypter(KW).decrypt(".".join(wrong))
        messages.add(str(caught.value))
    assert len(messages) == 1


def _flipped(segment: str) -> str:
    octets = bytearray(b64url_decode(segment))
    octets[0] ^= 1
    return b64(bytes(octets))


def _with_header(key: Jwk, **changes: object) -> str:
    token = jwe.encrypt(PLAINTEXT, key, encryption="A128GCM")
    header, _, rest = token.partition(".")
    members = json.loads(b64url_decode(header)) | changes
    return f"{b64(json.dumps(members).encode())}.{rest}"


@pytest.mark.parametrize(
    "changes",
    [
        {"crit": ["x"], "x": 1},
        {"crit": []},
        {"crit": ["b64"], "b64": True},
        {"b64": False},
        {"enc": None},
        {"enc": 7},
        {"alg": None},
        {"kid": 7},
        {"zip": "GZIP"},
        {"zip": None},
    ],
)
@pytest.mark.requirement("RFC7516-4.1.13/crit")
def test_a_header_that_is_not_understood_is_refused(changes: Mapping[str, object]) -> None:
    # covers: JWE-10
    with pytest.raises(MalformedToken):
        _decrypter(KW, compression=Compression.DEFLATE).decrypt(_with_header(KW, **changes))


@pytest.mark.parametrize(
    "changes",
    [{"alg": "none"}, {"alg": "A128KW"}, {"alg": "dir"}, {"alg": "RSA1_5"}, {"enc": "A128CBC"}, {"enc": "A256GCM"}],
)
def test_an_algorithm_outside_of_either_list_is_refused(changes: Mapping[str, object]) -> None:
    # covers: JWE-08
    with pytest.raises(AlgorithmNotAllowed):
        _decrypter(KW, encryptions=["A128GCM"]).decrypt(_with_header(KW, **changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"algorithms": []},
        {"algorithms": "A256KW"},
        {"algorithms": ["RSA1_5"]},
        {"algorithms": ["*"]},
        {"algorithms": ["A256GCM"]},
        {"encryptions": []},
        {"encryptions": ["A256KW"]},
        {"encryptions": None},
    ],
)
def test_a_decrypter_with_an_unsafe_list_is_never_built(changes: Mapping[str, object]) -> None:
    # covers: JWE-04, JWE-08
    with pytest.raises(ConfigurationError):
        _decrypter(KW, **changes)


def test_a_key_is_for_signing_or_for_encryption_never_for_both() -> None:
    # covers: JWE-08
    with pytest.raises(ConfigurationError):
        jwe.encrypt(PLAINTEXT, key_for("RS256"), encryption="A128GCM")
    with pytest.raises(ConfigurationError):
        signer_of(KW)
    members = key_for("RS256").as_private_dict()
    with pytest.raises(InvalidKey):
        Jwk.parse(members, algorithm="RSA-OAEP")
    with pytest.raises(InvalidKey):
        Jwk.parse(members | {"alg": "RSA-OAEP"})


@pytest.mark.parametrize("algorithm", ["dir", "ECDH-ES"])
@pytest.mark.requirement("RFC7516-5.2/empty-key")
def test_direct_encryption_has_no_encrypted_key(algorithm: str) -> None:
    # covers: JWE-07
    key = Jwk.generate(algorithm)
    parts = jwe.encrypt(PLAINTEXT, key, encryption="A256GCM").split(".")
    assert parts[1] == ""
    parts[1] = b64(b"\x01" * 32)
    with pytest.raises(DecryptionFailed):
        _decrypter(key).decrypt(".".join(parts))


def test_a_content_key_of_wrong_length_is_refused() -> None:
    # covers: JWE-07
    token = jwe.encrypt(PLAINTEXT, KW, encryption="A128GCM")
    parts = token.split(".")
    parts[1] = jwe.encrypt(PLAINTEXT, KW, encryption="A256GCM").split(".")[1]
    with pytest.raises(DecryptionFailed):
        _decrypter(KW).decrypt(".".join(parts))


RSA1_5 = Jwk.parse(
    {**Jwk.generate("RSA-OAEP", kid="r").as_private_dict(), "alg": "RSA1_5"},
)


@pytest.mark.requirement("RFC7516-11.5/indistinguishable")
def test_rsa1_5_only_decrypts_and_fails_alike_whatever_is_wrong() -> None:
    # covers: JWE-04
    with pytest.raises(ConfigurationError):
        jwe.encrypt(PLAINTEXT, RSA1_5, encryption="A128GCM")
    modulus = (int.from_bytes(b64url_decode(str(RSA1_5.as_dict()["n"])), "big").bit_length() + 7) // 8
    header = b64(b'{"alg":"RSA1_5","enc":"A128GCM","kid":"r"}')
    messages = set()
    for encrypted_key in (b"\x00" * modulus, b"\x01" * modulus, b"\x01", b""):
        token = ".".join([header, b64(encrypted_key), b64(b"\x00" * 12), b64(b"x"), b64(b"\x00" * 16)])
        with pytest.raises(DecryptionFailed) as caught:
            _decrypter(RSA1_5).decrypt(token)
        messages.add(str(caught.value))
    assert len(messages) == 1


@pytest.mark.requirement("RFC7518-4.8.1.2/present")
@pytest.mark.parametrize("count", [0, 1, 999, 200_001, 2**31, 10**12, -5, "1000", 1000.0, True, None])
def test_the_count_of_a_password_is_looked_at_before_any_work(count: object) -> None:
    key = Jwk.from_secret(b"correct horse battery staple", algorithm="PBES2-HS256+A128KW")
    with pytest.raises(MalformedToken):
        _decrypter(key).decrypt(_with_header(key, p2c=count))
    limits = JweLimits(pbes2_count=1_000)
    with pytest.raises(MalformedToken):
        _decrypter(key, limits=limits).decrypt(jwe.encrypt(PLAINTEXT, key, encryption="A128GCM"))


def test_compressed_plaintext_is_refused_unless_asked_for() -> None:
    # covers: JWE-01
    token = jwe.encrypt(b"x" * 10_000, KW, encryption="A128GCM", compression=Compression.DEFLATE)
    assert len(token) < 1_000
    with pytest.raises(AlgorithmNotAllowed):
        _decrypter(KW).decrypt(token)
    assert _decrypter(KW, compression=Compression.DEFLATE).decrypt(token).plaintext == b"x" * 10_000


def _deflate_token(compressed: bytes) -> str:
    """Return a token whose compressed plaintext is taken as it is."""
    enc = CONTENT_ENCRYPTIONS["A128GCM"]
    wrapped = jwe.wrapped_for(KW, enc, b"\x07" * 16)
    header = b64(b'{"alg":"A256KW","enc":"A128GCM","kid":"kw","zip":"DEF"}')
    ciphertext, tag = enc.prepare(wrapped.cek).seal(b"\x00" * 12, compressed, header.encode())
    return ".".join([header, *map(b64, (wrapped.encrypted_key, b"\x00" * 12, ciphertext, tag))])


def test_a_compression_bomb_is_stopped_at_the_limit() -> None:
    # covers: JWE-01
    decrypter = _decrypter(KW, compression=Compression.DEFLATE)
    good = jwe.deflated(b"x" * 250_000)
    assert len(decrypter.decrypt(_deflate_token(good)).plaintext) == 250_000
    bomb = jwe.deflated(b"\x00" * 100_000_000)
    for wrong in (jwe.deflated(b"x" * 250_001), bomb, good[:-1], good + b"x", b"", b"\xff", zlib.compress(b"x")):
        with pytest.raises(DecryptionFailed):
            decrypter.decrypt(_deflate_token(wrong))


@pytest.mark.requirement("RFC7518-8.4/iv")
def test_no_content_key_and_no_iv_is_ever_used_twice() -> None:
    # covers: JWE-11
    seen: set[str] = set()
    for _ in range(100_000):
        _, encrypted_key, iv, _, _ = jwe.encrypt(b"", KW, encryption="A128GCM").split(".")
        seen.update((encrypted_key, iv))
    assert len(seen) == 200_000
    with pytest.raises(ConfigurationError):
        jwe.encrypt(b"", KW, encryption="A128GCM", header={"iv": "AAAA"})


@pytest.mark.parametrize("text", ["", "a.b.c", "....", "." * 1_000_000, "a.b.c.d.e.f", "e30....", "+....", None])
def test_a_text_that_is_no_encrypted_token_is_refused(text: str) -> None:
    with pytest.raises((MalformedToken, TokenTooLarge)):
        _decrypter(KW).decrypt(text)


@pytest.mark.requirement("RFC8725-3.4/inputs")
@pytest.mark.requirement("RFC7518-4.6.1.1/public-only")
@pytest.mark.requirement("RFC7518-4.6.1.1/present")
def test_an_unsound_ephemeral_key_is_refused() -> None:
    key = _key("ECDH-ES", "P-256")
    foreign = Jwk.generate("ECDH-ES", curve="P-384").as_dict()
    x25519 = _key("ECDH-ES", "X25519")
    for ours, epk in (
        (key, None),
        (key, {}),
        (key, "x"),
        (key, foreign),
        (key, {"kty": "EC", "crv": "P-256", "x": b64(b"\x01" * 32), "y": b64(b"\x01" * 32)}),
        (key, key.as_private_dict()),
        (x25519, {"kty": "OKP", "crv": "X25519", "x": b64(bytes(32))}),
        (x25519, {"kty": "OKP", "crv": "X25519", "x": b64(bytes(31))}),
    ):
        with pytest.raises(MalformedToken):
            _decrypter(ours).decrypt(_with_header(ours, epk=epk))


@pytest.mark.parametrize("algorithm", ["ECDH-ES", "ECDH-ES+A256KW", "PBES2-HS256+A128KW"])
@pytest.mark.requirement("RFC7518-4.6/ephemeral")
@pytest.mark.requirement("RFC7518-4.8.1.1/fresh")
def test_what_an_algorithm_draws_for_a_token_is_drawn_for_each(algorithm: str) -> None:
    key = _key(algorithm)
    name = "epk" if algorithm.startswith("ECDH") else "p2s"
    tokens = [jwe.encrypt(PLAINTEXT, key, encryption="A128GCM") for _ in range(3)]
    drawn = [json.dumps(json.loads(b64url_decode(token.split(".")[0]))[name]) for token in tokens]
    assert len(set(drawn)) == len(drawn)


@pytest.mark.parametrize(
    ("algorithm", "changes"),
    [
        ("A128GCMKW", {"iv": b64(bytes(11))}),
        ("A128GCMKW", {"iv": b64(bytes(16))}),
        ("A128GCMKW", {"tag": b64(bytes(12))}),
        ("A128GCMKW", {"iv": None}),
        ("A128GCMKW", {"tag": None}),
        ("PBES2-HS256+A128KW", {"p2s": b64(bytes(7))}),
        ("PBES2-HS256+A128KW", {"p2s": None}),
        ("ECDH-ES", {"apu": b64(b"Bob"), "apv": b64(b"Bob")}),
    ],
)
@pytest.mark.requirement("RFC7518-4.7/lengths")
@pytest.mark.requirement("RFC7518-4.7.1/present")
@pytest.mark.requirement("RFC7518-4.8.1.1/salt")
@pytest.mark.requirement("RFC7518-4.6.2/distinct")
def test_a_header_that_its_algorithm_forbids_opens_nothing(algorithm: str, changes: Mapping[str, object]) -> None:
    # covers: JWE-06
    key = _key(algorithm)
    assert _decrypter(key).decrypt(jwe.encrypt(PLAINTEXT, key, encryption="A128GCM")).plaintext == PLAINTEXT
    with pytest.raises((MalformedToken, DecryptionFailed)):
        _decrypter(key).decrypt(_with_header(key, **changes))


CONTENT = JweContent(
    plaintext=PLAINTEXT,
    encryption="A128CBC-HS256",
    protected={"cty": "text"},
    unprotected={"x": 1},
    aad=b"seen by all",
)


def test_each_of_several_recipients_opens_the_same_content() -> None:
    keys = [KW, _key("RSA-OAEP-256"), _key("ECDH-ES+A256KW", "X448")]
    made = encrypt_general(CONTENT, [KW, keys[1].public(), keys[2].public()])
    for key in keys:
        opened = decrypt_json(json.dumps(made), _decrypter(key))
        assert (opened.plaintext, opened.key, opened.header["x"]) == (PLAINTEXT, key, 1)
    with pytest.raises(InvalidToken):
        decrypt_json(made, _decrypter(Jwk.generate("A256KW", kid="kw")))
    with pytest.raises(ConfigurationError):
        encrypt_general(CONTENT, [KW, Jwk.generate("dir")])
    with pytest.raises(ConfigurationError):
        encrypt_general(CONTENT, [])


def test_the_additional_data_is_covered_by_the_tag() -> None:
    # covers: JWE-06
    made = encrypt_flattened(CONTENT, KW)
    assert decrypt_json(made, _decrypter(KW)).plaintext == PLAINTEXT
    for wrong in (made | {"aad": b64(b"seen by some")}, {name: made[name] for name in made if name != "aad"}):
        with pytest.raises(DecryptionFailed):
            decrypt_json(wrong, _decrypter(KW))


@pytest.mark.parametrize(
    "changes",
    [
        {"recipients": []},
        {"recipients": ["x"]},
        {"recipients": [{}] * 17},
        {"recipients": [{}]},
        {"unprotected": {"enc": "A128GCM"}},
        {"header": {"x": 2}},
        {"header": {"zip": "DEF"}},
        {"header": {"crit": ["exp"]}},
        {"header": 7},
        {"unprotected": []},
        {"protected": 7},
        {"protected": "W10"},
        {"iv": None},
        {"aad": "a b"},
        {"encrypted_key": 7},
    ],
)
@pytest.mark.requirement("RFC7516-7.2.1/disjoint")
def test_an_object_that_is_no_jwe_is_refused(changes: dict[str, object]) -> None:
    # covers: JWE-10
    with pytest.raises(MalformedToken):
        decrypt_json(encrypt_flattened(CONTENT, KW) | changes, _decrypter(KW))


def test_an_object_too_large_is_not_read() -> None:
    limits = JweLimits(token_octets=1_000)
    made = encrypt_flattened(CONTENT, KW)
    for value in (made | {"ciphertext": "A" * 1_001}, json.dumps(made) + " " * 1_000):
        with pytest.raises(TokenTooLarge):
            decrypt_json(value, _decrypter(KW, limits=limits))
    with pytest.raises(MalformedToken):
        decrypt_json("\ud800", _decrypter(KW))


@pytest.mark.parametrize(
    "content",
    [
        JweContent(plaintext=b"", encryption="A128GCM", protected={"alg": "none"}),
        JweContent(plaintext=b"", encryption="A128GCM", unprotected={"crit": ["x"]}),
        JweContent(plaintext=b"", encryption="A128GCM", protected={"x": 1}, unprotected={"x": 1}),
        JweContent(plaintext=b"", encryption="A128"),
    ],
)
def test_what_overlaps_is_not_encrypted(content: JweContent) -> None:
    with pytest.raises(ConfigurationError):
        encrypt_flattened(content, KW)


@pytest.mark.requirement("RFC7519-5.2/nested")
def test_a_token_is_signed_then_encrypted_and_taken_apart_again() -> None:
    signer, recipient = key_for("ES256"), _key("ECDH-ES+A128KW", "P-256")
    token = jwt.sign_then_encrypt(claims_with(), signer, recipient.public(), typ="example+jwt")
    decrypter = _decrypter(recipient)
    verified = jwt.decrypt_then_verify(token, decrypter, verifier_for(), key_set(signer), now=NOW)
    assert verified.claims == claims_with()
    with pytest.raises(MalformedToken):
        jwt.decrypt_then_verify(
            jwe.encrypt(b"{}", recipient, encryption="A128GCM"), decrypter, verifier_for(), key_set(signer)
        )
    unsigned = jwe.encrypt(
        json.dumps(claims_with()).encode(), recipient, encryption="A128GCM", header={"cty": "JWT"}
    )
    with pytest.raises(MalformedToken):
        jwt.decrypt_then_verify(unsigned, decrypter, verifier_for(), key_set(signer))
    with pytest.raises(MalformedToken):
        verifier_for().verify(token, key_set(signer))


def test_a_key_without_an_algorithm_serves_the_only_one_that_is_allowed() -> None:
    members = _key("RSA-OAEP-256").as_private_dict()
    del members["alg"]
    keys = JwkSet.parse({"keys": [members]})
    recipient = keys.recipient("RSA-OAEP-256")
    token = jwe.encrypt(PLAINTEXT, recipient, encryption="A128GCM")
    opened = Decrypter(keys=keys, algorithms=["RSA-OAEP-256"], encryptions=["A128GCM"]).decrypt(token)
    assert opened.plaintext == PLAINTEXT
    with pytest.raises(AlgorithmNotAllowed):
        Decrypter(keys=keys, algorithms=["RSA-OAEP-256", "RSA-OAEP"], encryptions=["A128GCM"]).decrypt(token)
    with pytest.raises(UnknownKey):
        keys.recipient("A128KW")

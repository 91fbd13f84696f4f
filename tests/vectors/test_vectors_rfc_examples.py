"""The worked examples of the RFCs themselves: RFC 7515 A, 7516 A.3, 7519, 7638, 8037 A, 9278 and 9449."""

import pytest

from valetkey.jose import AlgorithmNotAllowed, Jwk, JwkSet, Verifier, jws
from valetkey.jose.dpop_proof import DpopProofVerifier
from valetkey.jose.jwe import Decrypter

_JOE = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
_HS256_KEY = {
    "kty": "oct",
    "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
}
_ES256_KEY = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}
_ES512_KEY = {
    "kty": "EC",
    "crv": "P-521",
    "x": "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk",
    "y": "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2",
}
_ED25519_KEY = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
_RSA_7638 = {
    "kty": "RSA",
    "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiF"
    "V4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zg"
    "dAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-"
    "kEgU8awapJzKnqDKgw",
    "e": "AQAB",
    "alg": "RS256",
    "kid": "2011-04-29",
}

SIGNED = {
    "RFC 7515 A.1": (
        "HS256",
        _HS256_KEY,
        f"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{_JOE}.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    ),
    "RFC 7515 A.3": (
        "ES256",
        _ES256_KEY,
        (
            f"eyJhbGciOiJFUzI1NiJ9.{_JOE}.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-"
            "Kg6NU1Q"
        ),
    ),
    "RFC 7515 A.4": (
        "ES512",
        _ES512_KEY,
        (
            "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB"
            "34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn"
        ),
    ),
    "RFC 8037 A.4": (
        "EdDSA",
        _ED25519_KEY,
        (
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcN"
            "R4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
        ),
    ),
}
UNSECURED = f"eyJhbGciOiJub25lIn0.{_JOE}."
DPOP_PROOF = (
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJo"
    "RjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJ"
    "qdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0Ijo"
    "xNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
)


@pytest.mark.parametrize("name", SIGNED)
def test_a_signed_example_of_an_rfc_verifies(name: str) -> None:
    algorithm, key, token = SIGNED[name]
    keys = JwkSet((Jwk.parse(key, algorithm=algorithm),))
    assert jws.verify_compact(token, keys, algorithms=[algorithm]).payload
    # The nearest token that must not: one bit of the payload's last whole octet is another.
    header, payload, signature = token.split(".")
    forged = ".".join((header, ("f" if payload[0] != "f" else "g") + payload[1:], signature))
    with pytest.raises(Exception, match="signature"):
        jws.verify_compact(forged, keys, algorithms=[algorithm])


def test_the_unsecured_example_of_rfc_7515_and_7519_is_refused() -> None:
    keys = JwkSet((Jwk.parse(_HS256_KEY, algorithm="HS256"),))
    verifier = Verifier(issuer="joe", audience="anybody", typ="JWT", algorithms=["HS256"])
    with pytest.raises(AlgorithmNotAllowed):
        verifier.verify(UNSECURED, keys, now=1300819379)


def test_the_deterministic_example_of_rfc_8037_is_made_again() -> None:
    private = {**_ED25519_KEY, "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}
    key = Jwk.parse(private, algorithm="EdDSA")
    assert jws.sign_compact(b"Example of Ed25519 signing", key) == SIGNED["RFC 8037 A.4"][2]


def test_the_thumbprints_of_rfc_7638_8037_and_9278() -> None:
    rsa = Jwk.parse(_RSA_7638)
    assert rsa.thumbprint() == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    assert rsa.thumbprint_uri() == (
        "urn:ietf:params:oauth:jwk-thumbprint:sha-256:NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    )
    ed25519 = Jwk.parse(_ED25519_KEY, algorithm="Ed25519")
    assert ed25519.thumbprint() == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_the_key_wrap_example_of_rfc_7516_is_opened() -> None:
    token = (
        "eyJhbGciOiJBMTI4S1ciLCJlbmMiOiJBMTI4Q0JDLUhTMjU2In0.6KB707dM9YTIgHtLvtgWQ8mKwboJW3of9locizkDTHzBC2IlrT1oOQ."
        "AxY8DCtDaGlsbGljb3RoZQ.KDlTtXchhZTGufMYmOYGS4HffxPSUrfmqCHXaI9wOGY.U0m_YmjN04DJvceFICbCVQ"
    )
    key = Jwk.parse({"kty": "oct", "k": "GawgguFyGrWKav7AX4VKUg"}, algorithm="A128KW")
    decrypter = Decrypter(keys=JwkSet((key,)), algorithms=["A128KW"], encryptions=["A128CBC-HS256"])
    assert decrypter.decrypt(token).plaintext == b"Live long and prosper."


def test_the_proof_of_rfc_9449_is_believed_at_its_time_and_names_its_key() -> None:
    proof = DpopProofVerifier(algorithms=["ES256"]).verify(DPOP_PROOF, now=1562262616)
    assert (proof.claims["htm"], proof.claims["htu"]) == ("POST", "https://server.example.com/token")
    assert proof.key.thumbprint() == "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"

"""Whatever is typed as a token or stands in a key file, a command ends by itself, in one of its documented ways."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.jwt_command import Desk
from valetkey.jose import Jwk
from valetkey.jose.encoding import b64url_encode

KEY = Jwk.generate("ES256")
ENOUGH = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(
    ["alg", "typ", "kid", "enc", "exp", "iat", "aud", "iss", "keys", "kty", "crv", "x", "y", "k", "n"]
)
OBJECTS = st.dictionaries(NAMES | st.text(max_size=3), JSON, max_size=5).map(
    lambda value: json.dumps(value).encode()
)
TOKENS = (
    st.binary(max_size=200)
    | st.tuples(OBJECTS, OBJECTS, st.binary(max_size=8)).map(
        lambda parts: ".".join(map(b64url_encode, parts)).encode()
    )
    | st.lists(OBJECTS, min_size=5, max_size=5).map(lambda parts: ".".join(map(b64url_encode, parts)).encode())
    | OBJECTS
)
EXPECTED = ("--issuer", "me", "--audience", "you", "--typ", "JWT")


@ENOUGH
@given(TOKENS)
def test_no_token_makes_a_command_break(token: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        desk = Desk(Path(folder))
        public, recipient = desk.public(KEY), desk.key(Jwk.from_secret(bytes(32), algorithm="A256KW"))
        for arguments in (
            ("decode",),
            ("decode", "--json"),
            ("inspect",),
            ("inspect", "--json"),
            ("verify", "--key", public, *EXPECTED),
            ("verify", "--key", public, *EXPECTED, "--json"),
            ("decrypt", "--key", recipient),
        ):
            result = desk.run(*arguments, typed=token)
            assert result.exit_code in {0, 1, 2}, result.output
            assert all(one.isprintable() or one == "\n" for one in result.stderr)
            if arguments[-1] == "--json" and result.exit_code != 2:
                json.loads(result.stdout)


@ENOUGH
@given(st.binary(max_size=200) | OBJECTS, st.sampled_from([None, "HS256", "RS256", "ES256", "ECDH-ES", "dir"]))
def test_no_key_file_makes_a_command_break(content: bytes, alg: str | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        desk = Desk(Path(folder))
        path = desk.write("key", content)
        chosen = () if alg is None else ("--alg", alg)
        for arguments in (
            ("key", "inspect", path),
            ("key", "thumbprint", path),
            ("key", "convert", path, *chosen, "--output", "-"),
            ("sign", "--key", path, *(chosen if alg in {"HS256", "RS256", "ES256"} else ())),
            ("encrypt", "--key", path, *(chosen if alg in {"ECDH-ES", "dir"} else ())),
        ):
            result = desk.run(*arguments, typed=b"x")
            assert result.exit_code in {0, 1, 2, 4}, result.output

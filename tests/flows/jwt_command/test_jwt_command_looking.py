"""`valetkey jwt decode` and `inspect`: everything is shown, nothing is believed, nothing acts on the terminal."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from support.serve import environment
from valetkey.jose import Jwk, jwe, jws_json, jwt
from valetkey.jose.encoding import b64url_encode

if TYPE_CHECKING:
    from support.jwt_command import Desk

KEY = Jwk.generate("ES256")
SECRET = Jwk.from_secret(b"your-256-bit-secret-your-256-bit-secret", algorithm="HS256")


def token(**claims: object) -> str:
    now = int(time.time())
    fixed = {"iss": "me", "aud": "you", "sub": "alice", "jti": "1", "iat": now, "exp": now + 300}
    return jwt.sign({**fixed, **claims}, KEY, typ="JWT")


def test_decoding_says_that_it_is_not_verifying(desk: Desk) -> None:
    shown = desk.done("decode", token())
    assert shown.startswith("Decoded, not verified")
    assert '"sub": "alice"' in shown
    assert "exp  20" in shown
    assert "(in " in shown


def test_a_token_comes_from_the_argument_or_from_standard_input(desk: Desk) -> None:
    text = token()
    expected = desk.document("decode", text)
    assert expected["claims"]["sub"] == "alice"
    assert expected["verified"] is False
    assert desk.document("decode", typed=text + "\n") == expected
    assert desk.document("decode", "-", typed=f"  Bearer {text}\r\n") == expected


def test_no_token_at_all_is_a_wrong_command_line(desk: Desk) -> None:
    assert "There is no token" in desk.ended(2, "decode", typed="\n")


def test_what_is_no_token_ends_with_1(desk: Desk) -> None:
    for text in ("hello", "a.b", "{}", "....", "\x00"):
        result = desk.run("decode", typed=text)
        assert result.exit_code == 1, text
        assert "Traceback" not in result.output


def test_a_hostile_token_is_shown_and_cannot_act_on_the_terminal(desk: Desk) -> None:
    hostile = "\x1b]0;owned\x07\x9b31m\u202e\u200b\U000e0041"
    header = b64url_encode(json.dumps({"alg": "none", hostile: 1}).encode())
    payload = b64url_encode(json.dumps({"sub": hostile, "lone": "\ud800"}).encode())
    for shown in (
        desk.done("decode", f"{header}.{payload}."),
        desk.done("decode", f"{header}.{payload}.", "--json"),
    ):
        assert all(one.isprintable() or one == "\n" for one in shown)
        assert "\\u001b]0;owned" in shown
        assert "\\u202e" in shown
    assert desk.document("decode", f"{header}.{payload}.")["claims"]["sub"] == hostile
    assert desk.run("inspect", f"{header}.{payload}.").exit_code == 1


def test_an_encrypted_token_shows_its_header_and_says_what_opens_it(desk: Desk) -> None:
    text = jwe.encrypt(b"secret", Jwk.generate("ECDH-ES+A256KW"), encryption="A256GCM")
    shown = desk.done("decode", text)
    assert '"enc": "A256GCM"' in shown
    assert "valetkey jwt decrypt" in shown
    assert "claims" not in desk.document("decode", text)


def test_a_json_serialization_shows_each_signature(desk: Desk) -> None:
    signers = [jws_json.JwsSigner(key=KEY), jws_json.JwsSigner(key=Jwk.generate("Ed25519"))]
    text = json.dumps(jws_json.sign_general(b"a text", signers))
    assert "header 2 of 2" in desk.done("decode", typed=text)
    document = desk.document("decode", typed=text)
    assert [header["alg"] for header in document["headers"]] == ["ES256", "Ed25519"]
    assert document["payload_base64url"] == b64url_encode(b"a text")


def test_inspect_says_what_is_wrong_and_ends_with_1(desk: Desk) -> None:
    result = desk.run("inspect", typed=token(exp=5, email="a@b.example"))
    assert result.exit_code == 1
    assert "error: exp_past" in result.stdout
    assert "note: personal_claim (email)" in result.stdout
    assert "error" in result.stdout.splitlines()[-1]


def test_a_sound_token_has_no_findings_and_ends_with_0(desk: Desk) -> None:
    assert desk.done("inspect", typed=token()) == "Nothing was found."
    assert desk.document("inspect", token())["findings"] == []


def test_what_is_grave_enough_to_fail_is_the_callers_choice(desk: Desk) -> None:
    noted, wrong = token(email="a@b.example"), token(exp=5)
    codes = {
        fail_on: (
            desk.run("inspect", noted, "--fail-on", fail_on).exit_code,
            desk.run("inspect", wrong, "--fail-on", fail_on).exit_code,
        )
        for fail_on in ("error", "warning", "note", "never")
    }
    assert codes == {"error": (0, 1), "warning": (0, 1), "note": (1, 1), "never": (0, 0)}


def test_inspect_judges_the_token_together_with_a_key(desk: Desk) -> None:
    text = jwt.sign({"sub": "alice"}, SECRET, typ="JWT")
    document = json.loads(desk.run("inspect", text, "--key", desk.public(KEY), "--json").stdout)
    assert "alg_confusion" in {finding["code"] for finding in document["findings"]}


def test_a_terminal_gets_colour_unless_it_is_not_wanted_and_is_asked_for_the_token() -> None:
    program = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
    shown = {}
    for name, wish in (("wanted", {}), ("unwanted", {"NO_COLOR": "1"})):
        shown[name] = subprocess.run(
            [sys.executable, "-c", program, sys.executable, "-m", "valetkey", "jwt", "decode"],
            input=token().encode() + b"\n",
            capture_output=True,
            check=True,
            timeout=60,
            env={**environment(), "TERM": "xterm", **wish},
        ).stdout
    assert b"Paste the token" in shown["wanted"]
    assert b"\x1b[" in shown["wanted"]
    assert b"\x1b[" not in shown["unwanted"]
    assert b'"sub": "alice"' in shown["unwanted"]

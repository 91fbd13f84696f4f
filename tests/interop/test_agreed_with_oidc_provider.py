"""Where a specification leaves room, two providers that know nothing of each other agree: npm oidc-provider."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
import pytest

from support.dev_server import free_port
from support.production_server import VERIFIER, running_production
from support.require import require
from valetkey.oauth.pkce import challenge_of

pytestmark = pytest.mark.interop

SECRET = "s" * 48
CALLBACK = "https://compared.example.com/callback"
TYPES = ["code", "id_token", "id_token token", "code id_token", "code token", "code id_token token"]
FURTHER = f"""
[[clients]]
client_id = "compared"
name = "Compared"
secret_file = "compared"
grant_types = ["authorization_code", "implicit"]
redirect_uris = ["{CALLBACK}"]
post_logout_redirect_uris = ["https://compared.example.com/bye"]
scope = "openid email"
"""
Both = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """The metadata of ours and of theirs, both with one client of the same name."""
    node, folder, port = require("node"), tmp_path_factory.mktemp("compared"), free_port()
    require("npm-clients")
    (folder / "compared").write_text(SECRET)
    (folder / "compared").chmod(0o600)
    here = Path(__file__).parent
    command = [str(node), str(here / "openid_provider.mjs"), str(port), SECRET]
    with (
        running_production(folder, environ={"VALETKEY_PROFILE": "OPENID"}, further=FURTHER) as ours,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=here) as theirs,
    ):
        assert theirs.stdout is not None
        try:
            assert theirs.stdout.readline() == "ready\n"
            issuers = {"ours": ours.issuer, "theirs": f"http://localhost:{port}"}
            yield {
                name: httpx2.get(f"{issuer}/.well-known/openid-configuration").json()
                for name, issuer in issuers.items()
            }
        finally:
            theirs.kill()


def refusal(metadata: dict[str, Any], response_type: str = "code", **changes: str | None) -> tuple[str, str | None]:
    """Ask without any cookie; return where an error comes to (`page`, `form`, part of an address), and its code."""
    asked: dict[str, str | None] = {
        "client_id": "compared",
        "redirect_uri": CALLBACK,
        "response_type": response_type,
        "scope": "openid",
        "state": "state-1",
        "nonce": "nonce-1",
        "code_challenge": challenge_of(VERIFIER),
        "code_challenge_method": "S256",
    }
    sent = {name: value for name, value in (asked | changes).items() if value is not None}
    response = httpx2.get(f"{metadata['authorization_endpoint']}?{urlencode(sent)}", follow_redirects=False)
    if response.status_code not in {302, 303}:
        if 'value="login_required"' in response.text:
            return "form", "login_required"
        assert response.status_code == 400, response.text
        return "page", None
    parts = urlsplit(response.headers["location"])
    assert response.headers["location"].startswith(CALLBACK), "nothing was refused"
    place = "fragment" if parts.fragment else "query"
    found = dict(parse_qsl(parts.fragment or parts.query))
    assert (found["state"], found["iss"]) == ("state-1", metadata["issuer"])
    assert not {"code", "id_token", "access_token"} & found.keys()
    return place, found["error"]


@pytest.mark.parametrize("response_type", TYPES)
def test_who_is_not_signed_in_is_reported_where_the_response_type_puts_it(both: Both, response_type: str) -> None:
    place = "query" if response_type == "code" else "fragment"
    for metadata in both.values():
        assert refusal(metadata, response_type, prompt="none") == (place, "login_required")


AGREED: list[tuple[str, dict[str, str | None], tuple[str, str | None]]] = [
    ("token", {}, ("fragment", "unsupported_response_type")),
    ("code other", {}, ("query", "unsupported_response_type")),
    ("id_token", {"nonce": None}, ("fragment", "invalid_request")),
    ("code id_token", {"nonce": None}, ("fragment", "invalid_request")),
    ("code token", {"nonce": None, "prompt": "none"}, ("fragment", "login_required")),
    ("id_token", {"scope": "email"}, ("fragment", "invalid_request")),
    ("id_token", {"scope": None}, ("fragment", "invalid_request")),
    ("code", {"response_mode": "fragment", "prompt": "none"}, ("fragment", "login_required")),
    ("code", {"response_mode": "form_post", "prompt": "none"}, ("form", "login_required")),
    ("code", {"prompt": "none login"}, ("query", "invalid_request")),
    ("code", {"prompt": "other"}, ("query", "invalid_request")),
    ("code", {"max_age": "-1"}, ("query", "invalid_request")),
    ("code", {"max_age": "soon"}, ("query", "invalid_request")),
    ("code", {"claims": "no JSON"}, ("query", "invalid_request")),
    ("code", {"claims": "[]"}, ("query", "invalid_request")),
    ("code", {"id_token_hint": "no token", "prompt": "none"}, ("query", "invalid_request")),
    ("code", {"registration": "{}"}, ("query", "registration_not_supported")),
    ("code", {"request": "no object"}, ("query", "invalid_request_object")),
    ("code", {"request": "one", "request_uri": "https://compared.example.com/two"}, ("query", "invalid_request")),
    ("code", {"code_challenge_method": "plain"}, ("query", "invalid_request")),
    ("code", {"code_challenge": "short"}, ("query", "invalid_request")),
    # What is only a wish, or unknown, stops nobody.
    ("code", {"scope": "openid other", "prompt": "none"}, ("query", "login_required")),
    ("code", {"display": "other", "prompt": "none"}, ("query", "login_required")),
    ("code", {"ui_locales": "xx zz", "prompt": "none"}, ("query", "login_required")),
    (
        "code",
        {"code_challenge": None, "code_challenge_method": None, "prompt": "none"},
        ("query", "login_required"),
    ),
    # What is not certainly the client's is led nowhere.
    ("code", {"redirect_uri": "https://another.example/callback"}, ("page", None)),
    ("code", {"client_id": "nobody"}, ("page", None)),
    ("code", {"client_id": None}, ("page", None)),
]


@pytest.mark.parametrize(("response_type", "changes", "expected"), AGREED, ids=str)
def test_a_request_is_refused_by_the_same_code_at_the_same_place(
    both: Both, response_type: str, changes: dict[str, str | None], expected: tuple[str, str | None]
) -> None:
    for metadata in both.values():
        assert refusal(metadata, response_type, **changes) == expected


@pytest.mark.parametrize(
    ("form", "secret", "expected"),
    [
        ({"grant_type": "authorization_code", "code": "x" * 43, "redirect_uri": CALLBACK}, SECRET, "invalid_grant"),
        ({"grant_type": "authorization_code", "redirect_uri": CALLBACK}, SECRET, "invalid_request"),
        ({"grant_type": "other"}, SECRET, "unsupported_grant_type"),
        ({}, SECRET, "invalid_request"),
        ({"grant_type": "authorization_code", "code": "x" * 43}, "wrong", "invalid_client"),
    ],
    ids=str,
)
def test_the_token_endpoint_refuses_by_the_same_code(
    both: Both, form: dict[str, str], secret: str, expected: str
) -> None:
    for metadata in both.values():
        answer = httpx2.post(metadata["token_endpoint"], data=form, auth=("compared", secret))
        assert answer.json()["error"] == expected
        assert answer.status_code == (401 if expected == "invalid_client" else 400)
        assert ("www-authenticate" in answer.headers) is (expected == "invalid_client")
        assert answer.headers["cache-control"] == "no-store"


def test_userinfo_says_what_is_wrong_with_a_token_but_no_more_than_its_scheme_without_one(both: Both) -> None:
    for metadata in both.values():
        without = httpx2.get(metadata["userinfo_endpoint"])
        assert without.status_code == 401
        assert without.headers["www-authenticate"].startswith("Bearer")
        assert "error=" not in without.headers["www-authenticate"]
        wrong = httpx2.get(metadata["userinfo_endpoint"], headers={"authorization": "Bearer invented"})
        assert wrong.status_code == 401
        assert 'error="invalid_token"' in wrong.headers["www-authenticate"]


def test_what_both_say_of_themselves_is_said_by_the_same_members(both: Both) -> None:
    ours, theirs = both["ours"], both["theirs"]
    # Theirs alone: what only they do, and RFC 9126 and RFC 9449, which we do not publish.
    further = {"pushed_authorization_request_endpoint", "dpop_signing_alg_values_supported"}
    assert theirs.keys() - ours.keys() <= further
    for name in (
        "claims_parameter_supported",
        "request_parameter_supported",
        "authorization_response_iss_parameter_supported",
        "backchannel_logout_supported",
        "backchannel_logout_session_supported",
        "code_challenge_methods_supported",
    ):
        assert ours[name] == theirs[name]
    assert set(theirs["response_types_supported"]) == set(ours["response_types_supported"])
    assert set(theirs["response_modes_supported"]) == set(ours["response_modes_supported"])
    assert set(theirs["token_endpoint_auth_methods_supported"]) == set(
        ours["token_endpoint_auth_methods_supported"]
    )

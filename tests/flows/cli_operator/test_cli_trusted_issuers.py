"""Issuers whose assertions buy tokens, and clients that exchange tokens, kept by command and by file."""

import json
from pathlib import Path

import pytest

from support.operator import Operator
from valetkey.jose import Jwk, JwkSet

ISSUER = "https://idp.example.com"
ADD = ("trusted-issuer", "add", ISSUER, "--jwks-uri", f"{ISSUER}/keys", "--client", "shop", "--scope", "read")


def test_an_issuer_is_trusted_changed_and_trusted_no_longer(operator: Operator) -> None:
    added = operator.done(*ADD, "--subject", "42=ada", "--subject", "a=b=bob")
    assert (added["issuer"], added["clients"], added["scope"]) == (ISSUER, ["shop"], "read")
    assert (added["subject_match"], added["subjects"]) == ("listed", {"42": "ada", "a=b": "bob"})
    changed = operator.done(
        "trusted-issuer", "change", ISSUER, "--subject-match", "email", "--subject-claim", "email", "--subject", "",
        "--assertion-lifetime", "60", "--algorithm", "ES256", "--disable",
    )  # fmt: skip
    assert (changed["subject_match"], changed["subject_claim"], changed["subjects"]) == ("email", "email", {})
    assert (changed["assertion_lifetime"], changed["algorithms"], changed["disabled"]) == (60, ["ES256"], True)
    assert operator.done("trusted-issuer", "show", ISSUER) == changed
    assert operator.done("trusted-issuer", "list") == [changed]
    assert operator.done("trusted-issuer", "remove", ISSUER) == {"issuer": ISSUER, "removed": True}
    assert operator.done("trusted-issuer", "list") == []


def test_keys_come_from_one_place(operator: Operator, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text(json.dumps(JwkSet((Jwk.generate("ES256").public(),)).as_dict()))
    operator.done(*ADD, "--subject", "42=ada")
    changed = operator.done("trusted-issuer", "change", ISSUER, "--jwks", str(path))
    assert (changed["jwks_uri"], len(changed["jwks"]["keys"])) == (None, 1)
    changed = operator.done("trusted-issuer", "change", ISSUER, "--jwks-uri", f"{ISSUER}/other")
    assert (changed["jwks_uri"], changed["jwks"]) == (f"{ISSUER}/other", None)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ((*ADD,), "subjects: expected a table of user names"),
        ((*ADD, "--subject", "42"), "subject: say whom a value means"),
        ((*ADD[:-2], "--subject", "42=ada"), "scope: expected the scopes"),
        ((*ADD, "--subject", "42=ada", "--algorithm", "HS256"), "algorithms: expected some of"),
        ((*ADD, "--subject", "42=ada", "--jwks-uri", "http://idp.example.com"), "jwks_uri: expected an https URL"),
        (("trusted-issuer", "show", ISSUER), "is not trusted in tenant default"),
    ],
)
def test_what_is_not_sound_is_refused_in_words(operator: Operator, arguments: tuple[str, ...], line: str) -> None:
    assert line in operator.refused(*arguments)


def test_an_issuer_that_is_trusted_is_not_added_again(operator: Operator) -> None:
    operator.done(*ADD, "--subject", "42=ada")
    assert "is trusted already" in operator.refused(*ADD, "--subject", "42=ada")


def test_a_client_exchanges_what_its_rules_list(operator: Operator) -> None:
    exchange = "urn:ietf:params:oauth:grant-type:token-exchange"
    new = ("client", "add", "gateway", "--grant-type", exchange, "--scope", "orders:read")
    # Without a rule it may exchange nobody's tokens, and API keys alone.
    keys_alone = ("client", "add", "keys-alone", "--grant-type", exchange, "--scope", "orders:read")
    assert operator.done(*keys_alone)["token_exchange"] == []
    rules = ("--token-exchange", "shop https://a.example https://b.example")
    added = operator.done(*new, *rules, "--token-impersonation", "web https://a.example")
    assert added["token_exchange"] == [
        {"client": "shop", "resources": ["https://a.example", "https://b.example"], "kind": "delegation"},
        {"client": "web", "resources": ["https://a.example"], "kind": "impersonation"},
    ]
    again = ("client", "change", "gateway", "--token-exchange", "shop https://a.example", "--token-exchange")
    assert "one rule for each client" in operator.refused(*again, "shop https://b.example")
    assert "lists the resource servers" in operator.refused(*again, "web")
    assert "is no resource" not in operator.refused(*again, "web nowhere")

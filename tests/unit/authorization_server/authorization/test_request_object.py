"""Which parameters a request object makes, and what of it is used up."""

from dataclasses import replace
from typing import Any

import pytest

from support.house import API, ISSUER, NOW, OTHER_API, client_key, digest_of
from support.request_objects import REFERENCE, request_claims, signed_request, signing_client
from support.requirement import requirement
from valetkey.authorization_server.authorization.request_object import (
    Expected,
    assembled,
    fetched_object,
    is_evident,
    referenced_url,
    used_up,
    verified_claims,
    without_evidence,
)
from valetkey.authorization_server.decision import BurnJti
from valetkey.authorization_server.policy import OAUTH_2_1, OPENID, PROFILES, Policy, RequestObjectRule
from valetkey.jose import JwkSet
from valetkey.oauth.errors import OAuthError
from valetkey.oauth.parameters import Parameters
from valetkey.oauth.types import ClientId

KEYS = (JwkSet((client_key().public(),)),)
SENT = Parameters.of((("client_id", "web"), ("request", "x"), ("state", "outer"), ("display", "popup")))


def expected(policy: Policy = OPENID, **members: Any) -> Expected:
    return Expected(signing_client(**members), ISSUER, policy, NOW)


def parameters(
    claims: dict[str, Any], sent: Parameters = SENT, policy: Policy = OPENID, **members: Any
) -> Parameters:
    return assembled(sent, claims, expected(policy, **members))


def refusal(claims: dict[str, Any], sent: Parameters = SENT) -> OAuthError:
    with pytest.raises(OAuthError) as caught:
        parameters(claims, sent)
    return caught.value


@requirement("OIDCC-6.3.3/assemble")
def test_with_openid_connect_the_members_of_an_object_supersede_what_stands_beside_it() -> None:
    found = parameters({"iss": "web", "nonce": "n", "state": "inner"})
    assert [found.get(name) for name in ("state", "nonce", "display")] == ["inner", "n", "popup"]
    assert not {"request", "request_uri", "iss"} & found.names()
    # An empty member is none at all, as an empty parameter is.
    assert parameters({"state": ""}).get("state") == "outer"


@requirement("OIDCC-6.1/match")
def test_the_response_type_beside_an_object_is_the_one_in_it() -> None:
    beside = Parameters.of((("client_id", "web"), ("request", "x"), ("response_type", "code")))
    assert parameters({"response_type": "code"}, beside).get("response_type") == "code"
    assert parameters({}, beside).get("response_type") == "code"
    assert refusal({"response_type": "token"}, beside).requirement == "OIDCC-6.1/match"


@requirement("JAR-6.3/only")
def test_elsewhere_and_for_a_client_that_promised_to_sign_only_its_members_count() -> None:
    for found in (
        parameters({"nonce": "n"}, policy=OAUTH_2_1),
        parameters({"nonce": "n"}, require_signed_request_object=True),
    ):
        assert (found.get("client_id"), found.get("nonce")) == ("web", "n")
        assert not {"state", "display", "request"} & found.names()


def test_the_rule_is_policy() -> None:
    rules = {name: policy.request_objects for name, policy in PROFILES.items()}
    assert rules.pop("OPENID") is RequestObjectRule.SUPERSEDES
    assert set(rules.values()) == {RequestObjectRule.ALONE}


@requirement("JAR-4/members")
@pytest.mark.parametrize(
    ("member", "value", "texts"),
    [
        ("max_age", 86_400, ("86400",)),
        ("max_age", 0, ("0",)),
        ("max_age", "60", ("60",)),
        ("max_age", 1.5, ("1.5",)),
        ("claims", {"id_token": {"acr": None}}, ('{"id_token":{"acr":null}}',)),
        ("claims", '{"id_token":{}}', ('{"id_token":{}}',)),
        ("authorization_details", [{"type": "x"}], ('[{"type":"x"}]',)),
        ("resource", API, (API,)),
        ("resource", [API, OTHER_API], (API, OTHER_API)),
        ("resource", [], ()),
        ("scope", "openid email", ("openid email",)),
        ("state", "\u2028 <b>", ("\u2028 <b>",)),
        ("state", None, ()),
        ("state", "", ()),
        ("x_unknown", "x", ("x",)),
        ("x_unknown", 7, ()),
        ("x_unknown", {"a": [1]}, ()),
        ("iss", "web", ()),
        ("aud", ISSUER.url, ()),
        ("exp", NOW, ()),
        ("jti", "1", ()),
        ("request object", "- forged", ("-",)),
        ("client_id", "web", ("web",)),
    ],
)
def test_a_member_becomes_the_text_that_a_parameter_is(member: str, value: object, texts: tuple[str, ...]) -> None:
    sent = Parameters.of((("client_id", "web"), ("request", "x")))
    assert parameters({member: value}, sent).all(member) == texts


@requirement("JAR-4/members")
@pytest.mark.parametrize("name", ["scope", "redirect_uri", "state", "nonce", "prompt", "code_challenge", "display"])
@pytest.mark.parametrize("value", [7, True, ["x"], {"x": 1}, 1.5])
def test_a_member_of_another_type_is_refused(name: str, value: object) -> None:
    assert refusal({name: value}).requirement == "JAR-4/members"


def test_what_a_browser_says_of_itself_is_no_evidence_of_an_object() -> None:
    evident = parameters({"jti": "1", "exp": NOW + 10})
    assert is_evident(evident)
    assert not is_evident(without_evidence(evident))
    assert without_evidence(evident).get("state") == "outer"
    assert used_up(without_evidence(evident), ClientId("web"), NOW) is None


@requirement("JAR-10.2/replay")
def test_a_number_is_used_up_until_nothing_that_began_with_it_can_be_answered() -> None:
    use = used_up(parameters({"jti": "1", "exp": NOW + 10}), ClientId("web"), NOW)
    lifetime = OPENID.interaction_lifetime
    assert use == BurnJti("request_object web", digest_of("1"), NOW + 10 + lifetime, NOW)  # type: ignore[arg-type]  # a text is the same to it
    without_end = used_up(parameters({"jti": "1"}), ClientId("web"), NOW)
    assert without_end is not None
    assert without_end.expires_at == NOW + OPENID.request_object_lifetime + lifetime
    assert used_up(parameters({"exp": NOW + 10}), ClientId("web"), NOW) is None
    assert used_up(parameters({"jti": ""}), ClientId("web"), NOW) is None


def test_an_object_without_an_end_may_be_good_for_ever_where_it_has_no_number() -> None:
    asked = expected()
    assert verified_claims(signed_request(exp=None), asked, KEYS)["client_id"] == "web"
    assert verified_claims(signed_request(exp=NOW + 10**8), asked, KEYS)["exp"] == NOW + 10**8
    with pytest.raises(OAuthError):
        verified_claims(signed_request(exp=NOW + 10**8, jti="1"), asked, KEYS)
    with pytest.raises(OAuthError):
        verified_claims(signed_request(), asked, ())


@requirement("JAR-10.4.2/rewrite")
def test_an_address_is_used_as_it_was_registered_or_with_a_digest() -> None:
    digest = "#" + "A" * 43
    client = signing_client()
    assert referenced_url(REFERENCE, client) == referenced_url(REFERENCE + digest, client) == REFERENCE
    pinned = signing_client(request_uris=(REFERENCE + digest,))
    assert referenced_url(REFERENCE + digest, pinned) == REFERENCE
    for reference in (REFERENCE, REFERENCE + "#" + "B" * 43, REFERENCE + "#"):
        with pytest.raises(OAuthError):
            referenced_url(reference, pinned)
    with pytest.raises(OAuthError):
        fetched_object(REFERENCE + digest, b"x")
    assert fetched_object(REFERENCE, b" x\r\n") == "x"


def test_a_client_whose_object_names_another_is_refused() -> None:
    other = replace(expected(), client=replace(signing_client(), client_id=ClientId("other")))
    with pytest.raises(OAuthError):
        verified_claims(signed_request(), other, KEYS)
    with pytest.raises(OAuthError):
        verified_claims(signed_request(iss=None), other, KEYS)
    assert (
        verified_claims(signed_request(iss=None, client_id=None), other, KEYS)["nonce"] == request_claims()["nonce"]
    )

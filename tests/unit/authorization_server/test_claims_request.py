"""The claims request: what it may say, what is ignored, and what is no claims request at all."""

import json

import pytest

from valetkey.authorization_server.claims_request import (
    MAXIMUM_CLAIMS,
    MAXIMUM_LOCALES,
    MAXIMUM_OCTETS,
    NO_CLAIMS,
    ClaimsRequest,
    RequestedAcr,
    RequestedClaim,
    split_name,
)
from valetkey.oauth.errors import ErrorCode, OAuthError

OF_THE_SPECIFICATION = """
  {
   "userinfo":
    {
     "given_name": {"essential": true},
     "nickname": null,
     "email": {"essential": true},
     "email_verified": {"essential": true},
     "picture": null,
     "http://example.info/claims/groups": null
    },
   "id_token":
    {
     "auth_time": {"essential": true},
     "acr": {"values": ["urn:mace:incommon:iap:silver"] }
    }
  }
"""


def parsed(request: object, locales: str | None = None) -> ClaimsRequest:
    return ClaimsRequest.parse(json.dumps(request), locales)


@pytest.mark.requirement("OIDCC-5.5/json")
def test_the_example_of_the_specification_is_read_as_it_is_meant() -> None:
    assert ClaimsRequest.parse(OF_THE_SPECIFICATION) == ClaimsRequest(
        (
            RequestedClaim("given_name", is_essential=True),
            RequestedClaim("nickname"),
            RequestedClaim("email", is_essential=True),
            RequestedClaim("email_verified", is_essential=True),
            RequestedClaim("picture"),
            RequestedClaim("http://example.info/claims/groups"),
        ),
        (
            RequestedClaim("auth_time", is_essential=True),
            RequestedClaim("acr", values=("urn:mace:incommon:iap:silver",)),
        ),
    )


@pytest.mark.requirement("OIDCC-5.5/unknown-members")
@pytest.mark.requirement("OIDCC-5.5.1/unknown-members")
def test_members_that_nobody_knows_are_ignored() -> None:
    strange = {"verified_claims": [1], "userinfo": {"name": {"purpose": "greeting", "essential": False}}}
    assert parsed(strange) == ClaimsRequest((RequestedClaim("name"),))
    assert parsed({}) == NO_CLAIMS == ClaimsRequest.parse(None)


def test_a_name_that_no_claim_can_have_is_ignored() -> None:
    names = ["", " ", "a b", "größe", "a\nb", "x" * 129]
    assert parsed({"userinfo": dict.fromkeys([*names, "x" * 128])}).names == {"x" * 128}


# covers: AUT-16
@pytest.mark.requirement("OIDCC-5.5/json")
@pytest.mark.requirement("OIDCC-5.5.1/null-or-object")
@pytest.mark.parametrize(
    "text",
    [
        "", "nonsense", "null", "[]", '"userinfo"', "1", "{", "{}{}", '{"userinfo": {}, "userinfo": {}}',
        '{"userinfo": {"name": null, "name": {"essential": true}}}', '{"userinfo": []}', '{"id_token": null}',
        '{"userinfo": {"name": true}}', '{"userinfo": {"name": []}}', '{"userinfo": {"name": "Alice"}}',
        '{"userinfo": {"name": {"essential": "true"}}}', '{"userinfo": {"name": {"essential": 1}}}',
        '{"userinfo": {"name": {"essential": null}}}', '{"userinfo": {"name": {"values": "Alice"}}}',
        '{"userinfo": {"name": {"values": []}}}', '{"userinfo": {"name": {"values": [1], "value": 1}}}',
        json.dumps({"userinfo": {"name": {"values": list(range(21))}}}),
        '{"id_token": {"acr": {"value": 1}}}', '{"id_token": {"acr": {"values": ["a", null]}}}',
        '{"id_token": {"sub": {"value": ["sub-alice"]}}}', '{"userinfo": {"sub": {"value": null}}}',
        "\ud800", '{"userinfo": {"name": NaN}}',
    ],
)  # fmt: skip
def test_what_is_no_claims_request_is_refused(text: str) -> None:
    with pytest.raises(OAuthError) as refused:
        ClaimsRequest.parse(text)
    assert refused.value.code is ErrorCode.INVALID_REQUEST


# covers: AUT-16
@pytest.mark.parametrize(
    "text",
    [
        '{"userinfo": {"a": {"value": ' + "[" * 3 + "]" * 3 + "}}}",
        "[" * 100_000,
        '{"x":' * 2_000 + "1" + "}" * 2_000,
        json.dumps({"userinfo": {f"claim_{number}": None for number in range(MAXIMUM_CLAIMS + 1)}}),
        json.dumps({"x": "x" * MAXIMUM_OCTETS}),
    ],
    ids=["deep value", "deep list", "deep object", "many claims", "long"],
)
def test_what_is_deep_many_or_long_is_refused(text: str) -> None:
    with pytest.raises(OAuthError) as refused:
        ClaimsRequest.parse(text)
    assert refused.value.code is ErrorCode.INVALID_REQUEST


def test_a_value_can_be_an_address() -> None:
    asked = parsed({"userinfo": {"address": {"values": [{"country": "CH"}]}}}).userinfo[0]
    assert asked.is_met_by({"country": "CH"})
    assert not asked.is_met_by({"country": "DE"})


@pytest.mark.requirement("OIDCC-5.5.1/value")
def test_values_are_compared_as_json_has_them() -> None:
    asked = RequestedClaim("email_verified", values=(1, "true"))
    assert not asked.is_met_by(True)
    assert asked.is_met_by(1)
    assert RequestedClaim("email_verified").is_met_by(False)


@pytest.mark.requirement("OIDCC-5.5.1.1/essential-acr")
@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (
            {"values": ["silver", "bronze"], "essential": True},
            RequestedAcr(("silver", "bronze"), is_essential=True),
        ),
        ({"value": "silver"}, RequestedAcr(("silver",), is_essential=False)),
        ({"essential": True}, None),
        (None, None),
    ],
    ids=str,
)
def test_levels_are_asked_for_in_order_essential_or_not(asked: object, expected: RequestedAcr | None) -> None:
    assert parsed({"id_token": {"acr": asked}}).acr_values() == expected
    assert parsed({"userinfo": {"acr": asked}}).acr_values() is None


@pytest.mark.requirement("OIDCC-3.1.2.2/subject")
def test_whom_a_request_is_about_is_the_same_in_both_places() -> None:
    of_two = {"sub": {"values": ["a", "b"]}}
    assert parsed({"id_token": {"sub": {"value": "a"}}}).subjects() == ("a",)
    assert parsed({"userinfo": of_two}).subjects() == ("a", "b")
    assert parsed({"userinfo": of_two, "id_token": {"sub": {"value": "b"}}}).subjects() == ("b",)
    assert parsed({"userinfo": of_two, "id_token": {"sub": {"value": "c"}}}).subjects() == ()
    assert parsed({"userinfo": {"sub": None}, "id_token": {"sub": {"essential": True}}}).subjects() is None


@pytest.mark.requirement("OIDCC-5.2/locales-no-error")
def test_locales_are_language_tags_in_their_order_and_nothing_else() -> None:
    assert ClaimsRequest.parse(None, "de-CH en de-CH  x_y 1 ja-Kana-JP").locales == ("de-CH", "en", "ja-Kana-JP")
    assert len(ClaimsRequest.parse(None, " ".join(f"a{chr(97 + n)}" for n in range(20))).locales) == MAXIMUM_LOCALES


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("name#de", ("name", "de")), ("name#ja-Kana-JP", ("name", "ja-Kana-JP")), ("name", ("name", None)),
        ("name#", ("name#", None)), ("name#d_e", ("name#d_e", None)), ("#de", ("#de", None)),
    ],
)  # fmt: skip
def test_a_language_tag_stands_behind_the_name(name: str, expected: tuple[str, str | None]) -> None:
    assert split_name(name) == expected


def test_what_is_kept_of_a_request_reads_as_it_was() -> None:
    request = ClaimsRequest.parse(OF_THE_SPECIFICATION, "de en")
    assert ClaimsRequest.restored(json.loads(json.dumps(request.as_document()))) == request
    assert NO_CLAIMS.as_document() == {}


def test_narrowed_it_keeps_nothing_but_the_names_in_any_language() -> None:
    request = parsed(
        {"userinfo": {"name#de": None, "email": None}, "id_token": {"name": None, "picture": None}}, "de"
    )
    narrow = request.narrowed_to({"name"})
    assert narrow == ClaimsRequest((RequestedClaim("name#de"),), (RequestedClaim("name"),), ("de",))

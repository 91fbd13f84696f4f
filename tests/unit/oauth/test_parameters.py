from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from valetkey.oauth.errors import ErrorCode, OAuthError
from valetkey.oauth.parameters import Parameters, parse_form, parse_front_channel


def _refused(raw: bytes) -> OAuthError:
    with pytest.raises(OAuthError) as caught:
        parse_form(raw)
    return caught.value


def test_parameters_are_read_by_name() -> None:
    form = parse_form(b"grant_type=refresh_token&scope=a+b%20c")
    assert form.get("grant_type") == "refresh_token"
    assert form.get("scope") == "a b c"
    assert form.get("absent") is None


# covers: AUT-22
@pytest.mark.requirement("RFC6749-3.1/empty")
def test_an_empty_value_counts_as_absent() -> None:
    form = parse_form(b"scope=&state=x")
    assert form.get("scope") is None
    assert "scope" not in form
    assert form.names() == {"state"}


# covers: HTP-05
@pytest.mark.requirement("RFC6749-3.1/repeated")
@pytest.mark.parametrize(
    "raw", [b"code=a&code=b", b"code=a&code=a", b"code=&code=a", b"client_id=a&x=1&client_id=a"]
)
def test_a_repeated_parameter_is_refused(raw: bytes) -> None:
    assert _refused(raw).code is ErrorCode.INVALID_REQUEST


@pytest.mark.requirement("RFC8707-2/several")
def test_resource_may_be_repeated() -> None:
    assert parse_form(b"resource=https://a&resource=https://b").all("resource") == ("https://a", "https://b")


def test_the_front_channel_still_learns_what_was_not_repeated() -> None:
    parameters, error = parse_front_channel(b"client_id=c&state=a&state=b")
    assert parameters.get("client_id") == "c"
    assert parameters.get("state") is None
    assert error is not None
    assert error.code is ErrorCode.INVALID_REQUEST


# covers: HTP-04
@pytest.mark.parametrize("raw", [b"a=%zz", b"a=%f", b"a=%ff", b"a=\xff", b"&".join([b"a=1"] * 101), b"a=%C3%28"])
def test_what_cannot_be_read_is_refused(raw: bytes) -> None:
    assert _refused(raw).code is ErrorCode.INVALID_REQUEST


# covers: HTP-04
def test_a_semicolon_separates_nothing() -> None:
    assert parse_form(b"a=1;b=2").get("a") == "1;b=2"


def test_no_value_is_shown_by_repr() -> None:
    assert "hunter2" not in repr(parse_form(b"password=hunter2"))


def test_stored_pairs_give_the_same_parameters_again() -> None:
    form = parse_form(b"a=1&resource=https://x&resource=https://y")
    assert Parameters.of(form.as_pairs()) == form


@given(st.binary(max_size=300))
def test_nothing_but_an_oauth_error_escapes(raw: bytes) -> None:
    try:
        parse_form(raw)
    except OAuthError as error:
        assert error.code is ErrorCode.INVALID_REQUEST


@given(
    st.text(st.sampled_from("ab=&+;% \x00~"), max_size=40), st.sampled_from(["", "%26", "a=%C3%A9", "%2B+%3D=x"])
)
def test_fields_are_read_as_the_standard_library_reads_them(text: str, encoded: str) -> None:
    raw = f"{text.replace('%', encoded)}&{encoded}"
    found, _ = parse_front_channel(raw.encode(), repeatable=frozenset(name for name, _ in parse_qsl(raw)))
    expected = parse_qsl(raw, errors="strict")
    assert sorted(found.as_pairs()) == sorted(expected)

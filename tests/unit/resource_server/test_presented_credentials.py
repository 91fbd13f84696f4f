"""How a token is presented: whatever the value of the header, it is read as the grammar of RFC 6750, 2.1 says."""

import re

from hypothesis import given
from hypothesis import strategies as st

from valetkey.resource_server.token import BearerToken, MalformedCredentials, read_credentials

GRAMMAR = re.compile(r"[A-Za-z0-9\-._~+/]+=*")


@given(st.text("aZ0-._~+/=", max_size=12) | st.text(max_size=4))
def test_a_token_is_what_the_grammar_allows_and_nothing_else(value: str) -> None:
    presented = value.strip()
    found = read_credentials([f"Bearer {value}"])
    if GRAMMAR.fullmatch(presented):
        assert found == BearerToken(presented)
    else:
        assert found.__class__.__name__ in {"MalformedCredentials", "NoToken"}


def test_padding_stands_at_the_end_or_not_at_all() -> None:
    assert read_credentials(["Bearer a=="]) == BearerToken("a==")
    for value in ("=", "=a", "a=b", "a b", "ä", ""):
        assert isinstance(read_credentials([f"Bearer {value}x"[:-1]]), MalformedCredentials), value

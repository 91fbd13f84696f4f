"""What is drawn for one request."""

from base64 import urlsafe_b64encode

from valetkey.authorization_server.fresh import Fresh
from valetkey.oauth.types import NumericDate


def test_no_identifier_looks_like_an_option_of_a_command() -> None:
    drawn = [Fresh(NumericDate(1), number.to_bytes(64, "big")) for number in range(500)]
    plain = [urlsafe_b64encode(fresh.draw("x")[:16]).decode()[:22] for fresh in drawn]
    identifiers = [fresh.identifier("x") for fresh in drawn]
    assert any(text.startswith("-") for text in plain)
    assert not any(text.startswith("-") for text in identifiers)
    assert [text[1:] for text in identifiers] == [text[1:] for text in plain]
    assert len(set(identifiers)) == len(drawn)

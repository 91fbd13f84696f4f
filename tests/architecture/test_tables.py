"""A new grant or client authentication method is one file and one line in its table; none is forgotten."""

from support.architecture.modules import house, parsed
from support.architecture.tables import missing_rows

_GRANTS = "valetkey.authorization_server.grants"


def test_every_file_of_a_table_room_stands_in_its_table() -> None:
    assert list(missing_rows(house())) == []


def test_a_file_that_its_table_forgot_is_found() -> None:
    room = [
        parsed(_GRANTS, f"from {_GRANTS}.refresh_token import GRANT", package=True),
        parsed(f"{_GRANTS}.grant", ""),
        parsed(f"{_GRANTS}.refresh_token", ""),
        parsed(f"{_GRANTS}.device_code", ""),
    ]
    assert list(missing_rows(room)) == [f"{_GRANTS}.device_code is missing from the table in {_GRANTS}"]


def test_a_room_without_a_table_is_found() -> None:
    assert list(missing_rows([parsed(f"{_GRANTS}.device_code", "")]))

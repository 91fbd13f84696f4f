"""The keyed order of a list's places."""

from valetkey.authorization_server.revocation.permutation import Permutation
from valetkey.authorization_server.revocation.statuses import CAPACITY


def test_every_place_is_taken_once() -> None:
    index = Permutation(b"k" * 32).index
    assert {index(position) for position in range(CAPACITY)} == set(range(CAPACITY))


def test_another_key_is_another_order_and_the_same_key_the_same() -> None:
    orders = [[Permutation(key).index(at) for at in range(100)] for key in (b"a" * 32, b"b" * 32, b"a" * 32)]
    assert orders[0] == orders[2] != orders[1]

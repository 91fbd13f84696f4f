import pytest

from valetkey.oauth.authentication_method import AuthenticationMethod

_BASIC, _POST = AuthenticationMethod.CLIENT_SECRET_BASIC, AuthenticationMethod.CLIENT_SECRET_POST


@pytest.mark.parametrize(
    "method", sorted(set(AuthenticationMethod) - {AuthenticationMethod.CLIENT_SECRET_BASIC_OR_POST})
)
def test_a_registered_method_is_the_only_way(method: AuthenticationMethod) -> None:
    assert method.ways == {method}


def test_a_client_registered_for_either_way_may_use_both_and_nothing_else() -> None:
    assert AuthenticationMethod.CLIENT_SECRET_BASIC_OR_POST.ways == {_BASIC, _POST}


def test_every_method_that_is_named_after_a_secret_needs_one_and_no_other() -> None:
    needing = {method for method in AuthenticationMethod if method.needs_secret}
    assert needing == {method for method in AuthenticationMethod if "secret" in method.value}

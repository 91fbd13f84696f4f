"""Ways in which an end-user proves who they are: one file a method, one line each in this table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.user_authentication import one_time_code, password

if TYPE_CHECKING:
    from collections.abc import Mapping

    from valetkey.authorization_server.user_authentication.acr import UserAuthenticationMethod

METHODS: Final[Mapping[str, UserAuthenticationMethod]] = {
    method.name: method for method in (password.METHOD, one_time_code.METHOD)
}
"""By name; a level of the policy that needs a method which is not here is reached by nobody."""

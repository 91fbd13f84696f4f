"""Ways in which an end-user proves who they are: one file a method, one line each in this table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.user_authentication import password

if TYPE_CHECKING:
    from collections.abc import Mapping

    from valetkey.authorization_server.user_authentication.acr import UserAuthenticationMethod

METHODS: Final[Mapping[str, UserAuthenticationMethod]] = {method.name: method for method in (password.METHOD,)}
"""By name; `acr_values_supported` is derived from it."""

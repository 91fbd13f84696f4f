"""What others add by a package of their own: only what the settings name is ever loaded."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Final

from valetkey.authorization_server.grant_table import UnfitGrant, refuse_unfit
from valetkey.settings.sources import hint

if TYPE_CHECKING:
    from valetkey.authorization_server.grants.grant import Grant

GROUP: Final = "valetkey.grants"
"""The group of entry points in which a package offers its grants."""


def load_grants(names: tuple[str, ...]) -> tuple[Grant[Any, Any], ...]:
    """Return the grants that `names` name, in their order; raises UnfitGrant with a line for an operator."""
    offered = {point.name: point for point in entry_points(group=GROUP)} if names else {}
    grants: list[Grant[Any, Any]] = []
    for name in names:
        if name not in offered:
            raise UnfitGrant(f"no installed package offers the grant {name}{hint(name, offered)}")
        try:
            found = offered[name].load()
            grant = found() if isinstance(found, type) else found
        except Exception as error:
            raise UnfitGrant(f"the grant {name} cannot be loaded: {type(error).__name__}: {error}") from error
        refuse_unfit(grant)
        if grant.grant_type in {one.grant_type for one in grants}:
            raise UnfitGrant(f"the grant type {grant.grant_type} is added twice")
        grants.append(grant)
    return tuple(grants)

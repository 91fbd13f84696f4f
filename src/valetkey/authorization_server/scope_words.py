"""Rights as pages name them: each scope with the words of the resource server that defines it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from valetkey.authorization_server.pages import ConsentScope

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from valetkey.authorization_server.model import Resource


def in_words(
    scope: Iterable[str], resources: Sequence[str], catalogue: Sequence[Resource]
) -> tuple[ConsentScope, ...]:
    """Return each right once for every resource server of `resources` that defines it, by scope name."""
    known = {resource.identifier: resource for resource in catalogue}
    named = [known[identifier] for identifier in resources if identifier in known]
    rights: list[ConsentScope] = []
    for name in sorted(scope):
        owners = [resource for resource in named if name in resource.scopes]
        rights.extend(ConsentScope(name, owner.scopes[name], owner.name) for owner in owners)
        if not owners:
            rights.append(ConsentScope(name, None, None))
    return tuple(rights)

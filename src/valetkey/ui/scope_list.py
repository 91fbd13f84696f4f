"""What a client asks for as the consent page lists it: our own words first, then each resource server's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from valetkey.jose.records import dataclass
from valetkey.ui.words import CLAIM_WORDS, OTHER_CLAIM, SCOPE_WORDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from valetkey.authorization_server.pages import ConsentScope


@dataclass(frozen=True, slots=True)
class Right:
    """One line: `message` is to be translated, `text` is the operator's own; without both, `name` stands there."""

    icon: str
    name: str
    message: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """The rights at one resource server; `resource_name` is None for the end-user's own account."""

    resource_name: str | None
    rights: tuple[Right, ...]


_OPERATORS_ICON: Final = "key"
_ORDER: Final = {name: number for number, name in enumerate(SCOPE_WORDS)}
_CLAIM_ORDER: Final = {name: number for number, name in enumerate(CLAIM_WORDS)}


def consent_groups(scopes: Iterable[ConsentScope], claims: Iterable[str] = ()) -> tuple[Group, ...]:
    """Return the rights by resource server: the account's first, from who one is to where one lives.

    What a client wants to know claim by claim, belongs to the account; what one sentence says stands there once.
    """
    groups: dict[str | None, list[Right]] = {None: []}
    for scope in sorted(scopes, key=_rank):
        groups.setdefault(scope.resource_name, []).append(_right(scope))
    said = {right.message for right in groups[None]}
    for right in map(_known_of, sorted(claims, key=_claim_rank)):
        if right.message not in said or right.message is OTHER_CLAIM:
            said.add(right.message)
            groups[None].append(right)
    return tuple(Group(name, tuple(rights)) for name, rights in groups.items() if rights)


def _rank(scope: ConsentScope) -> int:
    return _ORDER.get(scope.name, len(_ORDER)) if scope.resource_name is None else len(_ORDER)


def _claim_rank(name: str) -> tuple[int, str]:
    return _CLAIM_ORDER.get(name, len(_CLAIM_ORDER)), name


def _known_of(claim: str) -> Right:
    words = CLAIM_WORDS.get(claim)
    return Right("card", claim, OTHER_CLAIM) if words is None else Right(words.icon, claim, words.text)


def _right(scope: ConsentScope) -> Right:
    if scope.description:
        return Right(_OPERATORS_ICON, scope.name, text=scope.description)
    words = SCOPE_WORDS.get(scope.name) if scope.resource_name is None else None
    return Right(words.icon, scope.name, words.text) if words else Right(_OPERATORS_ICON, scope.name)

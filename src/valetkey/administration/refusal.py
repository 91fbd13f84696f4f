"""Why an act is refused, in words for an operator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from valetkey.authorization_server.model import ManagedBy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from valetkey.authorization_server.fault import Fault


class ActRefused(Exception):
    """The act was not done and nothing was changed; `lines` say why and what to do next."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class DeclaredInFile(ActRefused):
    """What a configuration file declares is changed only there; `what` names it."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} is declared in a configuration file: change it there and start the server again")
        self.what = what


def refuse_faults(faults: Iterable[Fault]) -> None:
    """Raise ActRefused with a line for each fault, unless there is none."""
    lines = [f"{fault.field}: {fault.message}" for fault in faults]
    if lines:
        raise ActRefused(*lines)


def refuse_declared(what: str, managed_by: ManagedBy) -> None:
    """Raise DeclaredInFile for what a configuration file declares."""
    if managed_by is ManagedBy.FILE:
        raise DeclaredInFile(what)

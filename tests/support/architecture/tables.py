"""A room that is a table of files lists every one of its files: what is not in the table does not exist."""

from collections.abc import Iterable, Iterator
from types import MappingProxyType

from support.architecture.modules import Module, targets_of

# The folder, and the files in it that are shared by the rows instead of being one.
TABLES: MappingProxyType[str, frozenset[str]] = MappingProxyType(
    {
        "valetkey.authorization_server.grants": frozenset({"grant"}),
        "valetkey.authorization_server.client_authentication": frozenset({"assertion", "method"}),
    }
)


def missing_rows(modules: Iterable[Module]) -> Iterator[str]:
    """Every file of a table room that the room's table does not import."""
    by_name = {module.name: module for module in modules}
    for table, shared in TABLES.items():
        files = {name for name in by_name if name.rpartition(".")[0] == table}
        rows = {name for name in files if name.rpartition(".")[2] not in shared}
        listed = (
            {target for target, _ in targets_of(by_name[table], frozenset(by_name))} if table in by_name else set()
        )
        yield from (f"{name} is missing from the table in {table}" for name in sorted(rows - listed))

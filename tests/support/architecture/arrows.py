"""Which room may import which: the arrows of the house, and no cycle anywhere."""

from collections.abc import Iterable, Iterator

from support.architecture.modules import Module, room_of, targets_of

FLOORS: dict[str, int] = {
    "": 0,
    "jose": 0,
    "oauth": 1,
    "authorization_server": 2,
    "resource_server": 2,
    "client": 2,
    "gateway": 3,
    "administration": 3,
    "ui": 3,
    "adapters": 3,
    "integrations": 3,
    "settings": 3,
    "server": 4,
    "gateway_server": 4,
    "cli": 5,
    "__main__": 6,
}
SHARED_BY_STORAGES = "storage.sql"


def wrong_arrows(modules: Iterable[Module]) -> Iterator[str]:
    """Every import that goes up a floor, across one, or from one adapter to another."""
    modules = tuple(modules)
    known = frozenset(module.name for module in modules)
    for module in modules:
        if module.room not in FLOORS:
            yield f"{module.name}: no such room in the plan of the house"
            continue
        for target, line in targets_of(module, known):
            fault = _fault(module, target)
            if fault:
                yield f"{module.name}:{line}: imports {target}: {fault}"


def _fault(module: Module, target: str) -> str | None:
    room = room_of(target)
    if room not in FLOORS:
        return "no such room in the plan of the house"
    if room != module.room:
        lower = FLOORS[room] < FLOORS[module.room]
        return None if lower and module.room else "an arrow goes to a lower floor only"
    if room == "adapters" and _is_foreign(_adapter(module.name), _adapter(target)):
        return "an adapter never imports another adapter"
    return None


def _is_foreign(own: str, other: str) -> bool:
    shared = other == SHARED_BY_STORAGES and own.startswith("storage.")
    return own != other and not shared


def _adapter(name: str) -> str:
    """The unit that is swapped as one: a file or folder of `adapters`, one level deeper in `storage`."""
    parts = name.split(".")[2:]
    return ".".join(parts[: 2 if parts[:1] == ["storage"] else 1])


def cycles(modules: Iterable[Module]) -> Iterator[str]:
    """Every group of modules that import each other in a circle, told once."""
    modules = tuple(modules)
    known = frozenset(module.name for module in modules)
    graph = {
        module.name: sorted({target for target, _ in targets_of(module, known)} & known - {module.name})
        for module in modules
    }
    done: set[str] = set()
    for start in sorted(graph):
        circle = _circle(graph, start, [], done)
        if circle:
            yield " -> ".join(circle)


def _circle(graph: dict[str, list[str]], name: str, path: list[str], done: set[str]) -> list[str] | None:
    if name in path:
        return [*path[path.index(name) :], name]
    if name in done:
        return None
    for target in graph[name]:
        circle = _circle(graph, target, [*path, name], done)
        if circle:
            done.update(path)
            return circle
    done.add(name)
    return None

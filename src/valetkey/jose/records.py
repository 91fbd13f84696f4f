"""How the value classes of the house are made: dataclasses whose methods are written when they are first needed.

A frozen dataclass costs half a millisecond to make, nearly all of it for six methods that are compiled whether they
are called or not; hundreds of them were half of the time that the server took to start. Here a class gets its
slots and fields, shares what does not depend on them, and has its `__init__` compiled with its first instance.
To everybody else it is a dataclass: `fields`, `replace`, `match`, `copy`, `pickle` and type checkers see one.
"""

from __future__ import annotations

import sys
from dataclasses import MISSING, Field, FrozenInstanceError, fields
from dataclasses import dataclass as standard_dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Final, NoReturn, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FunctionType

_T = TypeVar("_T")
_PROMISED: Final = {"frozen": True, "slots": True}


def _record(*, eq: bool = True, kw_only: bool = False, **promised: bool) -> Callable[[type[_T]], type[_T]]:
    """Return the decorator that makes a class a frozen and slotted dataclass; another kind raises TypeError."""
    if promised != _PROMISED:
        raise TypeError("A value class of the house is made with frozen=True and slots=True.")

    def made(written: type[_T]) -> type[_T]:
        own = vars(written)
        record = standard_dataclass(init=False, repr=False, eq=False, kw_only=kw_only, slots=True)(written)
        methods = {"__init__": _FirstInit(record)} | _SHARED
        if eq:
            methods |= {"__eq__": _equality(record), "__hash__": _hash(record)}
        for name, method in methods.items():
            # What the class writes itself stands; Python adds `__hash__ = None` where it writes an `__eq__`.
            if own.get(name) is None:
                setattr(record, name, method)
        return record

    return made


if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass  # noqa: PLC0414 - so that type checkers see what it promises to be
else:
    dataclass = _record


class _FirstInit:
    """Stands where `__init__` will: who looks it up first, to call it or to read its signature, has it written."""

    __slots__ = ("_record",)

    def __init__(self, record: type) -> None:
        self._record = record

    def __get__(self, instance: object | None, owner: type | None = None) -> object:
        written = _init(self._record)
        self._record.__init__ = written  # type: ignore[misc] # the only place where it is replaced
        return written if instance is None else written.__get__(instance, owner)


def _init(record: type) -> FunctionType:
    """Compile the `__init__` of a class from the names of its fields."""
    given: dict[str, object] = {"__set": object.__setattr__, "__missing": MISSING}
    by_position: list[str] = []
    by_name: list[str] = []
    body: list[str] = []
    for field in fields(record):
        parameter, value = _parameter(field, given)
        if field.init:
            (by_name if field.kw_only else by_position).append(parameter)
        if value:
            body.append(f"__set(self, {field.name!r}, {value})")
    if hasattr(record, "__post_init__"):
        body.append("self.__post_init__()")
    head = ", ".join(["self", *by_position, *(["*"] if by_name else []), *by_name])
    lines = [
        f"def made({', '.join(given)}):",
        f" def __init__({head}):",
        *(f"  {line}" for line in body or ["pass"]),
    ]
    # Nothing but the names of our own fields is compiled here, as the standard library does it.
    made: dict[str, FunctionType] = {}
    exec("\n".join([*lines, " return __init__"]), vars(sys.modules[record.__module__]), made)  # noqa: S102 - own field names
    init: FunctionType = made["made"](**given)
    init.__qualname__ = f"{record.__qualname__}.__init__"
    init.__annotations__ = {field.name: field.type for field in fields(record) if field.init} | {"return": None}
    return init


def _parameter(field: Field[object], given: dict[str, object]) -> tuple[str, str]:
    """Return a field's parameter and the expression of its value, which may name what is put into `given`."""
    name, default = field.name, f"__of_{field.name}"
    if field.default is not MISSING:
        given[default] = field.default
        return f"{name}={default}", name if field.init else default
    if field.default_factory is not MISSING:
        given[default] = field.default_factory
        made = f"{default}()"
        return f"{name}=__missing", f"{made} if {name} is __missing else {name}" if field.init else made
    return name, name if field.init else ""


def _values(compared: list[Field[object]]) -> Callable[[object], object]:
    """Return what reads the values of some fields: one is read bare, several come as a tuple."""
    return attrgetter(*(field.name for field in compared)) if compared else lambda _record: ()


def _equality(record: type) -> Callable[[object, object], bool]:
    values = _values([field for field in fields(record) if field.compare])

    def __eq__(self: object, other: object) -> bool:  # noqa: N807 - it becomes the method
        return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

    return __eq__


def _hash(record: type) -> Callable[[object], int]:
    values = _values([field for field in fields(record) if (field.compare if field.hash is None else field.hash)])
    return lambda self: hash(values(self))


def _shown(self: object) -> str:
    shown = (f"{field.name}={getattr(self, field.name)!r}" for field in fields(self) if field.repr)  # type: ignore[arg-type] # a record is a dataclass
    return f"{self.__class__.__qualname__}({', '.join(shown)})"


def _state(self: object) -> list[object]:
    return [getattr(self, field.name) for field in fields(self)]  # type: ignore[arg-type]  # every record is a dataclass


def _restore(self: object, state: list[object]) -> None:
    for field, value in zip(fields(self), state, strict=True):  # type: ignore[arg-type]  # a record is a dataclass
        object.__setattr__(self, field.name, value)


def _refuse_to_set(_self: object, name: str, _value: object) -> NoReturn:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(_self: object, name: str) -> NoReturn:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


_SHARED: Final[dict[str, object]] = {
    "__repr__": _shown,
    "__getstate__": _state,
    "__setstate__": _restore,
    "__setattr__": _refuse_to_set,
    "__delattr__": _refuse_to_delete,
}

"""What a setting is: a row that drives parsing, the reference page, `valetkey init` and the nearest-key hint."""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import Generic, TypeVar

from valetkey.jose.records import dataclass
from valetkey.settings.kinds import Kind

Value_co = TypeVar("Value_co", covariant=True)


class Required(Enum):
    """The default of a setting that has none."""

    REQUIRED = "required"


REQUIRED = Required.REQUIRED


class FromFile(StrEnum):
    """Whether `NAME_file` may name a file that holds the value."""

    NO = "no"
    SECRET = "secret"  # noqa: S105 - a rule's name
    """Its file is closed to other users, and its value stands in no output."""
    PUBLIC = "public"


@dataclass(frozen=True, slots=True)
class Setting(Generic[Value_co]):
    """One row; `path` is dotted and relative to its table, `example` is TOML text, `doc` one or two sentences."""

    path: str
    kind: Kind[Value_co]
    default: Value_co | Required
    doc: str
    example: str
    from_file: FromFile = FromFile.NO

    @property
    def names(self) -> tuple[str, ...]:
        """The keys under which the row is set."""
        return (self.path,) if self.from_file is FromFile.NO else (self.path, self.path + "_file")


@dataclass(frozen=True, slots=True)
class DeclarationTable:
    """An array of tables: each declares one thing, which `key` names; `doc` is one sentence."""

    name: str
    key: Setting[str]
    rows: tuple[Setting[object], ...]
    doc: str

    @property
    def names(self) -> tuple[str, ...]:
        """The keys that a table of the array may have."""
        return tuple(name for row in self.rows for name in row.names)

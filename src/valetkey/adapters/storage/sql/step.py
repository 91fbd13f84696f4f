"""What a transaction is made of: statements with their bindings, some of which must win."""

from collections.abc import Sequence
from typing import Any

from valetkey.jose.records import dataclass

Binding = str | int | bytes | None
Bindings = tuple[Binding, ...]
# A driver's row: what a column holds is said by the migration, not by a type.
Record = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Step:
    """One statement of a unit of work, in the `$1` dialect.

    Where `must_win`, the statement has a RETURNING clause, and no row means that its precondition no longer
    holds: the whole unit is rolled back.
    """

    statement: str
    bindings: Bindings
    must_win: bool = False


UnitOfWork = Sequence[Step]

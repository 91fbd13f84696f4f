"""What is wrong with something that is registered, in words for whoever registers it."""

from __future__ import annotations

from valetkey.jose.records import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: the field, and what it should be, to be read by who registers."""

    field: str
    message: str

"""Turns the one SQL text, written for PostgreSQL with `$1`, into what SQLite understands."""

import re
from functools import cache

_PLACEHOLDER = re.compile(r"\$(\d+)")
_TYPES = (
    (re.compile(r"\bBYTEA\b"), "BLOB"),
    (re.compile(r"\bBIGINT\b"), "INTEGER"),
    # A rowid beside a digest as primary key would be a second B-tree to write for every token.
    (re.compile(r"\)\s*/\* sqlite: (STRICT(?:, WITHOUT ROWID)?) \*/"), r") \1"),
    # What a migration takes over from older rows, where only SQLite can have any.
    (re.compile(r"/\* sqlite: (INSERT INTO [^*]+;) \*/"), r"\1"),
)


@cache
def to_sqlite(statement: str) -> str:
    """The statement with `$1` as `?1`: SQLite binds `$1` by order of appearance, not by number."""
    return _PLACEHOLDER.sub(r"?\1", statement)


def schema_to_sqlite(script: str) -> str:
    """The migration with SQLite's type names, and its `/* sqlite: ... */` table options in force."""
    for pattern, replacement in _TYPES:
        script = pattern.sub(replacement, script)
    return script

"""Numbered migrations: which exist, which are still to be applied, and which databases are refused."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import field
from importlib.resources import files

from valetkey.jose.records import dataclass

_FILE_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
_WORKS_WITH = re.compile(r"^-- works with: (\d+)$", re.MULTILINE)

LEDGER = """
CREATE TABLE IF NOT EXISTS schema_migration (
    number     BIGINT NOT NULL PRIMARY KEY,
    name       TEXT   NOT NULL,
    checksum   TEXT   NOT NULL,
    works_with BIGINT NOT NULL,
    applied_at BIGINT NOT NULL
) /* sqlite: STRICT */
"""
APPLIED = "SELECT number, name, checksum, works_with FROM schema_migration ORDER BY number"
RECORD = """
INSERT INTO schema_migration (number, name, checksum, works_with, applied_at) VALUES ($1, $2, $3, $4, $5)
"""


class SchemaMismatchError(Exception):
    """The database's schema is not one that this version can work with; the message is one line for an operator."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered script.

    `works_with` is the lowest number whose code still runs on the schema that this script leaves behind: its
    own number for a contraction, a lower one for an expansion.
    """

    number: int
    name: str
    script: str = field(repr=False)
    works_with: int

    @property
    def checksum(self) -> str:
        """SHA-256 of the script, in hex."""
        return hashlib.sha256(self.script.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class AppliedMigration:
    """A line of the ledger in the database."""

    number: int
    name: str
    checksum: str
    works_with: int


def parse(scripts: Mapping[str, str]) -> tuple[Migration, ...]:
    """The migrations in order, from file name -> text; ValueError where a name, header or number is wrong."""
    migrations = []
    for file_name, script in scripts.items():
        name, header = _FILE_NAME.fullmatch(file_name), _WORKS_WITH.search(script)
        if name is None or header is None:
            raise ValueError(f"{file_name}: a migration is NNNN_name.sql with a line '-- works with: N'.")
        migrations.append(Migration(int(name[1]), name[2], script, int(header[1])))
    migrations.sort(key=lambda migration: migration.number)
    numbers = [migration.number for migration in migrations]
    for migration in migrations:
        # A number may be missing, while the branch that has it is not merged; none is there twice.
        if numbers.count(migration.number) != 1 or not 1 <= migration.works_with <= migration.number:
            raise ValueError(f"Migration {migration.number:04} is out of order or works with an unknown one.")
    return tuple(migrations)


def shipped() -> tuple[Migration, ...]:
    """The migrations that this version brings."""
    folder = files(__package__).joinpath("migrations")
    return parse({file.name: file.read_text() for file in folder.iterdir() if file.name.endswith(".sql")})


def pending(known: tuple[Migration, ...], applied: Iterable[AppliedMigration]) -> tuple[Migration, ...]:
    """What is still to be applied, in order.

    Raises SchemaMismatchError where an applied script is not the one that we know, or where a newer version
    has left a schema on which this one cannot work.
    """
    by_number = {migration.number: migration for migration in known}
    newest = max(by_number, default=0)
    done = set()
    for line in applied:
        done.add(line.number)
        ours = by_number.get(line.number)
        if ours is None:
            if line.works_with > newest:
                raise SchemaMismatchError(
                    f"The database has migration {line.number:04}_{line.name} of a newer version, "
                    f"and this version knows {newest:04} at most: start the newer version."
                )
        elif ours.checksum != line.checksum:
            raise SchemaMismatchError(
                f"Migration {line.number:04}_{line.name} was applied to the database with another text: "
                "restore the release that applied it, or a backup."
            )
    return tuple(migration for migration in known if migration.number not in done)

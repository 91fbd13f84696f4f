"""One SQL text for two engines."""

from pathlib import Path

from valetkey.adapters.storage.sql.dialect import schema_to_sqlite, to_sqlite
from valetkey.adapters.storage.sqlite.connection import open_writer


def test_placeholders_are_bound_by_number_in_whatever_order_they_appear(tmp_path: Path) -> None:
    assert to_sqlite("SELECT $2, $1, $12") == "SELECT ?2, ?1, ?12"
    connection = open_writer(str(tmp_path / "valetkey.db"))
    assert connection.execute(to_sqlite("SELECT $2 || $1 || $2"), ("a", "b")).fetchall() == [("bab",)]
    connection.close()


def test_types_and_table_options_become_those_of_sqlite() -> None:
    written = "CREATE TABLE t (a BIGINT, b BYTEA) /* sqlite: STRICT, WITHOUT ROWID */;"
    assert schema_to_sqlite(written) == "CREATE TABLE t (a INTEGER, b BLOB) STRICT, WITHOUT ROWID;"

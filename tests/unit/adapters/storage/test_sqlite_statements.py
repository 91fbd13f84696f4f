"""No statement reads a whole table, or all rows of a tenant, where an index finds the few that are meant."""

import re
from collections.abc import Iterator
from types import ModuleType

import pytest

from valetkey.adapters.storage.sql import (
    configuration_changes,
    device_changes,
    purge,
    queries,
    registration_changes,
    security_events,
    sign_in_changes,
    stream_events,
    streams,
    token_changes,
)
from valetkey.adapters.storage.sql.dialect import to_sqlite
from valetkey.adapters.storage.sqlite.connection import open_reader
from valetkey.adapters.storage.sqlite.migrate import upgrade

MODULES = (
    queries, device_changes, token_changes, sign_in_changes, configuration_changes, purge, security_events,
    registration_changes, stream_events, streams,
)  # fmt: skip
SQL = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE)\b")
OF_ONE_ROW = ("CONSTANT ROW", "configurations", "tenants", "event_counters")
WHAT_WAS_FOUND = ("SCAN (subquery",)
# Receivers are few, and an operator lets each of them in; what waits for a counter stands inside one transaction.
FEW = frozenset({
    "SEARCH s USING PRIMARY KEY (tenant=?)", "SCAN s", "SEARCH streams USING PRIMARY KEY (tenant=?)",
    "SCAN stream_events USING INDEX stream_events_waiting", "SEARCH c USING PRIMARY KEY (tenant=?)",
})  # fmt: skip
ALL_OF_A_TENANT = (
    "LIST_CLIENTS",
    "LIST_RESOURCES",
    "LIST_END_USERS",
    "LIST_SIGNING_KEYS",
    "LIST_TOKENS",
    "LIST_USES",
    "COUNT",
    # A registration counts those that there are: as many as the profile allows, and it is rare.
    "_REGISTER",
)


def statements(module: ModuleType) -> Iterator[tuple[str, str]]:
    for name, value in vars(module).items():
        for text in value if isinstance(value, tuple) else (value,):
            if isinstance(text, str) and SQL.match(text) and "$" in text and name not in ALL_OF_A_TENANT:
                yield f"{module.__name__.rpartition('.')[2]}.{name}", text


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = str(tmp_path_factory.mktemp("plans") / "valetkey.db")
    upgrade(path)
    return path


@pytest.mark.parametrize(("name", "text"), [pair for module in MODULES for pair in statements(module)])
def test_a_statement_finds_its_rows_by_an_index(database: str, name: str, text: str) -> None:
    connection = open_reader(database)
    bindings = ["x"] * max((int(number) for number in re.findall(r"\$(\d+)", text)), default=0)
    plan = [row[3] for row in connection.execute("EXPLAIN QUERY PLAN " + to_sqlite(text), bindings)]
    connection.close()
    reads_too_much = [
        step
        for step in plan
        if step not in FEW
        and ("SCAN" in step or "(tenant=?)" in step)
        and not any(one in step for one in OF_ONE_ROW + WHAT_WAS_FOUND)
    ]
    assert reads_too_much == [], name

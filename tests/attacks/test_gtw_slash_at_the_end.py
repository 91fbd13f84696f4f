"""A slash more or less at the end of a path, by which servers mean one thing and a policy could mean two."""

import pytest
from litestar import Litestar, get
from litestar.testing import TestClient

from valetkey.resource_server import Rule
from valetkey.resource_server.path import parse_target
from valetkey.resource_server.routes import NoRoute, Route, RouteTable, Template


def _table(*templates: str) -> RouteTable:
    return RouteTable(
        [Route(Template.parse(each), frozenset({"GET", "DELETE"}), Rule(name=each)) for each in templates]
    )


def _found(table: RouteTable, target: str) -> str | None:
    found = table.find("GET", parse_target(target))
    return found.template.text if isinstance(found, Route) else None


# covers: GTW-04
@pytest.mark.parametrize(
    ("guarded", "asked"),
    [
        ("/orders", "/orders/"),
        ("/orders/", "/orders"),
        ("/orders/{id}", "/orders/7/"),
        ("/orders/{id}/", "/orders/7"),
        ("/a/b/c", "/a/b/c/"),
    ],
)
@pytest.mark.parametrize("wider", ["/{rest*}", "/{first}/{rest*}"])
def test_a_slash_at_the_end_does_not_exchange_the_rule_of_a_path_for_a_wider_one(
    guarded: str, asked: str, wider: str
) -> None:
    table = _table(guarded, wider)
    assert table.find("GET", parse_target(asked)) == NoRoute()
    assert table.find("DELETE", parse_target(asked)) == NoRoute()


def test_a_variable_does_not_open_what_a_literal_with_a_slash_closes() -> None:
    assert _found(_table("/orders/", "/{page}"), "/orders") is None


def test_both_spellings_are_open_where_both_are_written() -> None:
    table = _table("/orders", "/orders/", "/{rest*}")
    assert (_found(table, "/orders"), _found(table, "/orders/")) == ("/orders", "/orders/")


def test_what_only_a_wide_template_covers_is_open_with_and_without_a_slash() -> None:
    table = _table("/", "/orders", "/{rest*}")
    assert {_found(table, target) for target in ("/a", "/a/", "/a/b", "/a/b/", "/orders/7/")} == {"/{rest*}"}
    assert _found(table, "/") == "/"


def test_there_is_a_framework_that_serves_both_spellings_as_one() -> None:
    @get("/orders", sync_to_thread=False)
    def orders() -> str:
        return "all orders"

    with TestClient(Litestar([orders])) as client:
        assert client.get("/orders/").text == "all orders"

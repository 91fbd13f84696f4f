"""A path with the root path of its application and without it, which frameworks serve as one."""

from typing import Any

import pytest

from valetkey.integrations.asgi import view_of_scope
from valetkey.resource_server import Rule
from valetkey.resource_server.decision import BadRequest
from valetkey.resource_server.policy import GuardPolicy
from valetkey.resource_server.routes import Route, Template

POLICY = GuardPolicy.of(
    "https://api.example",
    [
        Route(Template.parse("/api/orders"), frozenset({"GET"}), Rule.requiring("orders:read")),
        Route(Template.parse("/{rest*}"), frozenset({"GET"}), Rule(is_public=True)),
    ],
)


def _decided_by(path: str, root_path: str, *, has_raw_path: bool = True) -> str | None:
    scope: dict[str, Any] = {"type": "http", "method": "GET", "path": path, "root_path": root_path, "headers": []}
    if has_raw_path:
        scope["raw_path"] = path.encode()
    found = POLICY.find(view_of_scope(scope))
    return found.template.text if isinstance(found, Route) else None


# covers: GTW-04
@pytest.mark.parametrize("has_raw_path", [True, False])
@pytest.mark.parametrize("root_path", ["/api", "/api/"])
def test_a_path_without_the_root_path_of_its_application_is_none(root_path: str, has_raw_path: bool) -> None:  # noqa: FBT001 - a column of the table
    for path in ("/orders", "/apiorders", "/", "/ap"):
        assert _decided_by(path, root_path, has_raw_path=has_raw_path) is None
    assert _decided_by("/api/orders", root_path, has_raw_path=has_raw_path) == "/api/orders"
    assert _decided_by("/api", root_path, has_raw_path=has_raw_path) == "/{rest*}"


def test_such_a_request_is_a_bad_one_and_no_other_rule_is_asked() -> None:
    scope = {"type": "http", "method": "GET", "path": "/orders", "root_path": "/api", "headers": []}
    assert isinstance(POLICY.find(view_of_scope(scope)), BadRequest)


def test_without_a_root_path_every_path_is_judged_as_it_is() -> None:
    assert _decided_by("/api/orders", "") == "/api/orders"
    assert _decided_by("/orders", "") == "/{rest*}"

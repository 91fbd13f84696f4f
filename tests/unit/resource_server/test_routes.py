import pytest

from valetkey.resource_server import Rule
from valetkey.resource_server.path import parse_target
from valetkey.resource_server.routes import (
    BadTemplate,
    NoRoute,
    OtherMethods,
    Route,
    RouteTable,
    Template,
)


def _route(template: str, *methods: str) -> Route:
    return Route(Template.parse(template), frozenset(methods or ("GET",)), Rule(name=template))


TABLE = RouteTable(
    [
        _route("/"),
        _route("/orders", "GET", "POST"),
        _route("/orders/{id}"),
        _route("/orders/{id}", "DELETE"),
        _route("/orders/new"),
        _route("/orders/{id}/lines/{line}"),
        _route("/orders/new/lines/first"),
        _route("/files/{path*}"),
        _route("/files/secret", "PUT"),
        _route("/{page}", "GET", "POST"),
    ]
)


@pytest.mark.parametrize(
    ("method", "target", "template"),
    [
        ("GET", "/", "/"),
        ("GET", "/orders", "/orders"),
        ("HEAD", "/orders", "/orders"),
        ("GET", "/orders/7", "/orders/{id}"),
        ("DELETE", "/orders/7", "/orders/{id}"),
        ("GET", "/orders/new", "/orders/new"),
        ("GET", "/orders/new/lines/2", "/orders/{id}/lines/{line}"),
        ("GET", "/orders/new/lines/first", "/orders/new/lines/first"),
        ("GET", "/files/a", "/files/{path*}"),
        ("GET", "/files/a/b/", "/files/{path*}"),
        ("GET", "/about", "/{page}"),
        ("GET", "/%6frders/7", "/orders/{id}"),
    ],
)
def test_the_most_specific_template_decides(method: str, target: str, template: str) -> None:
    found = TABLE.find(method, parse_target(target))
    assert isinstance(found, Route)
    assert found.template.text == template


@pytest.mark.parametrize("target", ["/a/b", "/orders/", "/orders/7/", "/files/", "/ORDERS/7/x"])
def test_a_path_that_no_template_matches_has_no_route(target: str) -> None:
    assert TABLE.find("GET", parse_target(target)) == NoRoute()


@pytest.mark.parametrize(
    ("method", "target", "methods"),
    [
        ("PUT", "/orders", ("GET", "HEAD", "POST")),
        # A wider template would open them: what the most specific one says cannot be undone by it.
        ("DELETE", "/orders/new", ("GET", "HEAD")),
        ("GET", "/files/secret", ("PUT",)),
        ("OPTIONS", "/about", ("GET", "HEAD", "POST")),
        ("get", "/orders", ("GET", "HEAD", "POST")),
    ],
)
def test_a_method_that_the_template_does_not_open_is_opened_by_no_other(
    method: str, target: str, methods: tuple[str, ...]
) -> None:
    found = TABLE.find(method, parse_target(target))
    assert isinstance(found, OtherMethods)
    assert found.methods == methods


@pytest.mark.parametrize(
    "template",
    [
        "orders",
        "",
        "/orders/{}",
        "/orders/{id",
        "/orders/id}",
        "/orders/*",
        "/orders/{path*}/x",
        "/orders//x",
        "/orders/x.",
        "/orders/..",
        "/orders/%7Bid%7D",
        "/orders/a;b",
        "/orders/{Id}",
        "/orders?x",
        "/" + "a/" * 80,
    ],
)
def test_a_template_that_could_match_what_it_does_not_show_is_refused(template: str) -> None:
    with pytest.raises(BadTemplate, match=r"begin with a slash|segment|variable|rest of a path"):
        Template.parse(template)


@pytest.mark.parametrize(
    ("one", "other"),
    [("/orders/{id}", "/orders/{number}"), ("/files/{path*}", "/files/{rest*}"), ("/", "/")],
)
def test_two_routes_that_open_the_same_requests_are_refused(one: str, other: str) -> None:
    with pytest.raises(BadTemplate, match="open GET of the same paths"):
        RouteTable([_route(one), _route(other)])


def test_many_templates_are_walked_once_each_however_a_path_is_written() -> None:
    # Every segment could be the literal or the variable: a search that forgot where it was would try 2**40 ways.
    table = RouteTable([_route("/" + "/".join(("a", "{x}")[i >> n & 1] for n in range(5))) for i in range(32)])
    deep = RouteTable([_route("/" + "a/" * 40 + "end"), _route("/" + "{x}/" * 40 + "end")])
    assert isinstance(table.find("GET", parse_target("/a/b/a/b/a")), Route)
    assert deep.find("GET", parse_target("/" + "a/" * 40 + "other")) == NoRoute()

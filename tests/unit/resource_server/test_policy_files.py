import tomllib

import pytest

from valetkey.oauth.access_token import CredentialKind
from valetkey.resource_server import LimitBy, RequestView
from valetkey.resource_server.explaining import explain
from valetkey.resource_server.limits import Enforcement, WhenDown
from valetkey.resource_server.policy_file import BadPolicy, PolicyDocument, parse_policy
from valetkey.resource_server.routes import Route

SOUND = """
resource = "https://api.example"
hosts = ["API.example"]

[[issuer]]
url = "https://as.example"
client_id = "gateway"
client_secret_file = "secret"
opaque = true
api_keys = true
feed = true

[[issuer]]
url = "https://other.example"
algorithms = ["RS256"]

[[client]]
client_id = "batch"
secret_file = "batch.secret"
scope = ["orders:read"]

[[limit]]
name = "per-client"
rate = "100/1m"
by = ["client", "route"]
burst = 20
when_down = "closed"

[[limit]]
name = "watched"
rate = "5/1s"
by = ["address"]
shadow = true

[failed_authentication]
rate = "20/1m"

[[route]]
path = "/orders/{id}"
methods = ["GET"]
scope = ["orders:read"]
acr = ["multi-factor"]
max_age = 300
claims = { department = ["sales"], "/realm/tier" = [2, true] }
credentials = ["access_token", "api_key"]
limits = ["per-client", "watched"]
cost = 2
insecure_stale_seconds = 30

[[route]]
path = "/health"
methods = ["GET"]
public = true
name = "health"
"""


def _parsed(text: str) -> PolicyDocument:
    return parse_policy(tomllib.loads(text))


def _faults(text: str) -> list[str]:
    with pytest.raises(BadPolicy) as caught:
        _parsed(text)
    return list(caught.value.faults)


def test_a_sound_file_is_read_whole() -> None:
    document = _parsed(SOUND)
    policy = document.policy
    orders, health = policy.table.routes
    assert (policy.resource, policy.hosts, policy.scopes) == (
        "https://api.example",
        frozenset({"api.example"}),
        frozenset({"orders:read"}),
    )
    rule = orders.rule
    assert (str(rule.scope), rule.acr, rule.max_age, rule.cost) == ("orders:read", ("multi-factor",), 300, 2)
    assert (rule.insecure_stale_seconds, rule.name) == (30, "/orders/{id}")
    assert rule.claims == {"department": ("sales",), "/realm/tier": (2, True)}
    assert rule.credentials == {CredentialKind.ACCESS_TOKEN, CredentialKind.API_KEY}
    per_client, watched = rule.limits
    assert (per_client.count, per_client.period, per_client.burst) == (100, 60, 20)
    assert (per_client.by, per_client.when_down) == (frozenset({LimitBy.CLIENT, LimitBy.ROUTE}), WhenDown.CLOSED)
    assert (watched.enforcement, watched.when_down) == (Enforcement.SHADOW, WhenDown.OPEN)
    assert health.rule.is_public
    assert health.rule.name == "health"
    assert policy.failed is not None
    assert policy.failed.by == {LimitBy.ADDRESS}
    assert [row.url for row in document.issuers] == ["https://as.example", "https://other.example"]
    assert [row.client_id for row in document.clients] == ["batch"]


@pytest.mark.parametrize(
    ("written", "instead", "fault"),
    [
        ('resource = "https://api.example"', "", "resource: name the API"),
        ('resource = "https://api.example"', 'resource = "api"', "resource: name the API"),
        ('hosts = ["API.example"]', 'hosts = "api"', "hosts: it is a list"),
        ('url = "https://other.example"', 'url = "https://as.example"', "'https://as.example' is named twice"),
        ('url = "https://other.example"', 'url = "http://as.example"', "issuer 2: "),
        ('algorithms = ["RS256"]', 'algoritms = ["RS256"]', "did you mean 'algorithms'?"),
        ('algorithms = ["RS256"]', "api_keys = true", "issuer 2: api_keys are of the first issuer"),
        ('algorithms = ["RS256"]', "opaque = true", "issuer 2: opaque, api_keys and feed need a client_id"),
        ('client_secret_file = "secret"', "", "client_id and client_secret_file are given together"),
        ('secret_file = "batch.secret"', "", "client 'batch': it has a secret_file or a jwks_file"),
        ('client_id = "batch"', 'client_id = "https://as.example"', "is an issuer already"),
        ('rate = "100/1m"', 'rate = "100 a minute"', "limit 'per-client': "),
        ('by = ["client", "route"]', 'by = ["person"]', "limit 1: Invalid enum value 'person'"),
        ('by = ["client", "route"]', "by = []", "limit 'per-client': by names at least one"),
        ("burst = 20", "burst = 1", "route '/orders/{id}': limit 'per-client' holds 1 units"),
        ('limits = ["per-client", "watched"]', 'limits = ["per-clients"]', "did you mean 'per-client'?"),
        ("cost = 2", "cost = 0", "route 1: Expected int >= 1"),
        ('path = "/health"', 'path = "/orders/{number}"', "open GET of the same paths"),
        ('path = "/health"', 'path = "health"', "route 'health': 'health' does not begin with a slash"),
        ('methods = ["GET"]\npublic', 'methods = ["FETCH"]\npublic', "route 2: Invalid enum value 'FETCH'"),
        ('methods = ["GET"]\npublic', "methods = []\npublic", "route 2: Expected array of length >= 1"),
        ("public = true", 'public = true\nscope = ["x"]', "route '/health': a public route asks for nothing"),
        ("max_age = 300", 'max_age = "5m"', "route 1: Expected int | null, got str"),
        ('acr = ["multi-factor"]', 'acr = ["a b"]', "route '/orders/{id}': a value of acr"),
        ('claims = { department = ["sales"]', "claims = { department = []", "a claim and the credentials"),
        (
            "[failed_authentication]\n",
            "[failed_authentication]\nby = []\n",
            "failed_authentication: 'by' is no key",
        ),
        ('\n[[limit]]\nname = "watched"', '\n[limits]\nname = "watched"', "'limits' is no table or key"),
    ],
)
def test_every_fault_is_named_with_its_place(written: str, instead: str, fault: str) -> None:
    assert written in SOUND
    text = SOUND.replace(written, instead, 1)
    assert any(fault in one for one in _faults(text)), _faults(text)


def test_all_faults_are_said_at_once() -> None:
    text = SOUND.replace("cost = 2", "cost = 0").replace('rate = "5/1s"', 'rate = "x"').replace("feed", "fed")
    assert len(_faults(text)) == 3


def test_a_policy_without_issuers_or_routes_says_what_is_missing() -> None:
    faults = _faults('resource = "https://api.example"')
    assert [fault.partition(":")[0] for fault in faults] == ["issuer", "route"]


@pytest.mark.parametrize(
    ("request_", "route", "outcome", "reason"),
    [
        (("GET", "/orders/7"), "/orders/{id}", "passes with credentials", "the most specific template"),
        (("HEAD", "/health"), "/health", "passes without credentials", "the most specific template"),
        (("POST", "/orders/7"), None, "403: No rule is for this method", "/orders/{id} opens GET"),
        (("GET", "/nowhere"), None, "403: No rule is for this path", "no template matches"),
        (("GET", "/orders/%2e%2e/x"), None, "400: ", "in two ways"),
        (
            ("GET", "/orders/7", "evil.example"),
            None,
            "403: No rule is for this host",
            "the policy is for api.example",
        ),
    ],
)
def test_an_explanation_says_which_rule_decides_and_why(
    request_: tuple[str, ...], route: str | None, outcome: str, reason: str
) -> None:
    method, target, host = (*request_, "api.example")[:3]
    policy = _parsed(SOUND).policy
    request = RequestView(method, target, (), host)
    found = explain(request, policy)
    assert found.route == route
    assert found.outcome.startswith(outcome)
    assert any(reason in one for one in found.reasons)
    # What is explained is what is decided.
    assert isinstance(policy.find(request), Route) == (route is not None)


def test_an_explanation_names_everything_that_the_rule_needs() -> None:
    needs = " / ".join(explain(RequestView("GET", "/orders/7", (), "api.example"), _parsed(SOUND).policy).needs)
    for part in ("orders:read", "multi-factor", "300 seconds", "department", "api_key", "per-client", "30 seconds"):
        assert part in needs


# covers: GTW-06
@pytest.mark.parametrize("name", [b"x-http-method-override", b"x-http-method", b"x-method-override"])
def test_a_request_that_asks_to_be_taken_for_another_method_is_refused(name: bytes) -> None:
    policy = _parsed(SOUND).policy
    overridden = policy.find(RequestView("GET", "/orders/7", [(name, b"DELETE")], "api.example"))
    assert not isinstance(overridden, Route)
    assert overridden.status == 400
    assert isinstance(policy.find(RequestView("GET", "/orders/7", [(name, b"get")], "api.example")), Route)

"""What end-users and clients change is recorded with who, when and from where; what they merely ask is not."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

from support.house import House, build_house
from support.visitor import Visitor
from valetkey.authorization_server.audit import ActorKind, AuditQuestion
from valetkey.oauth.types import NumericDate

if TYPE_CHECKING:
    from valetkey.authorization_server.audit import AuditRecord

CLIENT_ID = "web"
SOURCES = Path(__file__).parents[2] / "src" / "valetkey"
WITHOUT_ORIGIN = {
    # Budgets of attempts and places in status lists: nothing that anybody would ask about.
    ("authorization_server/client_authentication/__init__.py", "_budgets(credentials, request, now)"),
    ("authorization_server/introduction/introducing.py", "counted(budgets, now)"),
    ("authorization_server/endpoints/logo.py", "counted(budgets, now)"),
    ("authorization_server/endpoints/registration.py", "counted(budgets, now)"),
    ("authorization_server/authorization/entering.py", "counted(budgets, expected.now)"),
    ("adapters/statuses.py", "[AssignStatusBlock(block)]"),
    ("adapters/statuses.py", "[change]"),
    # Tries to tell a client of a session whose end is recorded, and the last word of one that was taken.
    ("adapters/logout_delivery.py", "[claim(due, now)]"),
    ("adapters/logout_delivery.py", "[CloseLogout(due.sid, due.client_id)]"),
    # What goes through a stream of signals; what becomes of the stream itself is recorded.
    ("adapters/stream_delivery.py", "[claimed]"),
    ("adapters/stream_delivery.py", "[AcknowledgeStreamEvents(stream.stream_id, (event.number,))]"),
    ("adapters/stream_delivery.py", "[ReleaseStream(due.stream_id, 0, NumericDate(0))]"),
    ("adapters/stream_delivery.py", "[ReleaseStream(due.stream_id, 0, self._fresh().now)]"),
    (
        "adapters/stream_delivery.py",
        "[ReleaseStream(due.stream_id, tries, next_try(self._fresh().now, tries))]",
    ),
    ("authorization_server/endpoints/stream_events.py", "[AcknowledgeStreamEvents(stream.stream_id, numbers)]"),
    (
        "authorization_server/endpoints/stream_verification.py",
        "[PutStream(replace(stream, verified_at=fresh.now)), queued]",
    ),
    # A question: whether a higher revision was applied.
    ("administration/provisioning.py", "(guard,)"),
}


async def records(house: House) -> list[AuditRecord]:
    now = house.clock.now
    return list(await house.stores.audit.find(AuditQuestion(NumericDate(0), NumericDate(now + 10), 100)))


async def test_a_sign_in_and_what_it_grants_are_recorded_with_the_person_and_the_address() -> None:
    house = await build_house()
    await Visitor(house).granted()

    found = {record.event: record for record in await records(house)}

    assert found.keys() >= {"session.started", "consent.given", "authorization.granted"}
    granted = found["authorization.granted"]
    assert granted.kind is ActorKind.END_USER
    assert granted.actor == granted.subject
    assert granted.client_id == CLIENT_ID
    assert granted.address == "203.0.113.7"
    assert "openid" in str(granted.detail["scope"])


async def test_claims_that_are_allowed_one_by_one_are_recorded_by_their_names() -> None:
    house = await build_house()
    await Visitor(house).granted(scope="openid email", claims='{"userinfo": {"birthdate": null, "email": null}}')

    found = {record.event: record.detail for record in await records(house)}

    assert found["consent.given"]["claims"] == found["authorization.granted"]["claims"] == "birthdate"


async def test_a_refresh_and_a_use_write_nothing_and_a_replay_that_revokes_is_recorded_as_the_clients() -> None:
    house = await build_house()
    answer = await house.tokens()
    before = len(await records(house))
    following = await house.refresh(answer["refresh_token"])
    assert following.status == 200
    assert len(await records(house)) == before

    house.clock.advance(3_600)
    assert (await house.refresh(answer["refresh_token"])).status == 400

    (revoked,) = [record for record in await records(house) if record.event == "authorization.revoked"]
    assert (revoked.kind, revoked.actor, revoked.surface) == (ActorKind.CLIENT, CLIENT_ID, "/token")


async def test_a_client_that_nobody_authenticated_leaves_no_record() -> None:
    house = await build_house()
    form = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": "wrong"}
    response = await house.post("/token", form)

    assert response.status == 401
    assert await records(house) == []


def test_every_commit_of_the_server_says_who_makes_it() -> None:
    """A commit without an origin is recorded by nobody: only what is listed here goes without."""
    silent = {
        (path.relative_to(SOURCES).as_posix(), ast.unparse(call.args[0]))
        for path in sorted(SOURCES.rglob("*.py"))
        for call in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(call, ast.Call) and _goes_without(ast.unparse(call.func), len(call.args))
    }
    assert silent == WITHOUT_ORIGIN


def _goes_without(called: str, arguments: int) -> bool:
    if called == "commit_in_rounds":
        return arguments == 2
    return called.endswith("stores.commit") and arguments == 1

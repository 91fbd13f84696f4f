"""Devices of the real program: a client with the device grant and an end-user, for one test alone."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

from support.lines import Question
from support.production_server import API, PASSWORD, SCOPE, refreshment

if TYPE_CHECKING:
    from support.person import Person, Sight
    from support.production_server import ProductionServer

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
NEW_PASSWORD = "another horse, another staple"
_numbers = count(1)


class Devices:
    """A confidential client with the device grant, and an end-user for one test alone."""

    def __init__(self, server: ProductionServer) -> None:
        self.server = server
        self.name = f"device-{next(_numbers)}"
        added = server.operator.done(
            "client", "add", self.name, "--grant-type", DEVICE_CODE, "--grant-type", "refresh_token",
            "--scope", SCOPE, "--resource", API,
        )  # fmt: skip
        self.secret = str(added["client_secret"])
        server.operator.done("user", "add", self.name, typed=f"{PASSWORD}\n")
        self.person = server.person(self.name)

    def start(self, scope: str = SCOPE) -> dict[str, Any]:
        """Return a device's two codes."""
        asked = Question.form("/device_authorization", {"scope": scope}, (self.name, self.secret))
        reply = self.server.ask_any(asked)
        assert reply.status == 200, reply.body
        return reply.document

    def poll(self, started: dict[str, Any]) -> Question:
        """Return the token request of a device that waits."""
        form = {"grant_type": DEVICE_CODE, "device_code": started["device_code"]}
        return Question.form("/token", form, (self.name, self.secret))

    def refresh(self, refresh_token: str) -> Question:
        """Return the token request with a refresh token of the client."""
        return refreshment(refresh_token, self.name, self.secret)

    def suffer(self, *act: str) -> None:
        """Let an operator do something to the end-user."""
        what, how, *options = act
        self.server.operator.done(what, how, self.name, *options, typed=f"{NEW_PASSWORD}\n")

    def at_the_answer(self, started: dict[str, Any], person: Person | None = None) -> Sight:
        """Return the page that asks for the answer."""
        person = person or self.person
        sight = person.open(f"{self.server.issuer}/device")
        sight = person.submit(sight, "device-submit", device_user_code=started["user_code"])
        return person.sign_in(sight) if "login-submit" in sight.ids else sight

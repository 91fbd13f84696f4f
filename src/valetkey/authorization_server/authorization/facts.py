"""What is known when an authorization request is judged."""

from __future__ import annotations

from valetkey.authorization_server.model import Consent, Generations, Interaction, StoredSession
from valetkey.jose.records import dataclass


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known when a request is judged.

    `sessions` are the live ones of this browser, newest sign-in first; `consent` and `generations` belong to the
    end-user of the chosen session, and are None while there is none.
    """

    sessions: tuple[StoredSession, ...]
    interaction: Interaction | None
    consent: Consent | None = None
    generations: Generations | None = None
    has_second_factor: bool = False
    """That end-user has a device for one-time codes; only asked where the request is about levels."""

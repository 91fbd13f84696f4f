"""A worker that is killed while a person signs in, consents, is sent back with a code, or signs out."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import httpx2
import pytest

from support.database_faults import faults_of
from support.failpoints import Moment
from support.person import parameters_of
from support.production_server import (
    CALLBACK,
    OFFLINE,
    ProductionServer,
    authorization_url,
    redemption,
    refreshment,
    tokens_for,
    user_info,
)
from valetkey.adapters.storage.sqlite.connection import open_reader

if TYPE_CHECKING:
    from collections.abc import Iterator

# With two workers, the one that dies holds the lock that the other one waits for.
each_moment = pytest.mark.parametrize(
    ("mortal", "moment"), [(1, Moment.AFTER), (2, Moment.WITHIN)], indirect=["mortal"]
)


@contextmanager
def killed(server: ProductionServer, moment: Moment, change: str) -> Iterator[None]:
    """See that whoever works on what is done here is killed before it answers."""
    server.doom(moment, change)
    with pytest.raises(httpx2.TransportError):
        yield
    server.revive()
    assert faults_of(server.database) == []


def counted(server: ProductionServer) -> tuple[int, int, int]:
    """Return how many sessions, authorizations and codes there are."""
    of = "SELECT COUNT(*) FROM"
    query = f"SELECT ({of} sessions), ({of} authorizations), ({of} codes)"
    with closing(open_reader(str(server.database))) as connection:
        ((sessions, authorizations, codes),) = connection.execute(query)
    return sessions, authorizations, codes


def works(server: ProductionServer, code: str) -> bool:
    reply = server.ask_any(redemption(code))
    return reply.status == 200 and server.ask_any(user_info(reply.document["access_token"])).status == 200


# covers: FLT-01
@each_moment
def test_who_was_signing_in_when_the_server_was_killed_signs_in_once_more(
    mortal: ProductionServer, moment: Moment
) -> None:
    person = mortal.person()
    login = person.open(authorization_url(mortal.issuer, **OFFLINE))
    before = counted(mortal)

    with killed(mortal, moment, "StartSession"):
        person.sign_in(login)

    assert counted(mortal)[0] - before[0] == (1 if moment is Moment.AFTER else 0)
    again = person.sign_in(login)
    if moment is Moment.AFTER:
        # The cookie that the sign-in gave is lost, so the one before it is nobody's: the client is asked again.
        assert "consent-allow" not in again.ids
        again = person.sign_in(person.open(authorization_url(mortal.issuer, **OFFLINE)))
    assert works(mortal, parameters_of(person.submit(again, "consent-allow").url)["code"])


# covers: FLT-01
def test_who_was_consenting_when_the_server_was_killed_presses_the_button_once_more(
    mortal: ProductionServer,
) -> None:
    person = mortal.person()
    consent = person.sign_in(person.open(authorization_url(mortal.issuer, **OFFLINE)))

    with killed(mortal, Moment.AFTER, "AdvanceInteraction"):
        person.submit(consent, "consent-allow")

    assert works(mortal, parameters_of(person.submit(consent, "consent-allow").url)["code"])


# covers: FLT-01
@each_moment
def test_a_code_that_died_with_the_server_was_granted_wholly_or_not_at_all(
    mortal: ProductionServer, moment: Moment
) -> None:
    person = mortal.person()
    consent = person.sign_in(person.open(authorization_url(mortal.issuer, **OFFLINE)))
    before = counted(mortal)

    with killed(mortal, moment, "GrantAuthorization"):
        person.submit(consent, "consent-allow")

    granted = 1 if moment is Moment.AFTER else 0
    assert counted(mortal) == (before[0], before[1] + granted, before[2] + granted)
    # The browser's reload button.
    handle = consent.form_with("consent-allow").hidden["interaction"]
    reloaded = person.open(f"{mortal.issuer}/authorize?interaction={handle}")
    if moment is Moment.AFTER:
        # Nobody will ever see that code, and a request is granted once: the client begins anew, unasked.
        assert not reloaded.url.startswith(CALLBACK)
        reloaded = person.open(authorization_url(mortal.issuer))
    assert works(mortal, parameters_of(reloaded.url)["code"])


# covers: FLT-01
@each_moment
def test_who_was_signing_out_when_the_server_was_killed_is_signed_out_by_one_more_click(
    mortal: ProductionServer, moment: Moment
) -> None:
    person = mortal.person()
    bound, offline = tokens_for(mortal, person), tokens_for(mortal, person, **OFFLINE)
    leaving = person.open(f"{mortal.issuer}/logout")

    with killed(mortal, moment, "EndSession"):
        person.submit(leaving, "logout-confirm")

    # The session and what is bound to it end together: both, or neither yet.
    renewed = mortal.ask_any(refreshment(bound["refresh_token"]))
    assert renewed.status == (400 if moment is Moment.AFTER else 200)
    signed_out = person.submit(leaving, "logout-confirm")
    assert signed_out.status == 200
    assert "data-signed-out" in signed_out.text
    asked = person.open(authorization_url(mortal.issuer))
    assert "login-submit" in asked.ids
    assert mortal.ask_any(refreshment(bound["refresh_token"])).status == 400
    assert mortal.ask_any(user_info(bound["access_token"])).status == 401
    assert mortal.ask_any(refreshment(offline["refresh_token"])).status == 200

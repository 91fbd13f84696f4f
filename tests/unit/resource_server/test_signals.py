"""Signals of other vendors: what is believed, and whose tokens die by it."""

from collections.abc import Mapping
from typing import Any

import pytest

from support.signal_keys import (
    AUDIENCE,
    FORGED,
    ISSUER,
    NOW,
    SUBJECT,
    PublishedKeys,
    access_token,
    event_token,
)
from valetkey.jose import KeySourceUnavailable
from valetkey.oauth.security_event import ACCOUNT_DISABLED, ACCOUNT_PURGED, CREDENTIAL_CHANGE, SESSION_REVOKED
from valetkey.oauth.shared_signals import (
    ACCOUNT_ENABLED,
    CREDENTIAL_COMPROMISE,
    SESSIONS_REVOKED,
    STREAM_UPDATED,
    TOKEN_CLAIMS_CHANGE,
    VERIFICATION,
    SetErrorCode,
)
from valetkey.resource_server.feed_following import Verdict
from valetkey.resource_server.signalled_deaths import REMEMBERED_SECONDS, SignalledDeaths
from valetkey.resource_server.signals import Heard, SignalRefused, Signals, Transmitter

TRANSMITTER = Transmitter(ISSUER, AUDIENCE)


@pytest.fixture
def keys() -> PublishedKeys:
    return PublishedKeys()


@pytest.fixture
def signals(keys: PublishedKeys) -> Signals:
    return Signals(TRANSMITTER, keys, clock=lambda: NOW)


KILLING = {
    "session": SESSION_REVOKED,
    "sessions": SESSIONS_REVOKED,
    "disabled": ACCOUNT_DISABLED,
    "purged": ACCOUNT_PURGED,
    "compromised": CREDENTIAL_COMPROMISE,
    "claims": TOKEN_CLAIMS_CHANGE,
}


@pytest.mark.parametrize("name", KILLING)
async def test_what_was_issued_before_an_event_is_dead_and_what_comes_after_lives(
    signals: Signals, name: str
) -> None:
    assert signals.judge(access_token()) is Verdict.UNKNOWN
    hearing = await signals.hear(event_token(KILLING[name]))
    assert (hearing.heard, hearing.event_type) == (Heard.APPLIED, KILLING[name])
    assert signals.judge(access_token(issued_at=NOW - 10)) is Verdict.REVOKED
    assert signals.judge(access_token(issued_at=NOW - 9)) is Verdict.UNKNOWN
    assert signals.judge(access_token(subject="another")) is Verdict.UNKNOWN
    assert signals.judge(access_token(issuer="https://other.example")) is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("change_type", "verdict"),
    [("update", "revoked"), ("revoke", "revoked"), ("delete", "revoked"), ("create", "unknown"), (None, "revoked")],
)
async def test_a_credential_that_is_added_ends_nothing(
    signals: Signals, change_type: str | None, verdict: str
) -> None:
    event = {"credential_type": "password", **({} if change_type is None else {"change_type": change_type})}
    await signals.hear(event_token(CREDENTIAL_CHANGE, event=event))
    assert signals.judge(access_token()) == verdict


SUBJECTS: dict[str, Mapping[str, object]] = {
    "iss_sub": SUBJECT,
    "email": {"format": "email", "email": "foo@EXAMPLE.com"},
    "jwt_id": {"format": "jwt_id", "iss": ISSUER, "jti": "jti-1"},
    "opaque session": {"format": "opaque", "id": "sid-1"},
    "session of a user": {
        "format": "complex",
        "session": {"format": "opaque", "id": "sid-1"},
        "user": SUBJECT,
        "tenant": {"format": "opaque", "id": "123456789"},
    },
    "user and device": {
        "format": "complex",
        "user": SUBJECT,
        "device": {"format": "iss_sub", "iss": ISSUER, "sub": "device"},
    },
    "tenant": {"format": "complex", "tenant": {"format": "uri", "uri": ISSUER}},
    "aliases": {
        "format": "aliases",
        "identifiers": [{"format": "did", "url": "did:example:1"}, {"format": "email", "email": "foo@example.com"}],
    },
    "user by aliases": {"format": "complex", "user": {"format": "aliases", "identifiers": [SUBJECT]}},
}


@pytest.mark.requirement("OIDSSF-3.6/best-effort")
@pytest.mark.parametrize("name", SUBJECTS)
async def test_a_subject_is_understood_however_it_is_named(signals: Signals, name: str) -> None:
    hearing = await signals.hear(event_token(subject=SUBJECTS[name]))
    assert hearing.heard is Heard.APPLIED
    assert signals.judge(access_token()) is Verdict.REVOKED


UNKNOWN: dict[str, object] = {
    "phone": {"format": "phone_number", "phone_number": "+12065550100"},
    "proprietary": {"format": "catalog_item", "catalog_id": "1"},
    "none": "nobody",
    "half": {"format": "iss_sub", "iss": ISSUER},
    "long": {"format": "email", "email": "x" * 2_000},
    "nested": {"format": "aliases", "identifiers": [{"format": "aliases", "identifiers": [SUBJECT]}]},
    "many": {"format": "aliases", "identifiers": [SUBJECT] * 17},
    "device alone": {"format": "complex", "device": SUBJECT},
    "tenant and group": {
        "format": "complex",
        "tenant": {"format": "uri", "uri": ISSUER},
        "group": {"format": "opaque", "id": "x"},
    },
    "another issuer": {"format": "iss_sub", "iss": "https://other.example", "sub": "248289761001"},
}


@pytest.mark.requirement("OIDSSF-3.6/best-effort")
@pytest.mark.parametrize("name", UNKNOWN)
async def test_a_subject_that_means_nothing_here_is_taken_and_ends_nothing(signals: Signals, name: str) -> None:
    hearing = await signals.hear(event_token(sub_id=UNKNOWN[name]))
    assert hearing.heard is Heard.IGNORED
    assert hearing.detail
    assert signals.judge(access_token()) is Verdict.UNKNOWN


@pytest.mark.requirement("OIDSSF-3.6/critical")
async def test_an_event_with_a_critical_member_that_is_not_understood_is_discarded(keys: PublishedKeys) -> None:
    strict = Signals(Transmitter(ISSUER, AUDIENCE, critical_members=("device", "user")), keys, clock=lambda: NOW)
    assert (await strict.hear(event_token(subject=SUBJECTS["user and device"]))).heard is Heard.IGNORED
    assert strict.judge(access_token()) is Verdict.UNKNOWN


@pytest.mark.parametrize("event_type", [ACCOUNT_ENABLED, STREAM_UPDATED, "urn:example:unknown"])
async def test_an_event_that_ends_nothing_is_taken(signals: Signals, event_type: str) -> None:
    assert (await signals.hear(event_token(event_type, event={}))).heard is Heard.IGNORED
    assert signals.judge(access_token()) is Verdict.UNKNOWN


MOMENTS: dict[str, tuple[dict[str, object], dict[str, Any], int]] = {
    "event_timestamp": ({"event_timestamp": NOW - 100}, {}, NOW - 100),
    "parts of a second": ({"event_timestamp": NOW - 100.5}, {}, NOW - 100),
    "milliseconds": ({"event_timestamp": (NOW - 100) * 1_000}, {}, NOW - 100),
    "toe": ({}, {"toe": NOW - 50}, NOW - 50),
    "iat": ({}, {}, NOW - 5),
    "future": ({"event_timestamp": NOW + 9_999}, {}, NOW),
    "nonsense": ({"event_timestamp": True}, {}, NOW - 5),
}


@pytest.mark.parametrize("name", MOMENTS)
async def test_the_moment_of_an_event_is_what_it_says_and_never_in_the_future(signals: Signals, name: str) -> None:
    event, claims, moment = MOMENTS[name]
    await signals.hear(event_token(event=event, **claims))
    assert signals.judge(access_token(issued_at=moment)) is Verdict.REVOKED
    assert signals.judge(access_token(issued_at=moment + 1)) is Verdict.UNKNOWN


REFUSED: dict[str, tuple[str, SetErrorCode]] = {
    "forged": (event_token(key=FORGED), SetErrorCode.AUTHENTICATION_FAILED),
    "another audience": (event_token(aud="https://rival.example"), SetErrorCode.INVALID_AUDIENCE),
    "another issuer": (event_token(iss="https://evil.example"), SetErrorCode.INVALID_ISSUER),
    "unknown key": (event_token(header={"kid": "2"}), SetErrorCode.INVALID_KEY),
    "no typ": (event_token(header={"typ": "JWT"}), SetErrorCode.INVALID_REQUEST),
    "access token": (event_token(header={"typ": "at+jwt"}), SetErrorCode.INVALID_REQUEST),
    "exp": (event_token(exp=NOW + 60), SetErrorCode.INVALID_REQUEST),
    "sub": (event_token(sub="248289761001"), SetErrorCode.INVALID_REQUEST),
    "two events": (
        event_token(events={SESSION_REVOKED: {}, ACCOUNT_DISABLED: {}}),
        SetErrorCode.INVALID_REQUEST,
    ),
    "no object": (event_token(events={SESSION_REVOKED: "x"}), SetErrorCode.INVALID_REQUEST),
    "no jti": (event_token(jti=None), SetErrorCode.INVALID_REQUEST),
    "no events": (event_token(events=None), SetErrorCode.INVALID_REQUEST),
    "issued in the future": (event_token(iat=NOW + 600), SetErrorCode.INVALID_REQUEST),
    "no token": ("hello", SetErrorCode.INVALID_REQUEST),
}


@pytest.mark.requirement("OIDSSF-4.1.1/typ")
@pytest.mark.requirement("OIDSSF-4.1.2/sub")
@pytest.mark.requirement("OIDSSF-4.1.6/iss-validated")
@pytest.mark.requirement("RFC8417-2.2/event-object")
@pytest.mark.parametrize("name", REFUSED)
async def test_what_cannot_be_believed_is_refused_with_its_code_and_ends_nothing(
    signals: Signals, name: str
) -> None:
    token, code = REFUSED[name]
    with pytest.raises(SignalRefused) as refused:
        await signals.hear(token)
    assert refused.value.code is code
    assert signals.judge(access_token()) is Verdict.UNKNOWN


async def test_a_transmitter_ends_only_tokens_of_the_issuers_that_it_may_tell_of(keys: PublishedKeys) -> None:
    ours = Transmitter(ISSUER, AUDIENCE, token_issuers=("https://as.example",))
    signals = Signals(ours, keys, clock=lambda: NOW)
    await signals.hear(event_token(subject={"format": "iss_sub", "iss": "https://as.example", "sub": "a"}, jti="1"))
    await signals.hear(event_token(jti="2"))
    assert signals.judge(access_token(issuer="https://as.example", subject="a")) is Verdict.REVOKED
    assert signals.judge(access_token()) is Verdict.UNKNOWN


async def test_a_token_that_is_replayed_changes_nothing(signals: Signals) -> None:
    token = event_token()
    assert (await signals.hear(token)).heard is Heard.APPLIED
    assert (await signals.hear(token)).heard is Heard.REPEATED
    assert signals.judge(access_token(issued_at=NOW)) is Verdict.UNKNOWN


async def test_what_was_refused_is_heard_when_it_comes_again(signals: Signals, keys: PublishedKeys) -> None:
    keys.is_down = True
    with pytest.raises(KeySourceUnavailable):
        await signals.hear(event_token())
    keys.is_down = False
    assert (await signals.hear(event_token())).heard is Heard.APPLIED


@pytest.mark.requirement("OIDSSF-8.1.4.1/state")
async def test_a_verification_brings_the_state_that_was_asked_for(signals: Signals) -> None:
    assert (await signals.hear(event_token(VERIFICATION, event={}, jti="1"))).heard is Heard.VERIFIED
    signals.expect("mine")
    with pytest.raises(SignalRefused) as refused:
        await signals.hear(event_token(VERIFICATION, event={"state": "other"}, jti="2"))
    assert refused.value.code is SetErrorCode.INVALID_STATE
    hearing = await signals.hear(event_token(VERIFICATION, event={"state": "mine"}, jti="3"))
    assert (hearing.heard, hearing.detail) == (Heard.VERIFIED, "mine")


def test_deaths_are_forgotten_when_they_can_matter_to_no_token() -> None:
    deaths = SignalledDeaths((ISSUER,))
    deaths.end_subject(ISSUER, "248289761001", NOW, NOW)
    deaths.forget(NOW + REMEMBERED_SECONDS - 1)
    assert deaths.covers(access_token())
    deaths.forget(NOW + REMEMBERED_SECONDS)
    assert not deaths.covers(access_token())


def test_who_must_be_forgotten_early_does_not_live_again() -> None:
    deaths = SignalledDeaths((ISSUER,), most=2)
    for place, name in enumerate(("248289761001", "b", "c")):
        deaths.end_subject(ISSUER, name, NOW - 30 + place, NOW)
    assert deaths.covers(access_token(issued_at=NOW - 30))
    assert not deaths.covers(access_token(issued_at=NOW - 29))
    assert deaths.covers(access_token(subject="c", issued_at=NOW - 28))

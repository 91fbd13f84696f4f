"""Security event tokens about revocation: written and read, by the types that the specifications name."""

from typing import Any

import pytest

from valetkey.oauth.security_event import (
    LOWEST_GENERATION,
    Cause,
    MalformedSecurityEvent,
    Revocation,
    RevokedKind,
    parse_revocation,
    security_event_claims,
)

ISSUER = "https://as.example"
CAEP = "https://schemas.openid.net/secevent/caep/event-type/"
RISC = "https://schemas.openid.net/secevent/risc/event-type/"
SUBJECT = {"format": "iss_sub", "iss": ISSUER, "sub": "alice"}


def claims_of(revocation: Revocation) -> dict[str, Any]:
    return security_event_claims(revocation, issuer=ISSUER, audience=f"{ISSUER}/feed", token_id="7", now=12)


EVERY = (
    Revocation(RevokedKind.AUTHORIZATION, "authorization-1"),
    Revocation(RevokedKind.SESSION, "session-1"),
    Revocation(RevokedKind.TOKEN, "digest", token_expires_at=300),
    *(Revocation(RevokedKind.SUBJECT, "alice", 3, cause) for cause in Cause),
    Revocation(RevokedKind.CLIENT, "web", 4),
    Revocation(RevokedKind.TENANT, "", 5),
    Revocation(RevokedKind.SERVER, "", 6),
)


@pytest.mark.parametrize("revocation", EVERY, ids=lambda one: f"{one.kind.value}-{one.cause.value}")
def test_what_is_written_is_read(revocation: Revocation) -> None:
    assert parse_revocation(claims_of(revocation)) == revocation


@pytest.mark.requirement("RFC8417-2.2/events", "RFC8417-2.2/event-object", "OIDSSF-4.2.1/one-event")
@pytest.mark.requirement("OIDSSF-3.1/sub-id", "OIDSSF-4.1.2/sub", "OIDSSF-4.1.7/exp")
@pytest.mark.parametrize("revocation", EVERY, ids=lambda one: f"{one.kind.value}-{one.cause.value}")
def test_a_token_tells_of_one_event_and_can_be_taken_for_no_other_kind(revocation: Revocation) -> None:
    claims = claims_of(revocation)
    assert {"iss", "aud", "iat", "jti", "sub_id", "events"} == claims.keys()
    ((name, event),) = claims["events"].items()
    assert ":" in name
    assert isinstance(event, dict)


@pytest.mark.requirement("OIDCAEP-3.3.1/credential-type", "OIDCAEP-3.3.1/change-type")
@pytest.mark.parametrize(
    ("revocation", "event_type", "subject", "event"),
    [
        (
            Revocation(RevokedKind.SESSION, "session-1"),
            CAEP + "session-revoked",
            {"format": "complex", "session": {"format": "opaque", "id": "session-1"}},
            {},
        ),
        (Revocation(RevokedKind.SUBJECT, "alice", 3), CAEP + "session-revoked", SUBJECT, {LOWEST_GENERATION: 3}),
        (
            Revocation(RevokedKind.SUBJECT, "alice", 3, Cause.PASSWORD_CHANGED),
            CAEP + "credential-change",
            SUBJECT,
            {LOWEST_GENERATION: 3, "credential_type": "password", "change_type": "update"},
        ),
        (
            Revocation(RevokedKind.SUBJECT, "alice", 3, Cause.DISABLED),
            RISC + "account-disabled",
            SUBJECT,
            {LOWEST_GENERATION: 3},
        ),
        (
            Revocation(RevokedKind.SUBJECT, "alice", 3, Cause.REMOVED),
            RISC + "account-purged",
            SUBJECT,
            {LOWEST_GENERATION: 3},
        ),
    ],
    ids=["session", "signed out", "password", "disabled", "removed"],
)
def test_what_has_a_type_of_the_shared_signals_profiles_is_told_by_it(
    revocation: Revocation, event_type: str, subject: dict[str, object], event: dict[str, object]
) -> None:
    claims = claims_of(revocation)
    assert claims["events"] == {event_type: event}
    assert claims["sub_id"] == subject


@pytest.mark.requirement("OIDSSF-4.2.3/additional-fields")
def test_what_is_said_beyond_is_passed_over() -> None:
    claims = claims_of(EVERY[0]) | {"txn": "1", "https://example.com/claim": {}}
    claims["events"] = {name: {"further": 1} for name in claims["events"]}
    assert parse_revocation(claims) == EVERY[0]


def test_an_event_of_another_type_says_nothing_to_us() -> None:
    claims = claims_of(EVERY[0]) | {"events": {"https://example.com/another": {}}}
    assert parse_revocation(claims) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"events": {}},
        {"events": []},
        {"events": {CAEP + "session-revoked": []}},
        {"events": {CAEP + "session-revoked": {}, CAEP + "credential-change": {}}},
        {"events": {CAEP + "session-revoked": {}}},
        {"events": {CAEP + "session-revoked": {LOWEST_GENERATION: "3"}}},
        {"events": {CAEP + "session-revoked": {LOWEST_GENERATION: -1}}},
        {"events": {CAEP + "session-revoked": {LOWEST_GENERATION: True}}},
        {"sub_id": None},
        {"sub_id": {"format": "iss_sub", "iss": ISSUER}},
        {"sub_id": {"format": "iss_sub", "sub": ""}},
        {"sub_id": {"format": "iss_sub", "sub": "x" * 600}},
    ],
    ids=str,
)
def test_an_event_that_does_not_say_what_it_has_to_is_malformed(changes: dict[str, object]) -> None:
    with pytest.raises(MalformedSecurityEvent):
        parse_revocation(claims_of(Revocation(RevokedKind.SUBJECT, "alice", 3)) | changes)

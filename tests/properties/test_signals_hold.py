"""Whatever a signed event says, it is taken or refused with a code, and never does anything else."""

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from support.signal_keys import AUDIENCE, ISSUER, NOW, PublishedKeys, event_token
from valetkey.oauth.security_event import CREDENTIAL_CHANGE, SESSION_REVOKED
from valetkey.oauth.shared_signals import VERIFICATION
from valetkey.oauth.signalled_subject import UnknownSubject, parse_subject
from valetkey.resource_server.signals import Hearing, SignalRefused, Signals, Transmitter

PLAIN = st.none() | st.booleans() | st.integers(-(10**15), 10**15) | st.text(max_size=20)
NAMES = st.sampled_from(["format", "iss", "sub", "id", "user", "session", "identifiers", "x"])
JSON = st.recursive(
    PLAIN | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner),
    max_leaves=12,
)
FORMATS = st.sampled_from(["iss_sub", "email", "opaque", "jwt_id", "complex", "aliases", "uri", "tenant", ""])
SUBJECTS = JSON | st.builds(lambda form, rest: {**rest, "format": form}, FORMATS, st.dictionaries(st.text(), JSON))
KEYS = PublishedKeys()


@given(subject=SUBJECTS)
def test_a_subject_is_understood_or_unknown(subject: Any) -> None:
    try:
        assert parse_subject(subject)
    except UnknownSubject:
        return


@settings(max_examples=60, deadline=None)
@given(
    event_type=st.sampled_from([SESSION_REVOKED, CREDENTIAL_CHANGE, VERIFICATION, "urn:example:x"]),
    event=JSON,
    subject=SUBJECTS,
    claims=st.dictionaries(st.sampled_from(["toe", "txn", "jti", "sub", "exp", "events"]), JSON, max_size=2),
)
def test_an_event_is_heard_or_refused(event_type: str, event: Any, subject: Any, claims: dict[str, Any]) -> None:
    signals = Signals(Transmitter(ISSUER, AUDIENCE), KEYS, clock=lambda: NOW)
    said = {"events": {event_type: event}, "sub_id": subject, **claims}
    try:
        assert isinstance(asyncio.run(signals.hear(event_token(**said))), Hearing)
    except SignalRefused as refused:
        assert refused.description

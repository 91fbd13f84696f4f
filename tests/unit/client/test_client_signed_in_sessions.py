"""A logout token ends the sessions that it means, all of them, and no other."""

from valetkey.client import SignedInSessions
from valetkey.client.logout_token import EndedSessions, logged_out


def signed_in(*sessions: tuple[str, str, str | None]) -> SignedInSessions:
    known = SignedInSessions()
    for handle, subject, sid in sessions:
        known.add(handle, subject, sid)
    return known


# covers: LGO-08
def test_a_logout_of_a_subject_ends_each_of_ten_thousand_sessions_and_nobody_elses() -> None:
    many = [(f"session {number}", "alice", f"sid {number}") for number in range(10_000)]
    known = signed_in(*many, ("of bob", "bob", "sid of bob"))
    assert len(known.take(EndedSessions("alice", None))) == 10_000
    assert len(known) == 1
    assert known.take(EndedSessions("alice", None)) == set()
    assert known.take(EndedSessions(None, "sid of bob")) == {"of bob"}


# covers: LGO-08
def test_a_logout_of_a_subject_whom_nobody_knows_ends_nothing_and_is_no_error() -> None:
    known = signed_in(("of bob", "bob", None))
    assert known.take(EndedSessions("nobody", None)) == set()
    assert known.take(EndedSessions(None, "unknown")) == set()
    assert len(known) == 1
    assert logged_out().status == 200


def test_a_sid_ends_one_session_of_a_subject_who_has_several() -> None:
    known = signed_in(("here", "alice", "1"), ("there", "alice", "2"))
    assert known.take(EndedSessions("alice", "1")) == {"here"}
    assert known.take(EndedSessions("alice", None)) == {"there"}


def test_a_sid_of_somebody_else_ends_nothing() -> None:
    known = signed_in(("here", "alice", "1"))
    assert known.take(EndedSessions("bob", "1")) == set()
    assert len(known) == 1


def test_a_session_that_is_signed_in_anew_belongs_to_the_new_one_alone() -> None:
    known = signed_in(("here", "alice", "1"), ("here", "bob", "2"))
    assert known.take(EndedSessions("alice", None)) == set()
    assert known.take(EndedSessions("bob", None)) == {"here"}
    known.remove("here")
    assert len(known) == 0

"""Short words for tests of decisions: what was issued, what was refused."""

from valetkey.authorization_server.decision import Decision, EndUserIssue, Refuse
from valetkey.oauth.errors import ErrorCode


def refused(decision: Decision, code: ErrorCode, requirement: str) -> Refuse:
    """Return the refusal, which names `code` and `requirement`."""
    assert isinstance(decision, Refuse), decision
    assert (decision.error.code, decision.error.requirement) == (code, requirement)
    return decision


def issued(decision: Decision) -> EndUserIssue:
    """Return what was issued to an end-user's client."""
    assert isinstance(decision, EndUserIssue), decision
    return decision

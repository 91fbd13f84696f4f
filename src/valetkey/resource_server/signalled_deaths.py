"""Which tokens died by what other vendors told: bounded, and looked up in well under a microsecond."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from valetkey.oauth.access_token import AccessToken

REMEMBERED_SECONDS: Final = 86_400
"""For how long a death is remembered: a token of another vendor's that lives longer is not for access."""
MOST_REMEMBERED: Final = 100_000
"""Of one kind and one issuer; beyond, all of the issuer's tokens that are as old as the oldest die too."""
FOR_EVER: Final = 1 << 62
"""A moment after all others: what is named by a handle that is never given again stays dead."""


class _Moments:
    """Names, each with the moment up to which what was issued is dead; the oldest leave first."""

    __slots__ = ("_most", "_until", "moments")

    def __init__(self, most: int) -> None:
        self._most = most
        self.moments: dict[str, int] = {}
        self._until: dict[str, int] = {}

    def learn(self, name: str, moment: int, until: int) -> int | None:
        """Keep the latest moment; return that of a name that had to leave before its time."""
        moments, ends = self.moments, self._until
        moments[name] = max(moment, moments.get(name, 0))
        ends.pop(name, None)
        ends[name] = until
        if len(ends) <= self._most:
            return None
        oldest = next(iter(ends))
        del ends[oldest]
        return moments.pop(oldest)

    def forget(self, now: int) -> None:
        """Let go of what can matter to no token any more."""
        while self._until:
            oldest = next(iter(self._until))
            if self._until[oldest] > now:
                return
            del self.moments[oldest], self._until[oldest]


class _OfIssuer:
    """What is known of one issuer's tokens."""

    __slots__ = ("emails", "issued_before", "sessions", "subjects", "tokens")

    def __init__(self, most: int) -> None:
        self.subjects, self.sessions, self.tokens, self.emails = (_Moments(most) for _ in range(4))
        self.issued_before = -1

    def kinds(self) -> tuple[_Moments, ...]:
        """All four."""
        return self.subjects, self.sessions, self.tokens, self.emails


class SignalledDeaths:
    """Up to which moment the tokens of subjects, sessions, addresses and whole issuers are dead.

    `issuers` are those whose tokens may be named; `most` are remembered of one kind and issuer. What is learnt
    twice, or late, changes nothing.
    """

    __slots__ = ("_known",)

    def __init__(self, issuers: tuple[str, ...], most: int = MOST_REMEMBERED) -> None:
        self._known = {issuer: _OfIssuer(most) for issuer in issuers}

    def end_subject(self, issuer: str, subject: str, moment: int, now: int) -> bool:
        """End what a subject was issued until `moment`, seconds; False for an issuer that is none of ours."""
        known = self._known.get(issuer)
        if known is not None:
            self._learn(known, known.subjects, subject, moment, now)
        return known is not None

    def end_session(self, issuer: str, sid: str, now: int) -> bool:
        """End a session for ever, likewise."""
        known = self._known.get(issuer)
        if known is not None:
            self._learn(known, known.sessions, sid, FOR_EVER, now)
        return known is not None

    def end_token(self, issuer: str, token_id: str, now: int) -> bool:
        """End one token, likewise."""
        known = self._known.get(issuer)
        if known is not None:
            self._learn(known, known.tokens, token_id, FOR_EVER, now)
        return known is not None

    def end_email(self, issuer: str, email: str, moment: int, now: int) -> bool:
        """End what was issued for an address, in lower case, likewise."""
        known = self._known.get(issuer)
        if known is not None:
            self._learn(known, known.emails, email, moment, now)
        return known is not None

    def end_all(self, issuer: str, moment: int) -> bool:
        """End whatever an issuer has issued until `moment`, likewise."""
        known = self._known.get(issuer)
        if known is not None:
            known.issued_before = max(known.issued_before, moment)
        return known is not None

    def forget(self, now: int) -> None:
        """Let go of what can matter to no token any more."""
        for known in self._known.values():
            for moments in known.kinds():
                moments.forget(now)

    def covers(self, token: AccessToken) -> bool:
        """Say whether the token is dead."""
        known = self._known.get(token.issuer)
        if known is None:
            return False
        issued_at = token.issued_at
        # iat is all that another vendor's tokens tell of their age: what was issued in that second dies as well.
        if issued_at <= known.issued_before or issued_at <= known.subjects.moments.get(token.subject, -1):
            return True
        if token.sid is not None and token.sid in known.sessions.moments:
            return True
        if known.tokens.moments and token.token_id in known.tokens.moments:
            return True
        return bool(known.emails.moments) and _is_of(token.claims.get("email"), issued_at, known.emails.moments)

    def _learn(self, known: _OfIssuer, moments: _Moments, name: str, moment: int, now: int) -> None:
        moments.forget(now)
        left = moments.learn(name, moment, now + REMEMBERED_SECONDS)
        if left is not None:
            # Forgetting would let a dead token live again: rather all that are as old sign in anew.
            known.issued_before = max(known.issued_before, now if left == FOR_EVER else left)


def _is_of(email: object, issued_at: int, emails: dict[str, int]) -> bool:
    return isinstance(email, str) and issued_at <= emails.get(email.lower(), -1)

"""Tokens that were verified, remembered for those who send the same one again (RFC 7519, 7.2): opt in, bounded."""

from __future__ import annotations

from math import ceil, floor
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NoReturn, Protocol

from valetkey.jose.errors import ConfigurationError
from valetkey.jose.jwk_set import JwkSet
from valetkey.jose.jwt import VerifiedJwt
from valetkey.jose.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from valetkey.jose.jwt import Verifier

DEFAULT_SIZE: Final = 4_096
MAXIMUM_SIZE: Final = 1_000_000


class TokenVerifier(Protocol):
    """What verifies with keys that others find: a `Verifier`, or the `VerifiedTokens` before it."""

    def kid_of(self, token: str) -> str | None:
        """Returns the `kid` of a token whose header could be believed; InvalidToken otherwise."""
        ...

    def verify(self, token: str, keys: JwkSet, *, now: int | None = None) -> VerifiedJwt:
        """Returns the verified token; InvalidToken otherwise."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class _Entry:
    verified: VerifiedJwt
    keys: JwkSet
    since: int
    until: int


class VerifiedTokens:
    """Verifies with one verifier, and a token that it has verified before by looking it up.

    Found again is the whole text, never a part or a hash that another text could share, and only while the key set
    is the very one that verified it and the token is neither expired nor too old: what was remembered says nothing
    that `Verifier.verify` would not say again. Refusals are never remembered, nor tokens that do not expire.
    Whatever can kill a token before its `exp`, such as a revocation, is for the caller to judge after each call.
    Claims and header are read-only, for they are shared: JSON objects and arrays that raise TypeError when changed.

    At most `size` tokens are held, their texts among them; ConfigurationError for a size outside of 2 to 1,000,000.
    Threads may share it.
    """

    __slots__ = ("_clock", "_forgotten", "_half", "_old", "_young", "verifier")

    def __init__(self, verifier: Verifier, *, size: int = DEFAULT_SIZE) -> None:
        require_size(size)
        self.verifier = verifier
        self._clock = verifier.clock
        self._half = size // 2
        # Two halves: who is asked for moves to the young one, and when that is full, the old one is dropped. So
        # nothing is ever searched or sorted, and each step is one that other threads see whole.
        self._young: dict[str, _Entry] = {}
        self._old: dict[str, _Entry] = {}
        self._forgotten = 0

    def __repr__(self) -> str:
        return f"<VerifiedTokens {len(self)}>"

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def verify(self, token: str, keys: JwkSet, *, now: int | None = None) -> VerifiedJwt:
        """Returns what `Verifier.verify` returns or raises, at once where this token was verified with these keys.

        `now` is in seconds since the epoch; without it the verifier's clock is read.
        """
        if now is None:
            now = self._clock()
        entry = self._young.get(token) if type(token) is str else None
        if entry is not None and entry.keys is keys and entry.since <= now < entry.until:
            return entry.verified
        return self._verify(token, keys, now)

    def kid_of(self, token: str) -> str | None:
        """Returns the `kid` as `Verifier.kid_of` does, at once for a token that was verified before."""
        entry = self._young.get(token) if type(token) is str else None
        if entry is None:
            return self.verifier.kid_of(token)
        kid = entry.verified.header.get("kid")
        return kid if isinstance(kid, str) else None

    def forget(self, token: str) -> None:
        """Makes the next call verify this token anew, whoever is verifying it at this moment."""
        self._forgotten += 1
        self._young.pop(token, None)
        self._old.pop(token, None)

    def forget_where(self, is_meant: Callable[[VerifiedJwt], bool]) -> int:
        """Forgets those of which `is_meant` says so, such as all of one `sub` or `sid`; returns their number."""
        self._forgotten += 1
        meant = [
            (half, token)
            for half in (self._young, self._old)
            for token, entry in half.copy().items()
            if is_meant(entry.verified)
        ]
        return sum(half.pop(token, None) is not None for half, token in meant)

    def forget_all(self) -> None:
        """Forgets every token."""
        self._forgotten += 1
        self._young, self._old = {}, {}

    def _verify(self, token: str, keys: JwkSet, now: int) -> VerifiedJwt:
        forgotten = self._forgotten
        entry = None
        if type(token) is str:
            self._young.pop(token, None)
            entry = self._old.pop(token, None)
        if entry is None or entry.keys is not keys or not entry.since <= now < entry.until:
            verified = self.verifier.verify(token, keys, now=now)
            claims, header = _object(verified.claims), MappingProxyType(_object(verified.header))
            verified = VerifiedJwt(claims, header, verified.key)
            until = _until(verified, self.verifier.max_age)
            if until is None:
                return verified
            entry = _Entry(verified, keys, now, until)
        if len(self._young) >= self._half:
            self._young, self._old = {}, self._young
        self._young[token] = entry
        if self._forgotten != forgotten:
            # Somebody forgot tokens while this one was verified, and could not find it yet.
            self._young.pop(token, None)
        return entry.verified


def require_size(size: int) -> None:
    """Returns, or raises ConfigurationError for a size that no VerifiedTokens can have."""
    if type(size) is not int or not 2 <= size <= MAXIMUM_SIZE:  # noqa: PLR2004 - one for each half
        raise ConfigurationError(f"The size is 2 to {MAXIMUM_SIZE} tokens.")


def _until(verified: VerifiedJwt, max_age: int | None) -> int | None:
    """Returns the first second at which the verifier would refuse the token, or None where it never would."""
    exp, iat = verified.claims.get("exp"), verified.claims.get("iat")
    if not isinstance(exp, int | float):
        return None
    if max_age is None or not isinstance(iat, int | float):
        return ceil(exp)
    return min(ceil(exp), floor(iat) + max_age + 1)


def _refuse(*_arguments: object, **_named: object) -> NoReturn:
    raise TypeError("What a remembered token says is shared by all who asked, and cannot be changed.")


class _Object(dict[str, object]):
    __slots__ = ()
    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[type[dict[str, object]], tuple[dict[str, object]]]:
        # A copy is its owner's: it can be changed.
        return dict, (dict(self),)


class _Array(list[object]):
    __slots__ = ()
    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse
    append = clear = extend = insert = pop = remove = reverse = sort = _refuse

    def __reduce__(self) -> tuple[type[list[object]], tuple[list[object]]]:
        return list, (list(self),)


def _object(members: Mapping[str, object]) -> _Object:
    return _Object({name: _fixed(value) for name, value in members.items()})


def _fixed(value: object) -> object:
    # As deep as the parser allows, and no deeper.
    if isinstance(value, dict):
        return _object(value)
    return _Array(map(_fixed, value)) if isinstance(value, list) else value

"""`claims` and `claims_locales`: which single claims a client asks for (OpenID Connect Core, 5.2 and 5.5)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Self

from valetkey.jose import JoseError
from valetkey.jose.encoding import parse_json_object
from valetkey.jose.records import dataclass
from valetkey.oauth.errors import ErrorCode, OAuthError
from valetkey.oauth.types import Subject

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

MAXIMUM_OCTETS: Final = 8_192
MAXIMUM_DEPTH: Final = 5
"""The request, a member, a claim, its list of values, and an object such as an address in it."""
MAXIMUM_CLAIMS: Final = 64
"""In each of the two members."""
MAXIMUM_VALUES: Final = 20
MAXIMUM_LOCALES: Final = 10

_NAME: Final = re.compile(r"[\x21-\x7e]{1,128}")
_TAG: Final = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8}){0,7}")


@dataclass(frozen=True, slots=True)
class RequestedClaim:
    """One claim that is asked for; `name` may end with a language tag, such as `family_name#ja-Kana-JP`."""

    name: str
    is_essential: bool = False
    values: tuple[object, ...] | None = None
    """JSON values, one of which it has to have, the preferred one first; None accepts any."""

    @property
    def untagged(self) -> str:
        """The name without its language tag."""
        return split_name(self.name)[0]

    def is_met_by(self, value: object) -> bool:
        """Say whether a claim with this value is what was asked for: equal as JSON, where 1 is not true."""
        if self.values is None:
            return True
        return any(type(value) is type(each) and value == each for each in self.values)

    def as_member(self) -> dict[str, object] | None:
        """Return the value under its name in the JSON of a request."""
        member: dict[str, object] = {"essential": True} if self.is_essential else {}
        if self.values is not None:
            member["values"] = list(self.values)
        return member or None


@dataclass(frozen=True, slots=True)
class RequestedAcr:
    """The authentication context classes that a client asks for, the preferred one first (Core, 5.5.1.1)."""

    values: tuple[str, ...]
    is_essential: bool
    """Without one of them the authentication counts as failed."""


@dataclass(frozen=True, slots=True)
class ClaimsRequest:
    """What is asked for beyond the scope, for UserInfo and for the ID Token; names are unique in each."""

    userinfo: tuple[RequestedClaim, ...] = ()
    id_token: tuple[RequestedClaim, ...] = ()
    locales: tuple[str, ...] = ()
    """Language tags (BCP 47) in which claims are preferred, the best one first."""

    @classmethod
    def parse(cls, claims: str | None, locales: str | None = None) -> Self:
        """Read both parameters; None stands for one that was not sent.

        Raises OAuthError `invalid_request` for what is no claims request. Members that nobody knows are ignored,
        and so is a locale that is no language tag (Core, 5.2).
        """
        # OIDCC-5.5/unknown-members OIDCC-5.2/locales-no-error
        document: Mapping[str, object] = {} if claims is None else _object(claims)
        request = cls(_member(document, "userinfo"), _member(document, "id_token"), _locales(locales))
        request.acr_values()
        request.subjects()
        return request

    @classmethod
    def restored(cls, document: Mapping[str, object]) -> Self:
        """Read what `as_document` wrote."""
        found = document.get("locales", [])
        locales = tuple(str(each) for each in found) if isinstance(found, list) else ()
        return cls(_member(document, "userinfo"), _member(document, "id_token"), locales)

    def as_document(self) -> dict[str, object]:
        """Return it as a JSON object; an empty one is {}."""
        members: dict[str, object] = {
            "userinfo": {claim.name: claim.as_member() for claim in self.userinfo},
            "id_token": {claim.name: claim.as_member() for claim in self.id_token},
            "locales": list(self.locales),
        }
        return {name: value for name, value in members.items() if value}

    @property
    def names(self) -> frozenset[str]:
        """Every name in it, for either place, without language tags."""
        return frozenset(claim.untagged for claim in (*self.userinfo, *self.id_token))

    def narrowed_to(self, names: Collection[str]) -> ClaimsRequest:
        """Return it with nothing but the claims of these names, which are without language tags."""
        return ClaimsRequest(
            tuple(claim for claim in self.userinfo if claim.untagged in names),
            tuple(claim for claim in self.id_token if claim.untagged in names),
            self.locales,
        )

    def acr_values(self) -> RequestedAcr | None:
        """Return the levels that the ID Token shall name; None where none in particular is asked for.

        Raises OAuthError `invalid_request` where one is no text.
        """
        claim = _named(self.id_token, "acr")
        if claim is None or claim.values is None:
            return None
        return RequestedAcr(_texts(claim), claim.is_essential)

    def subjects(self) -> tuple[Subject, ...] | None:
        """Return whom the request is about, as the client knows them: one of these; None for anybody.

        Raises OAuthError `invalid_request` where one is no text.
        """
        claims = [claim for claim in (_named(self.id_token, "sub"), _named(self.userinfo, "sub")) if claim]
        asked = [_texts(claim) for claim in claims if claim.values is not None]
        if not asked:
            return None
        # Asked for in both places, it has to be the same one in both.
        return tuple(Subject(each) for each in dict.fromkeys(asked[0]) if all(each in texts for texts in asked))


NO_CLAIMS: Final = ClaimsRequest()


def split_name(name: str) -> tuple[str, str | None]:
    """Return a claim's name and its language tag (Core, 5.2); None where it has none."""
    untagged, separator, tag = name.partition("#")
    return (untagged, tag) if separator and untagged and is_language_tag(tag) else (name, None)


def is_language_tag(text: str) -> bool:
    """Say whether it is written as language tags are (BCP 47)."""
    return _TAG.fullmatch(text) is not None


def _object(text: str) -> Mapping[str, object]:
    octets = text.encode("utf-8", "surrogatepass")
    if len(octets) > MAXIMUM_OCTETS:
        raise _invalid(f"claims is longer than {MAXIMUM_OCTETS} octets.")
    try:
        return parse_json_object(octets, MAXIMUM_DEPTH)
    except JoseError:
        raise _invalid("claims is no JSON object that names each member once, or is nested too deeply.") from None


def _member(document: Mapping[str, object], name: str) -> tuple[RequestedClaim, ...]:
    found = document.get(name, {})
    if not isinstance(found, dict):
        raise _invalid(f"claims: {name} is no object.")
    if len(found) > MAXIMUM_CLAIMS:
        raise _invalid(f"claims: {name} asks for more than {MAXIMUM_CLAIMS} claims.")
    # A name that no claim can have is one that we do not know.
    return tuple(_claim(claim, asked) for claim, asked in found.items() if _NAME.fullmatch(claim))


def _claim(name: str, asked: object) -> RequestedClaim:
    if asked is None:
        return RequestedClaim(name)
    if not isinstance(asked, dict):
        raise _invalid("claims: each claim is asked for by null or an object.", "OIDCC-5.5.1/null-or-object")
    is_essential = asked.get("essential", False)  # OIDCC-5.5.1/unknown-members
    if not isinstance(is_essential, bool):
        raise _invalid("claims: essential is true or false.")
    return RequestedClaim(name, is_essential, _values(asked))


def _values(asked: Mapping[str, object]) -> tuple[object, ...] | None:
    if "value" in asked and "values" in asked:
        raise _invalid("claims: a claim is asked for with value or with values.")
    if "value" in asked:
        return (asked["value"],)
    if "values" not in asked:
        return None
    values = asked["values"]
    if not isinstance(values, list) or not 1 <= len(values) <= MAXIMUM_VALUES:
        raise _invalid(f"claims: values is a list of 1 to {MAXIMUM_VALUES}.")
    return tuple(values)


def _named(claims: Sequence[RequestedClaim], name: str) -> RequestedClaim | None:
    return next((claim for claim in claims if claim.name == name), None)


def _texts(claim: RequestedClaim) -> tuple[str, ...]:
    texts = tuple(value for value in claim.values or () if isinstance(value, str))
    if len(texts) < len(claim.values or ()):
        raise _invalid(f"claims: a value of {claim.name} is a text.")
    return texts


def _locales(text: str | None) -> tuple[str, ...]:
    tags = (tag for tag in (text or "").split(" ")[: 2 * MAXIMUM_LOCALES] if is_language_tag(tag))
    return tuple(dict.fromkeys(tags))[:MAXIMUM_LOCALES]


def _invalid(description: str, requirement: str = "OIDCC-5.5/json") -> OAuthError:
    return OAuthError(ErrorCode.INVALID_REQUEST, description, requirement)

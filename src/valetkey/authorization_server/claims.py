"""Which claims about an end-user a client gets: by scope, and one by one (OpenID Connect Core, 5.1 to 5.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.claims_request import split_name
from valetkey.authorization_server.standard_claims import OF_PROTOCOL, STANDARD_CLAIMS, value_fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from valetkey.authorization_server.claims_request import ClaimsRequest, RequestedClaim
    from valetkey.authorization_server.model import Client, EndUser
    from valetkey.oauth.types import Scope

SUPPORTED_CLAIMS: Final = ("sub", *STANDARD_CLAIMS)
"""What discovery lists about end-users; what an operator keeps of somebody besides is nobody else's to know."""

_OWN_FIELDS: Final = frozenset({"name", "preferred_username", "updated_at", "email", "email_verified"})
_SCOPE_OF_OTHERS: Final = "profile"
_VERIFIED: Final = {"email_verified": "email", "phone_number_verified": "phone_number"}
_NOTHING: Final[tuple[object, ...]] = ("", [], {})


def user_claims(
    end_user: EndUser, scope: Scope, requested: Sequence[RequestedClaim] = (), locales: Sequence[str] = ()
) -> dict[str, object]:
    """Return the claims that `scope` opens and those that are `requested`, in their wire types; `sub` is none.

    A claim without a value is left out (Core, 5.3.2), and so is one that has another value than the requested one
    (5.5.1). Without a language tag in its name a claim comes in the best of `locales` that there is (5.2).
    """
    known = _known(end_user)
    told = _told(((name, None) for name in opened_by(scope)), known, locales)
    # OIDCC-5.5/added-to-scope OIDCC-5.5.1/no-error
    for claim in requested:
        for name, value in _told([split_name(claim.name)], known, locales).items():
            if claim.is_met_by(value):
                told[name] = value
            else:
                told.pop(name, None)  # OIDCC-5.5.1/value
    return told


def releasable(asked: ClaimsRequest, client: Client, end_user: EndUser) -> ClaimsRequest:
    """Return the part of `asked` that `client` may have of this end-user at all, whoever consents.

    A standard claim goes with the scope that opens it: a client that may not ask for the one may not ask for the
    other. What an operator keeps of the end-user besides goes with `profile`, and never to a client that nobody
    vouches for.
    """
    own = {split_name(name)[0] for name in end_user.claims} - OF_PROTOCOL if not client.is_unverified else ()
    return asked.narrowed_to({name for name in asked.names if _is_open_to(name, client.scope, own)})


def beyond_scope(asked: ClaimsRequest, scope: Scope) -> frozenset[str]:
    """Return the names, without language tags, that `asked` adds to what `scope` opens."""
    return asked.names.difference(opened_by(scope))


def opened_by(scope: Scope) -> tuple[str, ...]:
    """Return the names of the claims that `scope` opens (Core, 5.4)."""
    return tuple(row.name for row in STANDARD_CLAIMS.values() if row.scope in scope)  # OIDCC-5.4/scopes


def _is_open_to(name: str, scope: Scope, own: Iterable[str]) -> bool:
    standard = STANDARD_CLAIMS.get(name)
    if standard is not None:
        return standard.scope in scope
    return name in own and _SCOPE_OF_OTHERS in scope


def _known(end_user: EndUser) -> dict[str, object]:
    known: dict[str, object] = {
        **{name: value for name, value in end_user.claims.items() if name not in _OWN_FIELDS},
        "name": end_user.name,
        "preferred_username": end_user.username,
        "updated_at": end_user.updated_at,
        "email": end_user.email,
        "email_verified": end_user.email_verified,
    }
    address = known.get("address")
    if isinstance(address, dict):
        known["address"] = {name: part for name, part in address.items() if part not in _NOTHING}
    sound = {name: value for name, value in known.items() if _is_told(name, value)}
    # Of what is not there, nothing was verified.
    return {name: value for name, value in sound.items() if _VERIFIED.get(name, name) in sound}


def _is_told(name: str, value: object) -> bool:
    # OIDCC-5.3.2/empty
    if value is None or value in _NOTHING or split_name(name)[0] in OF_PROTOCOL:
        return False
    # What was stored before its type was judged is better left out than told wrong.
    return value_fault(name, value) is None


def _told(
    names: Iterable[tuple[str, str | None]], known: Mapping[str, object], locales: Sequence[str]
) -> dict[str, object]:
    told: dict[str, object] = {}
    for untagged, tag in names:
        if tag is None:
            # OIDCC-5.2/one-language
            found = next((best for each in locales if (best := _in_language(untagged, each, known))), untagged)
            if found in known:
                told[untagged] = known[found]
        else:
            tagged = _in_language(untagged, tag, known)
            if tagged is not None:
                # In another language than the one asked for, it says in which: OIDCC-5.5.2/tagged
                is_asked_one = tagged.casefold() == f"{untagged}#{tag}".casefold()
                told[f"{untagged}#{tag}" if is_asked_one else tagged] = known[tagged]
    return told


def _in_language(untagged: str, tag: str, known: Mapping[str, object]) -> str | None:
    """Return the name of the claim in the language, else in a part of it, else in what it is a part of."""
    names = {name.partition("#")[2].casefold(): name for name in known if name.startswith(f"{untagged}#")}
    asked = tag.casefold()  # OIDCC-5.2/case OIDCC-5.2/match
    if asked in names:
        return names[asked]
    narrower = sorted(each for each in names if each.startswith(f"{asked}-"))
    if narrower:
        return names[narrower[0]]
    while "-" in asked:
        asked = asked.rpartition("-")[0]
        if asked in names:
            return names[asked]
    return None

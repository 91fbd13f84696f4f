"""docs/reference/profiles.md, from the policy profiles as the server judges by them."""

from __future__ import annotations

from dataclasses import fields
from enum import StrEnum
from typing import Final

from tools.markdown import code, codes, first_clause, member_docs, table

from valetkey.authorization_server.policy import PROFILES, Policy

HEAD: Final = """\
# Profiles

<!-- Written by tools/reference_profiles.py from valetkey/authorization_server/policy.py: change it there. -->

Where specifications differ, a profile decides. A profile is a named set of rules; there are no single switches.
`profile` in the configuration names that of the default tenant; each tenant may name its own, and so may each
client: the client's counts before the tenant's.
"""

MEANINGS: Final[dict[str, str]] = {
    "grant_types": "The grant types that a token request may use.",
    "response_types": "The response types that an authorization request may ask for.",
    "response_modes": "How the answer may come back to the client, where the response type allows it.",
    "assertion_lifetime": "How long a client assertion may live at most.",
    "code_lifetime": "How long an authorization code may be redeemed.",
    "access_token_lifetime": "How long an access token lives; its resource may say otherwise (15 minutes at most).",
    "id_token_lifetime": "How long an ID Token lives.",
    "refresh_token_idle_lifetime": "How long a refresh token may rest; each use begins it anew.",
    "authorization_lifetime": "When an authorization ends, however often it is refreshed.",
    "replay_window": "How long a superseded refresh token gets its reply again, while the successor is unused.",
    "interaction_lifetime": "How long a request waits for its end-user to sign in and consent.",
    "request_object_lifetime": "How long a request object is good at most that is answered once (`jti`).",
    "device_code_lifetime": "How long a device waits for the end-user who was shown its code.",
    "device_polling_interval": "How long a device waits between two polls, unless it was told to slow down.",
    "session_idle_lifetime": "How long a browser's session may rest.",
    "session_lifetime": "When a session ends, however much it is used.",
    "consent_lifetime": "How long a consent is remembered.",
    "acr_levels": "What `acr` can say of a sign-in, from weak to strong.",
    "registration_interval": "How long one network waits for its next registration, once it registered many.",
    "most_registrations_at_once": "How many clients one network may register before it has to wait.",
    "most_registrations": "How many clients that registered themselves a tenant keeps at once.",
    "unused_registration_lifetime": "How long a client that registered itself waits for its first end-user.",
    "registration_lifetime": "How long such a client is kept after an end-user last allowed it something.",
}
"""The sentence for each rule whose values do not explain themselves; those of an enum have its docstring."""

_UNITS: Final = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


def page() -> str:
    """Return the page; raises KeyError for a rule that nobody has explained."""
    names = [field.name for field in fields(Policy) if field.name != "name"]
    policies = list(PROFILES.values())
    rules = [
        (code(name), _meaning(name), *(_value(name, getattr(policy, name)) for policy in policies))
        for name in names
    ]
    parts = [HEAD, table(("rule", "what it says", *(code(policy.name) for policy in policies)), rules)]
    for name in names:
        value = getattr(policies[0], name)
        if isinstance(value, StrEnum):
            parts += [f"## {code(name)}\n\n{_meaning(name)}\n", _choices(type(value), name)]
    return "\n".join(parts)


def _meaning(name: str) -> str:
    value = getattr(next(iter(PROFILES.values())), name)
    return f"{first_clause(type(value).__doc__)}." if isinstance(value, StrEnum) else MEANINGS[name]


def _choices(kind: type[StrEnum], name: str) -> str:
    used = {member: [one.name for one in PROFILES.values() if getattr(one, name) is member] for member in kind}
    docs = member_docs(kind)
    rows = [(code(member.value), docs[member.name], codes(by) or "none") for member, by in used.items()]
    return table(("value", "what it means", "profiles"), rows)


def _value(name: str, value: object) -> str:
    match value:
        case StrEnum():
            return code(value.value)
        case int() if name.startswith("most_"):
            return f"{value:,}"
        case int():
            return _duration(value)
        case frozenset():
            return codes(sorted(value))
        case tuple():
            return codes([level.name for level in value])
        case _:
            raise TypeError(f"no words for {value!r}")


def _duration(seconds: int) -> str:
    unit, length = next((unit, length) for unit, length in _UNITS if seconds % length == 0)
    count = seconds // length
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"

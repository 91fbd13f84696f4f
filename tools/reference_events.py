"""docs/reference/events.md, from every line that the server writes to its log."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tools.markdown import code, codes, table

from valetkey.adapters.log import LONGEST_VALUE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SOURCES: Final = Path(__file__).resolve().parents[1] / "src" / "valetkey"

HEAD: Final = f"""\
# Events of the log

<!-- Written by tools/reference_events.py from the calls that write the log: change them there. -->

`valetkey serve` writes a line to standard error for each event: a JSON object, or text with `log.format = "text"`.
Every line has `timestamp` (UTC, milliseconds) and `event`. A field without a value is left out. Secrets are never
written: what looks like a token, code, password or secret becomes `[redacted]`. A value is cut after
{LONGEST_VALUE:,} characters, and what is invisible is spelled by its code point.

`request_id` is also the `x-request-id` header of the response, and stands on error pages.
"""

MEANINGS: Final[dict[str, str]] = {
    "account.access_withdrawn": "An end-user withdrew what they had allowed a client.",
    "account.busy": "Too many passwords were waiting to be compared; the end-user was asked to try again.",
    "account.code_refused": "A one-time code on the account page was wrong, or used before.",
    "account.code_throttled": "A one-time code on the account page was not looked at: no attempt is left for now.",
    "account.password_changed": "An end-user changed their password: other sessions and all authorizations ended.",
    "account.password_overtaken": "A password was not changed: the end-user or the session had changed meanwhile.",
    "account.password_refused": "A password was not changed: the current one was wrong.",
    "account.password_throttled": "A password was not changed: no attempt is left for the moment.",
    "account.refused": "The account page could not go on: the form was not ours, or cannot be read.",
    "account.second_factor_added": "An end-user set up a device for one-time codes.",
    "account.second_factor_begun": "An end-user began to set up a device, and proved their password for it.",
    "account.second_factor_overtaken": "A device was neither set up nor removed: something had changed meanwhile.",
    "account.second_factor_removed": "An end-user removed their device, by their password and a code of it.",
    "account.session_ended": "An end-user ended one of their other sessions.",
    "account.signed_out_everywhere": "An end-user ended every session and every authorization of theirs.",
    "accounts.refused": "The account chooser could not go on: the request is unknown, over, or of another browser.",
    "authorization.granted": "A client got an authorization code.",
    "authorization.refused": "An authorization request was refused, to the client or on an error page.",
    "authorization.revoked": "An authorization was revoked because a code or a refresh token was used twice.",
    "client.key_missing": "A client has no key by which it could be told what it asked for; it was told nothing.",
    "client.logo_refused": "The logo of a client cannot be had, or is no image that is shown; `why` says it.",
    "client.registered": "A client registered itself; `admitted_by` is the id of the token that let it in.",
    "client.removed": "A client that had registered itself removed itself, with all that it was granted.",
    "client.replaced": "A client that had registered itself replaced its metadata.",
    "client.refused": "A client's document at its URL cannot be had, or makes no client; `why` says it.",
    "client.sector_refused": "A stranger's sector identifier document does not prove its sector; `why` says it.",
    "client.sector_unproven": "A declared client was stored, though its document does not prove its sector.",
    "code.failed": "A one-time code was wrong, or used before.",
    "code.refused": "The page for a code could not go on: the request is unknown, over, or of another browser.",
    "code.succeeded": "An end-user proved a second factor for a request.",
    "code.throttled": "An account or an address has no attempt at a one-time code left for the moment.",
    "consent.refused": "The consent page could not go on: the request is unknown, over, or of another browser.",
    "device.allowed": "An end-user connected a device: its client gets tokens with the next poll.",
    "device.code_unknown": "A code was entered that no waiting device has.",
    "device.denied": "An end-user denied a device.",
    "device.refused": "The device page could not go on: the code is over, or the form or the browser another one.",
    "device.throttled": "A session, an address or all people together have no attempt at a code left.",
    "feed.event_refused": "A reader of the feed could not take an event; `error` and `description` say why.",
    "gateway.failed": "A request could not be judged, by a fault of ours that is named: the proxy was told 503.",
    "gateway.starting": "A listener of the gateway is about to accept.",
    "gateway.stopped": "The gateway has ended.",
    "key.added": "A tenant got a key: in use from the beginning, or announced.",
    "key.promoted": "An announced key is used from now on, and the one before it no more.",
    "key.removed": "A key was removed: what it signed is not believed any more.",
    "key.retired": "A key signs no more, because its algorithm is not configured any more.",
    "keys.postponed": "What is due for the keys could not be done; it is tried again in a moment.",
    "keys.unavailable": "Keys that a client or an issuer publishes cannot be used; those known before still are.",
    "library.message": "A library that the server uses has warned.",
    "limits.available": "The Valkey server that counts for all nodes answers again.",
    "limits.unavailable": "The Valkey server that counts for all nodes does not answer; told once an outage.",
    "log.dropped": "The sink was too slow for so many lines, which are lost.",
    "log.sampled": "A flood: so many lines of the event `of` were left out.",
    "legacy.announced": "A tenant, or one client of it, may use what OAuth 2.1 removed; told at every start.",
    "login.busy": "Too many passwords were waiting to be compared; the person was asked to try again.",
    "login.failed": "A password was wrong, or nobody has that name. `subject` only where the end-user exists.",
    "login.refused": "The sign-in page could not go on: the request is unknown, over, or of another browser.",
    "login.succeeded": "An end-user signed in.",
    "login.throttled": "An account or an address has no attempt left for the moment.",
    "logout.abandoned": "A client was never reached to be told of a logout; `why` says how the last try ended.",
    "logout.completed": "A browser signed out.",
    "logout.postponed": "A client could not be told of a logout, and is told again later; `why` says why.",
    "logout.refused": "A sign-out was refused: its form was not ours.",
    "logout.told": "A client took the logout token of a session that ended.",
    "outbound.failed": "An address outside could not be asked, or what it answered is refused; `why` says it.",
    "provisioning.applied": "What the file declares was brought about.",
    "provisioning.superseded": "Nothing was changed: a file with a higher revision was applied before.",
    "purge.postponed": "Expired rows stay until the next turn, because the store does not answer.",
    "request.failed": "A defect of ours: the answer was `server_error`. Please report it with this line.",
    "request.limited": "An address asked more often than it may: 429. Of a flood, a part is told.",
    "request.refused": "A request broke a rule; `requirement` names it as docs/conformance.md does.",
    "request.unavailable": "A part that is needed does not answer: 503.",
    "server.starting": "The server is about to listen.",
    "server.stopped": "The server has ended.",
    "sessions.postponed": "Sessions whose time is over were not ended yet: the store could not be asked.",
    "sessions.timed_out": "Sessions whose time was over were ended, with what was bound to them.",
    "storage.migrated": "The schema of the database was brought up to date.",
    "stream.event_refused": "A receiver of signals cannot take an event, which is passed over; `error` says why.",
    "stream.postponed": "The events of a stream could not be pushed, and are tried again later; `why` says why.",
    "token.issued": "A client got a token for itself, or for a token of another one; of a flood, a part.",
    "token.large": "What a resource server wants in its tokens takes more than 2 kB: mind the limits on headers.",
    "token.revoked": "A client gave a token back; `kind` says which: a refresh token ends its authorization.",
    "worker.died": "A worker process ended by itself and is replaced.",
    "worker.killed": "Worker processes did not end in time and were killed.",
}
"""The sentence for each event that the code writes; a new one wants its own here."""

_NAME: Final = re.compile(r"[a-z]+\.[a-z_]+")
# Where the name of an event is handed on to the one call that writes it.
_HANDS_ON: Final = frozenset({"_log", "Told"})
# Where it is handed on to a call in another module, with the fields that stand there.
_ELSEWHERE: Final = dict.fromkeys(("DeskPage", "refused"), ("request_id", "requirement", "page"))
_OUTCOMES: Final = ("applied", "superseded")

Fields = tuple[str, ...]


def page() -> str:
    """Return the page; raises ValueError where the events of the code and of MEANINGS are not the same."""
    found = written(SOURCES)
    if wrong := sorted(found.keys() ^ MEANINGS.keys()):
        raise ValueError(f"tools/reference_events.py, MEANINGS: {', '.join(wrong)} in the code or there alone")
    rows = [(code(name), MEANINGS[name], codes(found[name])) for name in sorted(found)]
    return f"{HEAD}\n{table(('event', 'meaning', 'further fields'), rows)}"


def written(sources: Path) -> Mapping[str, Fields]:
    """Return the fields of every event that a file under `sources` writes, by the event's name."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted(sources.rglob("*.py")):
        for name, names in events_of(ast.parse(path.read_text("utf-8"))):
            found[name].update(names)
    return {name: tuple(sorted(names)) for name, names in found.items()}


def events_of(tree: ast.Module) -> Iterator[tuple[str, Fields]]:
    """Every event that a module names in a call which writes it, or which hands it on to one that does."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    handed_on: Fields = ()
    for call in calls:
        if _called(call) == "write" and call.args and isinstance(call.args[0], ast.Name):
            handed_on = _keywords(call)
    for call in calls:
        fields = {"write": _keywords(call), "_line": _keys(call), **_ELSEWHERE}.get(_called(call))
        if fields is None and _called(call) in _HANDS_ON:
            fields = handed_on
        if fields is not None:
            yield from ((name, fields) for argument in call.args for name in _names(argument))


def _names(argument: ast.expr) -> Iterator[str]:
    match argument:
        case ast.Constant(str(name)) if _NAME.fullmatch(name):
            yield name
        case ast.IfExp():
            yield from (*_names(argument.body), *_names(argument.orelse))
        case ast.JoinedStr(values=[ast.Constant("provisioning."), *_]):
            yield from (f"provisioning.{outcome}" for outcome in _OUTCOMES)
        case _:
            return


def _called(call: ast.Call) -> str:
    match call.func:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case _:
            return ""


def _keywords(call: ast.Call) -> Fields:
    return tuple(keyword.arg for keyword in call.keywords if keyword.arg is not None)


def _keys(call: ast.Call) -> Fields:
    return tuple(
        key.value
        for argument in call.args
        if isinstance(argument, ast.Dict)
        for key in argument.keys
        if isinstance(key, ast.Constant) and isinstance(key.value, str)
    )

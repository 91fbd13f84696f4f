"""What a text that may be a token holds, read leniently: for showing, never for deciding (RFC 7515; RFC 7516)."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import Final

from valetkey.jose.encoding import MAXIMUM_DEPTH, b64url_decode
from valetkey.jose.errors import MalformedToken
from valetkey.jose.records import dataclass

MAXIMUM_DISSECTED_OCTETS: Final = 262_144
_MAXIMUM_SIGNATURES: Final = 16
_JWS_SEGMENTS: Final = 3
_JWE_SEGMENTS: Final = 5


class Form(StrEnum):
    """How a token is written (RFC 7515, 7; RFC 7516, 7)."""

    COMPACT_JWS = "JWS, compact"
    JSON_JWS = "JWS, JSON"
    COMPACT_JWE = "JWE, compact"
    JSON_JWE = "JWE, JSON"
    UNKNOWN = "no token"


@dataclass(frozen=True, slots=True)
class ReadObject:
    """A JSON object of a token as a careless reader sees it: of a member that comes twice, the last one.

    `duplicates` names those; `fault` says why there is no object at all, or why a strict reader refuses the text.
    """

    members: Mapping[str, object] = field(default_factory=dict)
    duplicates: tuple[str, ...] = ()
    fault: str | None = None
    is_object: bool = True


@dataclass(frozen=True, slots=True)
class ReadSignature:
    """One signature of a JWS: its whole header, its octets, and the octets that it should be of."""

    header: ReadObject
    octets: bytes
    signed: bytes


@dataclass(frozen=True, slots=True)
class Dissection:
    """The parts of a token. `claims` is None where they are encrypted; `faults` are those of the text as a whole.

    A JWS has `signatures`, a JWE has `recipients`: a header for each.
    """

    form: Form
    octets: int
    payload: bytes = b""
    claims: ReadObject | None = None
    signatures: tuple[ReadSignature, ...] = ()
    recipients: tuple[ReadObject, ...] = ()
    had_prefix: bool = False
    faults: tuple[str, ...] = ()

    @property
    def headers(self) -> tuple[ReadObject, ...]:
        """The headers, one for each signature or recipient."""
        return self.recipients or tuple(signature.header for signature in self.signatures)


def dissect(text: str) -> Dissection:
    """Returns the parts of `text`, whatever it is: a malformed token is shown as far as it can be read."""
    token = text.strip().strip("\"'")
    bare = _without_prefix(token)
    had_prefix, token = bare != token, bare
    octets = len(token.encode("utf-8", "replace"))
    if octets > MAXIMUM_DISSECTED_OCTETS:
        return Dissection(Form.UNKNOWN, octets, faults=(f"It is larger than {MAXIMUM_DISSECTED_OCTETS} octets.",))
    if token.startswith("{"):
        return _json(token, octets)
    segments = token.split(".")
    if len(segments) == _JWS_SEGMENTS:
        header, payload, signature = (_octets(segment) for segment in segments)
        signed = token.rpartition(".")[0].encode("ascii", "replace")
        one = ReadSignature(_object(header.octets), signature.octets, signed)
        faults = _faults(("header", header), ("payload", payload), ("signature", signature))
        return Dissection(
            Form.COMPACT_JWS,
            octets,
            payload.octets,
            _object(payload.octets),
            (one,),
            had_prefix=had_prefix,
            faults=faults,
        )
    if len(segments) == _JWE_SEGMENTS:
        parts = [_octets(segment) for segment in segments]
        names = ("header", "encrypted key", "IV", "ciphertext", "tag")
        faults = _faults(*zip(names, parts, strict=True))
        header_object = _object(parts[0].octets)
        return Dissection(
            Form.COMPACT_JWE, octets, recipients=(header_object,), had_prefix=had_prefix, faults=faults
        )
    fault = f"A compact token has three segments (JWS) or five (JWE); this text has {len(segments)}."
    return Dissection(Form.UNKNOWN, octets, had_prefix=had_prefix, faults=(fault,))


def _without_prefix(token: str) -> str:
    for prefix in ("authorization:", "bearer ", "dpop "):
        if token[: len(prefix)].lower() == prefix:
            token = token[len(prefix) :].lstrip()
    return token


# --- segments ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Octets:
    octets: bytes
    fault: str | None = None


def _octets(segment: object) -> _Octets:
    if not isinstance(segment, str):
        return _Octets(b"", "is not a string")
    try:
        return _Octets(b64url_decode(segment))
    except MalformedToken:
        pass
    try:
        return _Octets(urlsafe_b64decode(segment.replace("+", "-").replace("/", "_") + "=="), "is not base64url")
    except ValueError:
        return _Octets(b"", "is not base64url")


def _faults(*named: tuple[str, _Octets]) -> tuple[str, ...]:
    return tuple(f"The {name} {part.fault}." for name, part in named if part.fault is not None)


def _object(octets: bytes) -> ReadObject:
    duplicates: list[str] = []

    def collect(pairs: list[tuple[str, object]]) -> dict[str, object]:
        members: dict[str, object] = {}
        for name, value in pairs:
            if name in members:
                duplicates.append(name)
            members[name] = value
        return members

    try:
        value: object = json.loads(octets.decode("utf-8"), object_pairs_hook=collect)
    except (ValueError, RecursionError):
        return ReadObject(fault="It is no JSON text.", is_object=False)
    if not isinstance(value, dict):
        return ReadObject(fault="It is JSON, but no object.", is_object=False)
    if _depth_exceeds(value, MAXIMUM_DEPTH):
        return ReadObject(fault="It is nested too deeply to be shown.", is_object=False)
    return ReadObject(value, tuple(dict.fromkeys(duplicates)))


def _depth_exceeds(value: object, most: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return most < 0 or any(_depth_exceeds(one, most - 1) for one in inner)


# --- JSON serializations -----------------------------------------------------------------------------------------


def _json(token: str, octets: int) -> Dissection:
    whole = _object(token.encode("utf-8", "replace"))
    members = whole.members
    if "ciphertext" in members:
        return _json_jwe(whole, octets)
    if "signature" not in members and "signatures" not in members:
        fault = whole.fault or "The JSON object is neither a JWS nor a JWE."
        return Dissection(Form.UNKNOWN, octets, faults=(fault,))
    listed = members.get("signatures", [members])
    payload = _octets(members.get("payload", ""))
    segment = members.get("payload", "")
    signatures = [
        _json_signature(one, segment if isinstance(segment, str) else "")
        for one in (listed[:_MAXIMUM_SIGNATURES] if isinstance(listed, list) else [])
        if isinstance(one, Mapping)
    ]
    faults = _faults(("payload", payload)) + _twice(whole)
    return Dissection(
        Form.JSON_JWS, octets, payload.octets, _object(payload.octets), tuple(signatures), faults=faults
    )


def _json_signature(members: Mapping[str, object], payload: str) -> ReadSignature:
    segment = members.get("protected", "")
    protected = _object(_octets(segment).octets) if segment else ReadObject()
    signed = f"{segment}.{payload}".encode("ascii", "replace")
    return ReadSignature(
        _merged(protected, members.get("header")), _octets(members.get("signature")).octets, signed
    )


def _json_jwe(whole: ReadObject, octets: int) -> Dissection:
    members = whole.members
    segment = members.get("protected", "")
    protected = _object(_octets(segment).octets) if segment else ReadObject()
    shared = _merged(protected, members.get("unprotected"))
    listed = members.get("recipients", [members])
    headers = [
        _merged(shared, one.get("header"))
        for one in (listed[:_MAXIMUM_SIGNATURES] if isinstance(listed, list) else [])
        if isinstance(one, Mapping)
    ]
    return Dissection(Form.JSON_JWE, octets, recipients=tuple(headers) or (shared,), faults=_twice(whole))


def _merged(protected: ReadObject, unprotected: object) -> ReadObject:
    if not isinstance(unprotected, Mapping) or not unprotected:
        return protected
    twice = tuple(name for name in unprotected if name in protected.members)
    return ReadObject(
        {**unprotected, **protected.members}, (*protected.duplicates, *twice), protected.fault, protected.is_object
    )


def _twice(whole: ReadObject) -> tuple[str, ...]:
    return tuple(f"The member {name!r} stands twice." for name in whole.duplicates)

"""What a file can declare of a client's OpenID Connect metadata: a row for each member of the table."""

from __future__ import annotations

import json
from typing import Final

from valetkey.oauth.client_members import CLIENT_MEMBERS, Member, Shape
from valetkey.settings.kinds import Kind
from valetkey.settings.setting import Setting


def _from_text(member: Member, text: str) -> object:
    match member.shape:
        case Shape.FLAG | Shape.SECONDS:
            try:
                return json.loads(text)
            except ValueError:
                raise ValueError(member.expected) from None
        case Shape.TEXTS | Shape.URLS:
            return [each.strip() for each in text.split(",") if each.strip()]
        case Shape.TEXT | Shape.URL | Shape.PAGE:
            return text


def _setting(member: Member) -> Setting[object]:
    kind = Kind(member.expected, member.read, lambda text: _from_text(member, text))
    return Setting(member.name, kind, None, member.doc, member.example)


OPENID_ROWS: Final = tuple(_setting(member) for member in CLIENT_MEMBERS)
"""None: absent."""

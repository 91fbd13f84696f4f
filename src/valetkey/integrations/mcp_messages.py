"""What a request to an MCP server asks for, read so that no other reader sees more in it (JSON-RPC 2.0, 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from valetkey.jose.encoding import DEEPEST, parse_json_object
from valetkey.jose.errors import JoseError
from valetkey.jose.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_MESSAGES: Final = 50
"""How many messages one batch may hold."""
_CALL: Final = "tools/call"
_LISTEN: Final = "subscriptions/listen"
_BATCH: Final = "batch"
_OPENING: Final = b'{"batch":'


class UnreadableMessage(ValueError):
    """A body is no JSON-RPC that can be judged; the text is fixed."""


@dataclass(frozen=True, slots=True)
class AskedFor:
    """The tools that a request calls, each once, in order; and whether its answer is a stream without end."""

    tools: tuple[str, ...] = ()
    is_stream: bool = False


def read_messages(body: bytes) -> AskedFor:
    """Read the body of a POST: one message, or a batch.

    Raises UnreadableMessage for what two readers could read in two ways (a member that comes twice, another
    encoding than UTF-8, a call of a tool without a name), for too deep nesting, and for too many messages.
    """
    content = body.strip(b" \t\r\n")
    tools: dict[str, None] = {}
    is_stream = False
    for message in _batch_of(content) if content.startswith(b"[") else [_object_of(content)]:
        # What is no object is no message: it calls nothing, and the server behind says so.
        if isinstance(message, dict):
            method = message.get("method")
            is_stream = is_stream or method == _LISTEN
            if method == _CALL:
                tools[_tool_of(message)] = None
    return AskedFor(tuple(tools), is_stream)


def _tool_of(message: Mapping[str, object]) -> str:
    parameters = message.get("params")
    name = parameters.get("name") if isinstance(parameters, dict) else None
    if not isinstance(name, str):
        raise UnreadableMessage("A call of a tool does not name it.")
    return name


def _batch_of(content: bytes) -> list[object]:
    members = _object_of(_OPENING + content + b"}")
    found = members[_BATCH]
    # A body that ends its list and goes on with members of its own is no JSON by itself.
    if len(members) != 1 or not isinstance(found, list):
        raise UnreadableMessage("The body is no JSON.")
    if len(found) > MOST_MESSAGES:
        raise UnreadableMessage("The batch holds too many messages.")
    return found


def _object_of(content: bytes) -> dict[str, object]:
    try:
        return parse_json_object(content, DEEPEST)
    except JoseError:
        raise UnreadableMessage("The body is no JSON that can be read in one way only.") from None

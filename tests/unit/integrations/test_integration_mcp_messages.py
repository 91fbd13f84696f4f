"""What is read of a body to an MCP server, and what is not believed."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from valetkey.integrations.mcp_messages import MOST_MESSAGES, AskedFor, UnreadableMessage, read_messages

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
NAMES = st.text(min_size=1, max_size=10).filter(lambda text: text.encode("utf-8", "ignore").decode() == text)


def call(name: object, **further: object) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": {}}, **further}


@given(names=st.lists(NAMES, min_size=1, max_size=MOST_MESSAGES), noise=st.lists(JSON, max_size=3))
def test_every_tool_that_a_reader_finds_is_found(names: list[str], noise: list[object]) -> None:
    messages: list[object] = [*noise, *(call(name) for name in names)]
    body = json.dumps(messages[-MOST_MESSAGES:]).encode()
    found = [one["params"]["name"] for one in json.loads(body) if isinstance(one, dict) and "params" in one]
    assert read_messages(body).tools == tuple(dict.fromkeys(found))


@given(name=NAMES)
def test_however_a_name_is_written_it_is_the_same(name: str) -> None:
    escaped = "".join(f"\\u{unit:04x}" for unit in _units(name))
    body = f' {{"id":1, "params":{{"name":"{escaped}"}}, "method":"\\u0074ools\\/call"}}\r\n'.encode()
    assert read_messages(body) == AskedFor((name,))


def _units(text: str) -> list[int]:
    octets = text.encode("utf-16-be")
    return [int.from_bytes(octets[at : at + 2]) for at in range(0, len(octets), 2)]


@given(JSON)
def test_whatever_is_sent_is_read_or_refused(value: object) -> None:
    try:
        read = read_messages(json.dumps(value).encode())
    except UnreadableMessage:
        return
    assert isinstance(value, dict | list)
    assert read == AskedFor()


def test_other_methods_call_no_tool() -> None:
    assert read_messages(b'{"method":"tools/list","params":{"name":"erase"}}') == AskedFor()
    assert read_messages(b'{"method":"Tools/Call"}') == AskedFor()
    assert read_messages(b'{"result":{"method":"tools/call"}}') == AskedFor()
    assert read_messages(b'{"method":"subscriptions/listen"}') == AskedFor(is_stream=True)
    assert read_messages(b"[]") == AskedFor()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b'"tools/call"',
        b"{",
        b'{"method":"tools/call","params":{"name":"list","name":"erase"}}',
        b'{"method":"tools/list","method":"tools/call","params":{"name":"erase"}}',
        b'{"method":"tools/list","m\\u0065thod":"tools/call","params":{"name":"erase"}}',
        b'{"method":"tools/call","params":{"name":"list"},"params":{"name":"erase"}}',
        b'[{"method":"tools/call","params":{"name":"list","name":"erase"}}]',
        b'[],"batch":[]',
        b'[],"more":{"method":"tools/call","params":{"name":"erase"}}',
        b'[]} {"method":"tools/call"',
        b'{"method":"tools/call"}',
        b'{"method":"tools/call","params":["erase"]}',
        b'{"method":"tools/call","params":{"name":["erase"]}}',
        b'{"method":"tools/call","params":{"name":null}}',
        b'{"method":"tools/call","params":{"name":"erase"}}{}',
        b'\xef\xbb\xbf{"method":"tools/call","params":{"name":"erase"}}',
        '{"method":"tools/call","params":{"name":"erase"}}'.encode("utf-16"),
        '{"method":"tools/call","params":{"name":"erase"}}'.encode("utf-32"),
        b'{"method":"tools/call","params":{"name":"\xff"}}',
        b'{"method":"tools/call","params":{"name":"a","arguments":NaN}}',
        b'{"a":' * 200 + b"1" + b"}" * 200,
        b"[" * 100_000,
        b"[" + b",".join([b"{}"] * (MOST_MESSAGES + 1)) + b"]",
    ],
)
def test_what_could_be_read_in_two_ways_or_hides_a_call_is_refused(body: bytes) -> None:
    with pytest.raises(UnreadableMessage):
        read_messages(body)

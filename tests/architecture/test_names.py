"""Modules, classes and public functions are named in the field's words."""

import pytest

from support.architecture.modules import house, parsed
from support.architecture.names import CHOSEN, banned_names


def test_no_name_of_the_house_holds_a_banned_word() -> None:
    assert list(banned_names(house())) == []


def test_every_exempted_name_still_exists() -> None:
    sources = {module.name: module.source for module in house()}
    assert [name for module, name in CHOSEN if name not in sources.get(module, "")] == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("valetkey.jose.utils", ""),
        ("valetkey.oauth.base_types", ""),
        ("valetkey.jose.jws", "class KeyManager: ..."),
        ("valetkey.jose.jws", "class AbstractSigner: ..."),
        ("valetkey.jose.jws", "class LoggingMixin: ..."),
        ("valetkey.jose.jws", "class HTTPHandler: ..."),
        ("valetkey.jose.jws", "def validate_token(): ..."),
        ("valetkey.jose.jws", "async def handle(request): ..."),
        ("valetkey.jose.jws", "def handle_request(request): ..."),
        ("valetkey.jose.jws", "class Handle: ..."),
        ("valetkey.jose.jws", "def check_signature() -> None: ..."),
        ("valetkey.jose.jws", "class C:\n    def get_data(self): ..."),
    ],
)
def test_a_banned_word_is_found(module: str, source: str) -> None:
    assert list(banned_names([parsed(module, source)]))


@pytest.mark.parametrize(
    "source",
    [
        "def check_signature() -> bool: ...",
        "def _process() -> None: ...",
        "class UserInfo: ...",
        "class BrowserHandle: ...",
        "def presented_handle(): ...",
        "def userinfo_response(): ...",
        "class ServerMetadata: ...",
        "def base64url(): ...",
    ],
)
def test_a_word_of_the_field_is_allowed(source: str) -> None:
    assert list(banned_names([parsed("valetkey.jose.jws", source)])) == []

"""Pairwise and public subject identifiers (OpenID Connect Core, 8)."""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.house import build_house, clients, end_users
from valetkey.authorization_server.openid_client import OpenIdMetadata, SubjectType
from valetkey.authorization_server.sector import sector_hosts, sector_of
from valetkey.authorization_server.subject_identifier import (
    pairwise_subject,
    session_for,
    subject_behind,
    subject_for,
)
from valetkey.oauth.types import ClientId, SessionId, Subject

SALT = bytes(range(32))
ALICE, BOB = end_users()["alice"].subject, end_users()["bob"].subject
WEB = clients()["web"]
PAIRWISE = replace(WEB, openid=OpenIdMetadata(subject_type=SubjectType.PAIRWISE))
TEXTS = st.text(st.characters(codec="utf-8"), max_size=40)
HOSTS = st.from_regex(r"[a-z0-9.-]{1,40}", fullmatch=True)


@pytest.mark.requirement("OIDCC-8.1/deterministic")
def test_the_pairwise_subject_is_an_hmac_of_sector_and_subject() -> None:
    """Known from outside: it must never change, or every client would take all end-users for new ones."""
    expected = hmac.new(SALT, b"web.example\0sub-alice", hashlib.sha256).digest()
    told = pairwise_subject(SALT, "web.example", ALICE)
    assert told == urlsafe_b64encode(expected).rstrip(b"=").decode()
    assert told == "K4glbn9akgIXkUkUf2N2MZ47JjHjm00uFoURv2sl3K8"


@pytest.mark.requirement("OIDCC-8.1/distinct")
@given(one=st.tuples(HOSTS, TEXTS), other=st.tuples(HOSTS, TEXTS))
def test_no_two_pairs_of_sector_and_subject_have_one_identifier(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    told = [pairwise_subject(SALT, sector, Subject(subject)) for sector, subject in (one, other)]
    assert (told[0] == told[1]) is (one == other)


@pytest.mark.requirement("OIDCC-8.1/not-reversible")
def test_another_salt_gives_another_identifier() -> None:
    """Without the salt nobody can try the subjects that they know of."""
    assert pairwise_subject(SALT, "web.example", ALICE) != pairwise_subject(bytes(32), "web.example", ALICE)


@pytest.mark.requirement("OIDCC-8.1/sector")
@pytest.mark.parametrize(
    ("redirect_uris", "sector_identifier_uri", "sector"),
    [
        (("https://web.example/callback",), None, "web.example"),
        (("https://WEB.example:8443/a", "https://web.example/b"), None, "web.example"),
        (("https://a.example/", "https://b.example/"), "https://group.example/uris.json", "group.example"),
        (("http://127.0.0.1/callback",), None, "127.0.0.1"),
        ((), "https://group.example:8443/uris.json", "group.example"),
    ],
)
def test_the_sector_is_a_host(
    redirect_uris: tuple[str, ...], sector_identifier_uri: str | None, sector: str
) -> None:
    openid = OpenIdMetadata(sector_identifier_uri=sector_identifier_uri)
    assert sector_of(replace(WEB, redirect_uris=redirect_uris, openid=openid)) == sector


@pytest.mark.parametrize(
    "redirect_uris",
    [(), ("https://a.example/", "https://b.example/"), ("com.example.app:/x",), ("https://[broken",)],
)
def test_a_client_without_one_sector_gets_no_identifier(redirect_uris: tuple[str, ...]) -> None:
    client = replace(WEB, redirect_uris=redirect_uris)
    assert len(sector_hosts(client)) != 1
    with pytest.raises(ValueError, match="one sector"):
        sector_of(client)


async def test_a_public_client_knows_an_end_user_by_the_subject_itself() -> None:
    house = await build_house()
    assert await subject_for(WEB, ALICE, house.server) == ALICE
    assert await session_for(WEB, SessionId("session-1"), house.server) == "session-1"
    # Nobody has needed a salt yet.
    assert await house.stores.tenant_secrets.list() == {}


@pytest.mark.requirement("OIDCC-8/pairwise")
async def test_clients_of_one_sector_know_an_end_user_by_one_name_and_no_other_does() -> None:
    house = await build_house()
    twin = replace(PAIRWISE, client_id=ClientId("twin"), redirect_uris=("https://web.example/other",))
    stranger = replace(PAIRWISE, redirect_uris=("https://spa.example/callback",))

    told = [await subject_for(client, ALICE, house.server) for client in (PAIRWISE, twin, stranger, WEB)]

    assert told[0] == told[1]
    assert len(set(told)) == 3
    assert await subject_for(PAIRWISE, BOB, house.server) not in told


async def test_a_session_is_known_by_a_name_that_is_nobodys_subject() -> None:
    """An end-user whose subject is some session's id is not told apart by luck alone."""
    house = await build_house()
    sid = SessionId(ALICE)
    told = await session_for(PAIRWISE, sid, house.server)
    assert told not in {sid, await subject_for(PAIRWISE, ALICE, house.server)}
    stranger = replace(PAIRWISE, redirect_uris=("https://spa.example/callback",))
    assert await session_for(stranger, sid, house.server) != told


async def test_who_is_behind_an_identifier_is_found_among_those_at_hand() -> None:
    house = await build_house()
    told = await subject_for(PAIRWISE, BOB, house.server)
    assert await subject_behind(PAIRWISE, told, (ALICE, BOB), house.server) == BOB
    assert await subject_behind(PAIRWISE, told, (ALICE,), house.server) is None
    # By the public name a pairwise client knows nobody.
    assert await subject_behind(PAIRWISE, BOB, (ALICE, BOB), house.server) is None

"""The logos of clients: served from our own origin, as images and nothing else; no page asks another host."""

import struct
import zlib
from dataclasses import replace

import pytest

from support.house import House, build_house, clients
from support.registering import registered
from support.sample_pages import TENANT
from support.visitor import Answer, Visitor
from valetkey.adapters.logos import FAILED_SECONDS, KEPT_SECONDS
from valetkey.authorization_server.decision import PutClient
from valetkey.authorization_server.model import RegistrationMode
from valetkey.authorization_server.openid_client import openid_metadata
from valetkey.authorization_server.outbound import Lane
from valetkey.authorization_server.pages import ConsentPage, Page
from valetkey.oauth.http import HttpResponse
from valetkey.oauth.types import Issuer
from valetkey.ui.render import Renderer

LOGO = "https://inspector.example/logo.png"
CALLBACK = "https://inspector.example/callback"


def image() -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", 16, 16, 8, 2, 0, 0, 0)
    rows = zlib.compress((b"\x00" + b"\x24\x54\xd6" * 16) * 16)
    parts = ((b"IHDR", header), (b"IDAT", rows), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


@pytest.fixture
async def house() -> House:
    return await build_house(profile="OPENID", registration=RegistrationMode.OPEN)


async def consent_of(house: House, client_id: str) -> ConsentPage:
    visitor = Visitor(house)
    found: Answer = await visitor.authorize(client_id, redirect_uri=CALLBACK)
    found = await visitor.sign_in(found)
    assert isinstance(found, Page)
    assert isinstance(found.view, ConsentPage)
    return found.view


async def stranger(house: House, **changes: object) -> str:
    return str((await registered(house, logo_uri=LOGO, **changes))["client_id"])


async def logo(house: House, client_id: str) -> HttpResponse:
    return await house.get(f"/logos/{client_id}")


# covers: CON-08
@pytest.mark.requirement("OIDCR-2/logo")
async def test_a_logo_is_fetched_by_the_server_and_served_as_an_image(house: House) -> None:
    house.outside.publish(LOGO, image(), media_type="image/png")
    client_id = await stranger(house)
    page = await consent_of(house, client_id)
    assert page.client_logo is not None
    assert page.client_logo.startswith(f"/logos/{client_id}?v=")
    for _ in range(3):
        found = await logo(house, client_id)
        assert (found.status, found.header("content-type"), found.body) == (200, "image/png", image())
        assert found.header("content-security-policy") == "default-src 'none'; sandbox"
        assert found.header("cross-origin-resource-policy") == "same-origin"
    ((url, rules),) = house.outside.asked
    assert (url, rules.lane) == (LOGO, Lane.STRANGERS)


# covers: CON-08
async def test_the_page_names_our_own_origin_alone(house: House) -> None:
    house.outside.publish(LOGO, image(), media_type="image/png")
    page = await consent_of(house, await stranger(house))
    html = Renderer().render(
        Page(page), tenant=TENANT, issuer=Issuer("https://as.example"), accept_language="en", request_id="1"
    )
    assert page.client_logo is not None
    assert f'src="{page.client_logo}" alt=""'.encode() in html.body
    assert b"logo.png" not in html.body
    assert "img-src 'self'" in str(html.header("content-security-policy"))


# covers: CON-08
@pytest.mark.parametrize(
    ("octets", "media_type"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/png"),
        (b"<script>alert(1)</script>", "text/html"),
        (image(), "text/html"),
        (image() + bytes(70_000), "image/png"),
    ],
    ids=["svg", "svg that says png", "html", "png that says html", "too much"],
)
async def test_what_is_no_image_is_served_to_nobody_and_not_asked_for_again(
    house: House, octets: bytes, media_type: str
) -> None:
    house.outside.publish(LOGO, octets, media_type=media_type)
    client_id = await stranger(house)
    for _ in range(3):
        assert (await logo(house, client_id)).status == 404
    assert len(house.outside.asked) == 1
    assert len(house.log.of("client.logo_refused")) == 1
    assert (await consent_of(house, client_id)).client_logo is None
    house.clock.advance(FAILED_SECONDS)
    house.outside.publish(LOGO, image(), media_type="image/png")
    assert (await logo(house, client_id)).status == 200
    house.clock.advance(KEPT_SECONDS)
    house.outside.break_off(LOGO)
    assert (await logo(house, client_id)).status == 404


# covers: CON-08
async def test_a_stranger_has_no_logo_where_the_profile_links_nothing_of_theirs() -> None:
    house = await build_house(registration=RegistrationMode.OPEN)
    house.outside.publish(LOGO, image(), media_type="image/png")
    client_id = await stranger(house)
    assert (await consent_of(house, client_id)).client_logo is None
    assert (await logo(house, client_id)).status == 404
    assert house.outside.asked == []


async def test_an_operators_client_has_its_logo_under_every_profile() -> None:
    house = await build_house()
    uri = "https://web.example/logo.png"
    house.outside.publish(uri, image(), media_type="image/png")
    assert (await logo(house, "web")).status == 404
    await house.commit(PutClient(replace(clients()["web"], openid=openid_metadata({"logo_uri": uri}))))
    assert (await logo(house, "web")).status == 200
    assert house.outside.asked[0][1].lane is Lane.REGISTERED
    await house.commit(
        PutClient(replace(clients()["web"], openid=openid_metadata({"logo_uri": uri}), disabled=True))
    )
    assert (await logo(house, "web")).status == 404


# covers: CON-08
async def test_one_network_lets_us_fetch_so_many_logos_and_no_more(house: House) -> None:
    names = [str((await registered(house, logo_uri=f"{LOGO}?{number}"))["client_id"]) for number in range(22)]
    for client_id in names:
        assert (await logo(house, client_id)).status == 404
    assert len(house.outside.asked) == 20


@pytest.mark.parametrize("path", ["nobody", "%00", "a%2Fb", ""])
async def test_a_client_that_is_none_has_no_logo(house: House, path: str) -> None:
    assert (await logo(house, path)).status == 404

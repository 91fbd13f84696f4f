"""The QR code of an enrolment: readable in every colour scheme, and for one session alone."""

import re

import pytest

from support.house import House, build_house
from support.second_factor import begun, enrolment
from support.visitor import Visitor
from valetkey.authorization_server.pages import ErrorPage, Page
from valetkey.oauth.http import HttpRequest, HttpResponse
from valetkey.ui.factor_image import image_route, qr_code, respond


@pytest.fixture
async def house() -> House:
    return await build_house()


async def seen(visitor: Visitor, target: str) -> HttpResponse | Page:
    path, _, query = target.partition("?")
    cookie = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
    headers = ((b"cookie", cookie.encode()),) if cookie else ()
    return await respond(HttpRequest("GET", path, query.encode(), headers), visitor.house.server)


async def test_who_begins_an_enrolment_sees_its_picture(house: House) -> None:
    visitor = Visitor(house)
    shown = enrolment(await begun(visitor))
    found = await seen(visitor, shown.image)
    assert isinstance(found, HttpResponse)
    assert (found.status, found.header("content-type"), found.header("cache-control")) == (
        200,
        "image/svg+xml",
        "no-store",
    )
    assert found.header("cross-origin-resource-policy") == "same-origin"
    assert shown.image.startswith(image_route().path)
    assert shown.key.replace(" ", "") not in shown.image


# covers: LOG-06
async def test_nobody_else_sees_it_and_nobody_does_once_it_is_confirmed(house: House) -> None:
    visitor, other, stranger = Visitor(house), Visitor(house, "198.51.100.9"), Visitor(house, "198.51.100.10")
    shown = enrolment(await begun(visitor))
    await other.account()
    for who, target in ((other, shown.image), (stranger, shown.image), (visitor, image_route().path)):
        refused = await seen(who, target)
        assert isinstance(refused, Page)
        assert isinstance(refused.view, ErrorPage)
        assert refused.view.status == 404
    house.clock.advance(900)
    assert isinstance(await seen(visitor, shown.image), Page)


def test_the_picture_is_black_on_white_and_holds_neither_script_nor_style() -> None:
    text = qr_code("otpauth://totp/x").decode()
    assert text.startswith("<svg")
    assert {"#000", "#fff"} <= set(re.findall(r'"(#[0-9a-f]{3})"', text))
    assert not re.search(r"<script|style=|<style|href|on\w+=", text)

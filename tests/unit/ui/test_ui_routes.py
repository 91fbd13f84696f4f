"""The static files: immutable under names that carry their hash, and nothing beside them."""

import re

import pytest

from valetkey.authorization_server.pages import ErrorPage, Page
from valetkey.authorization_server.routes import Cache, Cors, Csrf, Route
from valetkey.oauth.http import HttpRequest, HttpResponse
from valetkey.ui.assets import load_manifest
from valetkey.ui.routes import asset_routes

ROWS = asset_routes()
ACCENT = load_manifest().accent_path


def row_at(path: str) -> Route:
    return next(row for row in ROWS if row.path == path)


async def answer(
    path: str, query: bytes = b"", headers: tuple[tuple[bytes, bytes], ...] = ()
) -> HttpResponse | Page:
    request = HttpRequest("GET", path, query, headers)
    return await row_at(path).endpoint(request, None)  # type: ignore[arg-type] # static files ask no server


async def file(path: str, query: bytes = b"", headers: tuple[tuple[bytes, bytes], ...] = ()) -> HttpResponse:
    response = await answer(path, query, headers)
    assert isinstance(response, HttpResponse)
    return response


# covers: HTP-08
def test_every_static_file_may_be_kept_for_good_and_read_by_no_other_origin() -> None:
    assert {row.cache for row in ROWS} == {Cache.IMMUTABLE}
    assert {row.cors for row in ROWS} == {Cors.NONE}
    assert {row.csrf for row in ROWS} == {Csrf.SAFE}
    assert {row.methods for row in ROWS} == {frozenset({"GET", "HEAD"})}


# covers: HTP-10
def test_every_static_file_stands_under_one_exact_path_so_that_none_can_be_named_beside_it() -> None:
    paths = [row.path for row in ROWS]
    assert set(paths) == {ACCENT} | {asset.path for asset in load_manifest().assets.values()}
    assert len(set(paths)) == len(paths)
    assert all(path.startswith("/assets/") and path.count("/") <= 3 and ".." not in path for path in paths)


def test_scripts_that_import_each_other_stand_in_one_folder_named_after_them_all() -> None:
    scripts = {name: asset for name, asset in load_manifest().assets.items() if name.startswith("jwt/")}
    folders = {asset.path.rpartition("/")[0] for asset in scripts.values()}
    assert len(folders) == 1
    assert re.fullmatch(r"/assets/jwt-[0-9a-f]{16}", folders.pop())
    imported = {name for asset in scripts.values() for name in re.findall(rb'from "\./(.+?)"', asset.content)}
    assert imported == {name.removeprefix("jwt/").encode() for name in scripts} - {b"page.js"}


@pytest.mark.parametrize(
    "name", ["valetkey.css", "valetkey.js", "icons.svg", "favicon.svg", "jwt.css", "jwt/page.js"]
)
async def test_a_file_says_its_type_and_forbids_to_guess_another(name: str) -> None:
    asset = load_manifest().assets[name]
    response = await file(asset.path)
    assert response.status == 200
    assert response.body == asset.content != b""
    assert response.header("content-type") == asset.media_type
    assert response.header("x-content-type-options") == "nosniff"
    assert response.header("cross-origin-resource-policy") == "same-origin"
    assert response.header("etag") == asset.etag


@pytest.mark.parametrize("known", [b'"{}"', b'W/"{}"', b'"other", "{}"', b"*"])
async def test_who_has_the_file_is_told_so_without_a_body(known: bytes) -> None:
    asset = load_manifest().assets["valetkey.css"]
    response = await file(asset.path, headers=((b"if-none-match", known.replace(b'"{}"', asset.etag.encode())),))
    assert (response.status, response.body) == (304, b"")
    assert response.header("etag") == asset.etag


async def test_who_has_another_version_gets_the_file() -> None:
    asset = load_manifest().assets["valetkey.css"]
    assert (await file(asset.path, headers=((b"if-none-match", b'"other"'),))).status == 200


async def test_the_accent_sheet_is_that_of_the_colour_in_its_url() -> None:
    blue, green = await file(ACCENT, b"v=2454d6"), await file(ACCENT, b"v=0a7d3c")
    assert b"--accent:#2454d6" in blue.body
    assert blue.header("etag") != green.header("etag")
    assert blue.header("content-type") == "text/css; charset=utf-8"


@pytest.mark.parametrize(
    "query", [b"", b"v=", b"v=red", b"v=2454d6}", b"v=2454d6&x=1", b"v=%7d", b"v=\xff\xff\xff"]
)
async def test_an_accent_sheet_for_no_colour_does_not_exist(query: bytes) -> None:
    page = await answer(ACCENT, query)
    assert isinstance(page, Page)
    assert isinstance(page.view, ErrorPage)
    assert page.view.status == 404


def test_the_style_sheet_names_no_other_origin() -> None:
    for asset in load_manifest().assets.values():
        text = asset.content.decode().replace("http://www.w3.org/2000/svg", "")
        assert "://" not in text, asset.path
        assert "@import" not in text, asset.path

"""Sending people, codes and errors to addresses that are not the client's."""

from dataclasses import replace

import pytest

from support.house import House, build_house, clients, encode_form
from support.requirement import requirement
from support.visitor import Answer, Visitor, error_page, location_of, login_page, request_of, returned
from valetkey.authorization_server.decision import PutClient
from valetkey.authorization_server.model import ApplicationType
from valetkey.authorization_server.pages import ErrorKind

CALLBACK = "https://web.example/callback"
VARIANTS = [
    CALLBACK + "/../admin",
    CALLBACK + "/%2e%2e/admin",
    CALLBACK + "/..;/admin",
    "https://web.example//callback",
    CALLBACK + "%2f",
    CALLBACK + "%5c",
    CALLBACK + "\\",
    CALLBACK + "\t",
    CALLBACK + "\r\nset-cookie: x=1",
    CALLBACK + "\x00",
    " " + CALLBACK,
    CALLBACK + " ",
    "https://web.example@evil.example/callback",
    "https://a@web.example@evil.example/callback",
    "https://web.example%40evil.example/callback",
    "https://web.example.evil.example/callback",
    "https://evilweb.example/callback",
    "https://.*/callback",
    "http://web.example/callback",
    "javascript:alert(1)//web.example/callback",
    "//evil.example/callback",
    "evil.example",
    "https://evil.example/",
]


@pytest.fixture
async def house() -> House:
    return await build_house()


@pytest.fixture
def visitor(house: House) -> Visitor:
    return Visitor(house)


# covers: RDR-01
@requirement("RFC6749-4.1.2.1/no-redirect")
@pytest.mark.parametrize(
    "client_id",
    ["nobody", "", None, ["web", "web"], ["web", "nobody"], "WEB", "web ", "' OR 1=1 --", "\x00"],
    ids=repr,
)
async def test_an_unknown_client_gets_a_page(visitor: Visitor, client_id: str | list[str] | None) -> None:
    page = error_page(await ask(visitor, client_id=client_id))
    assert (page.kind, page.code, page.status) == (ErrorKind.UNKNOWN_CLIENT, "invalid_client", 400)
    login_page(await visitor.authorize())


# covers: RDR-01
async def test_a_disabled_client_gets_a_page_at_once_and_in_the_middle_of_a_sign_in(
    house: House, visitor: Visitor
) -> None:
    page = await visitor.authorize()
    await house.commit(PutClient(replace(clients()["web"], disabled=True)))
    assert error_page(await visitor.sign_in(page)).kind is ErrorKind.UNKNOWN_CLIENT
    assert error_page(await visitor.authorize()).kind is ErrorKind.UNKNOWN_CLIENT
    login_page(await visitor.authorize("spa"))


# covers: RDR-04, RDR-05, RDR-07
@requirement("OIDCC-3.1.2.6/no-redirect")
@requirement("RFC9700-2.1/exact-redirect-uri")
@pytest.mark.parametrize("redirect_uri", VARIANTS)
async def test_an_address_that_resembles_the_registered_one_gets_a_page(
    visitor: Visitor, redirect_uri: str
) -> None:
    for method in (get, post):
        page = error_page(await method(visitor, redirect_uri=redirect_uri))
        assert (page.kind, page.status) == (ErrorKind.BAD_REDIRECT_URI, 400)
        assert redirect_uri not in page.detail
    assert not visitor.cookies


# covers: RDR-07
async def test_no_registered_address_is_a_pattern(house: House, visitor: Visitor) -> None:
    for pattern in ("https://*.example/callback", "https://web.example/.*", "https://(web|evil).example/callback"):
        await house.commit(PutClient(replace(clients()["web"], redirect_uris=(pattern,))))
        assert error_page(await visitor.authorize(redirect_uri=CALLBACK)).kind is ErrorKind.BAD_REDIRECT_URI


# covers: RDR-08
@requirement("RFC8252-7.3")
async def test_only_the_port_of_a_native_client_may_differ(visitor: Visitor) -> None:
    answer = await visitor.granted("native", redirect_uri="http://127.0.0.1:51004/callback")
    assert "code" in answer
    for other in (
        "http://127.0.0.1:51004/other",
        "http://127.0.0.2:51004/callback",
        "http://localhost:51004/callback",
        "http://[::1]:51004/callback",
        "http://127.0.0.1.evil.example:51004/callback",
        "https://127.0.0.1:51004/callback",
    ):
        page = error_page(await visitor.authorize("native", redirect_uri=other))
        assert page.kind is ErrorKind.BAD_REDIRECT_URI


# covers: RDR-08
@pytest.mark.parametrize(
    ("profile", "application_type", "is_taken"),
    [
        ("MCP", ApplicationType.NATIVE, True),
        ("MCP", ApplicationType.WEB, False),
        ("OAUTH_2_1", ApplicationType.NATIVE, False),
        ("OPENID", ApplicationType.NATIVE, False),
    ],
)
async def test_localhost_takes_any_port_for_native_clients_of_the_mcp_profile_alone(
    profile: str,
    application_type: ApplicationType,
    is_taken: bool,  # noqa: FBT001 - a column of the table
) -> None:
    house = await build_house(profile=profile)
    native = replace(
        clients()["native"], redirect_uris=("http://localhost/callback",), application_type=application_type
    )
    await house.commit(PutClient(native))
    found = await Visitor(house).authorize("native", redirect_uri="http://localhost:51004/callback")
    if is_taken:
        login_page(found)
    else:
        assert error_page(found).kind is ErrorKind.BAD_REDIRECT_URI
    login_page(await Visitor(house).authorize("native", redirect_uri="http://localhost/callback"))


# covers: RDR-10
@pytest.mark.parametrize(
    "fault",
    [
        {"response_type": "token"},
        {"response_type": None},
        {"scope": "nonsense"},
        {"request": "x.y.z"},
        {"request_uri": "https://evil.example/"},
        {"prompt": "none"},
        {"code_challenge": None},
        {"state": ["a", "b"]},
    ],
    ids=str,
)
async def test_no_other_fault_makes_a_bad_address_followed(
    visitor: Visitor, fault: dict[str, str | list[str] | None]
) -> None:
    page = error_page(await get(visitor, redirect_uri="https://evil.example/", **fault))
    assert page.kind is ErrorKind.BAD_REDIRECT_URI
    repeated = error_page(await get(visitor, redirect_uri=[CALLBACK, "https://evil.example/"], **fault))
    assert repeated.status == 400
    mark = "#" if fault.get("response_type") == "token" else "?"
    assert (location_of(await get(visitor, **fault)) or "").startswith(CALLBACK + mark + "error=")


async def test_a_client_with_several_addresses_names_the_one_it_means(house: House, visitor: Visitor) -> None:
    several = replace(clients()["web"], redirect_uris=(CALLBACK, "https://web.example/other"))
    await house.commit(PutClient(several))
    assert error_page(await visitor.authorize(redirect_uri=None, scope="albums.read")).status == 400
    answer = await visitor.granted(redirect_uri="https://web.example/other")
    assert "code" in answer


@requirement("RFC6749-3.1.2.3")
async def test_a_client_with_one_address_may_leave_it_out_except_for_openid_connect(
    house: House, visitor: Visitor
) -> None:
    answer = await visitor.granted(redirect_uri=None, scope="albums.read")
    assert (await house.redeem(answer["code"], redirect_uri=None)).status == 200
    refused = returned(await visitor.authorize(redirect_uri=None))
    assert refused["error"] == "invalid_request"


async def test_an_answer_keeps_the_query_of_the_registered_address(house: House, visitor: Visitor) -> None:
    await house.commit(PutClient(replace(clients()["web"], redirect_uris=(CALLBACK + "?tenant=a%20b",))))
    page = await visitor.sign_in(await visitor.authorize(redirect_uri=CALLBACK + "?tenant=a%20b"))
    answer = await visitor.consent(page)
    assert (location_of(answer) or "").startswith(CALLBACK + "?tenant=a%20b&code=vk_ac_")


async def test_a_form_may_lead_to_the_verified_address_alone(visitor: Visitor) -> None:
    page = login_page(await visitor.authorize("native", redirect_uri="http://127.0.0.1:51004/callback"))
    assert page.form.redirect_source == "http://127.0.0.1:51004"
    scheme = login_page(await visitor.authorize("native", redirect_uri="com.example.desk:/callback"))
    assert (scheme.form.redirect_source, scheme.redirect_host) == ("com.example.desk:", "com.example.desk")


async def get(visitor: Visitor, **changes: str | list[str] | None) -> Answer:
    return await visitor.get("/authorize?" + encode_form(request_of("web", **changes)).decode())


async def post(visitor: Visitor, **changes: str | list[str] | None) -> Answer:
    return await visitor.post("/authorize", request_of("web", **changes))


async def ask(visitor: Visitor, client_id: str | list[str] | None) -> Answer:
    parameters = {**request_of(), "client_id": client_id}
    kept = {name: value for name, value in parameters.items() if value is not None}
    return await visitor.get("/authorize?" + encode_form(kept).decode())

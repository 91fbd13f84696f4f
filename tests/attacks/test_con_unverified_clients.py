"""Clients that nobody vouches for: what end-users are told, when they are asked, and where they are not led."""

from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import pytest

from support.house import House, build_house, clients
from support.registering import METADATA, registered
from support.requirement import requirement
from support.sample_pages import TENANT, UNVERIFIED_CONSENT
from support.visitor import Answer, Visitor, consent_page, location_of, login_page, returned
from valetkey.authorization_server.decision import PutClient
from valetkey.authorization_server.model import RegistrationMode
from valetkey.authorization_server.openid_client import openid_metadata
from valetkey.authorization_server.pages import ConsentMemory, FormTarget, LeavingPage, Page
from valetkey.authorization_server.policy import UntrustedRedirectRule
from valetkey.oauth.types import Issuer
from valetkey.ui.render import Renderer

CALLBACK = "https://inspector.example/callback"
LOGO = "https://tracker.example/logo.png"


@pytest.fixture
async def house() -> House:
    return await build_house(registration=RegistrationMode.OPEN)


@pytest.fixture
def visitor(house: House) -> Visitor:
    return Visitor(house)


def leaving_page(found: Answer) -> LeavingPage:
    assert isinstance(found, Page), found
    assert isinstance(found.view, LeavingPage), found.view
    assert not any(name == "location" for name, _ in found.headers)
    return found.view


async def stranger(house: House, **changes: object) -> str:
    return str((await registered(house, **changes))["client_id"])


async def asked_by(visitor: Visitor, client_id: str, **changes: str | None) -> Answer:
    return await visitor.authorize(client_id, **({"redirect_uri": CALLBACK} | changes))


# covers: CON-04
async def test_the_page_says_whose_site_it_is_and_that_nobody_checked(house: House, visitor: Visitor) -> None:
    page = consent_page(await visitor.sign_in(await asked_by(visitor, await stranger(house))))
    assert (page.client_name, page.redirect_host, page.is_unverified) == ("Inspector", "inspector.example", True)
    assert not consent_page(await visitor.authorize("web")).is_unverified


# covers: CON-04
@pytest.mark.parametrize(
    ("method", "redirect_uri", "memory"),
    [
        ("none", CALLBACK, ConsentMemory.ASKED_AGAIN),
        ("none", "http://127.0.0.1:6274/callback", ConsentMemory.ASKED_AGAIN),
        ("client_secret_basic", "http://127.0.0.1:6274/callback", ConsentMemory.ASKED_AGAIN),
        ("client_secret_basic", "com.example.inspector:/callback", ConsentMemory.ASKED_AGAIN),
        ("client_secret_basic", CALLBACK, ConsentMemory.REMEMBERED),
    ],
)
async def test_who_registers_is_asked_about_every_time_unless_it_proves_itself_at_its_own_site(
    house: House, visitor: Visitor, method: str, redirect_uri: str, memory: ConsentMemory
) -> None:
    client_id = await stranger(house, token_endpoint_auth_method=method, redirect_uris=[redirect_uri])
    page = await visitor.sign_in(await asked_by(visitor, client_id, redirect_uri=redirect_uri))
    assert consent_page(page).memory is memory
    assert "code" in returned(await visitor.consent(page))
    again = await asked_by(visitor, client_id, redirect_uri=redirect_uri)
    if memory is ConsentMemory.REMEMBERED:
        assert "code" in returned(again)
    else:
        consent_page(again)
    silent = returned(await asked_by(visitor, client_id, redirect_uri=redirect_uri, prompt="none"))
    assert silent.get("error") == (None if memory is ConsentMemory.REMEMBERED else "consent_required")


# covers: CON-04
async def test_an_answer_about_one_site_of_a_stranger_does_not_count_for_another(
    house: House, visitor: Visitor
) -> None:
    evil = "https://evil.example/callback"
    client_id = await stranger(house, redirect_uris=[CALLBACK, evil])
    page = await visitor.sign_in(await asked_by(visitor, client_id))
    assert consent_page(page).memory is ConsentMemory.ASKED_AGAIN
    assert "code" in returned(await visitor.consent(page))

    again = await asked_by(visitor, client_id, redirect_uri=evil)
    silent = await asked_by(visitor, client_id, redirect_uri=evil, prompt="none")

    assert consent_page(again).redirect_host == "evil.example"
    assert returned(silent)["error"] == "consent_required"


# covers: RDR-12
@requirement("RFC9700-4.11.2/authenticate-first")
@pytest.mark.parametrize(
    "changes",
    [
        {"scope": "unknown"},
        {"response_type": "nonsense"},
        {"code_challenge": None},
        {"prompt": "dance"},
        {"resource": "https://nobody.example"},
    ],
    ids=str,
)
async def test_a_request_that_must_fail_leads_nobody_to_a_strangers_site(
    house: House, visitor: Visitor, changes: dict[str, str | None]
) -> None:
    client_id = await stranger(house)
    page = leaving_page(await asked_by(visitor, client_id, **changes))
    assert (page.redirect_host, page.client_name, page.way_out) == ("inspector.example", "Inspector", None)
    await visitor.sign_in(await visitor.authorize("web"))
    page = leaving_page(await asked_by(visitor, client_id, **changes))
    assert isinstance(page.way_out, str)
    assert page.way_out.startswith(CALLBACK + "?error=" + page.code)
    assert dict(parse_qsl(urlsplit(page.way_out).query))["iss"] == "https://as.example"
    assert "error" in returned(await visitor.authorize("web", **changes))


# covers: RDR-12
@requirement("RFC9700-4.11.2/authenticate-first")
async def test_a_denial_goes_to_a_stranger_by_a_click_alone(house: House, visitor: Visitor) -> None:
    client_id = await stranger(house)
    page = await visitor.sign_in(await asked_by(visitor, client_id))
    left = leaving_page(await visitor.consent(page, "denied"))
    assert (left.code, left.redirect_host) == ("access_denied", "inspector.example")
    assert isinstance(left.way_out, str)
    assert dict(parse_qsl(urlsplit(left.way_out).query))["state"] == "state-1"
    own = await visitor.authorize("web")
    assert returned(await visitor.consent(own, "denied"))["error"] == "access_denied"


# covers: RDR-12, AUT-06
@requirement("RFC9700-4.11.2/authenticate-first")
async def test_an_error_that_is_posted_goes_to_a_stranger_by_a_click_alone() -> None:
    house = await build_house(profile="OPENID", registration=RegistrationMode.OPEN)
    policy = replace(house.server.policy, untrusted_redirect=UntrustedRedirectRule.PAGE)
    house.server = replace(house.server, policy=policy)
    visitor, client_id = Visitor(house), await stranger(house)
    asked = {"response_mode": "form_post", "state": 'a"><script>&b'}
    stranger_to_us = leaving_page(await asked_by(visitor, client_id, scope="albums.none", **asked))
    assert stranger_to_us.way_out is None
    page = await visitor.sign_in(await asked_by(visitor, client_id, **asked))
    found = await visitor.consent(page, "denied")
    left = leaving_page(found)
    assert isinstance(left.way_out, FormTarget)
    assert (left.way_out.action, left.way_out.redirect_source) == (CALLBACK, "https://inspector.example")
    told = dict(left.way_out.hidden)
    assert (told["error"], told["state"], told["iss"]) == ("access_denied", asked["state"], "https://as.example")
    assert isinstance(found, Page)
    shown = Renderer().render(
        found, tenant=house.server.tenant, issuer=house.server.issuer, accept_language=None, request_id="1"
    )
    # Nothing posts it by itself, and nothing of it becomes markup.
    assert b"data-onward" not in shown.body
    assert b'value="a&#34;&gt;&lt;script&gt;&amp;b"' in shown.body
    policy_header = shown.header("content-security-policy") or ""
    assert policy_header.endswith("form-action 'self' https://inspector.example")


# covers: RDR-12
@requirement("OIDCC-3.1.2.3/silent")
async def test_a_silent_request_is_answered_by_redirect_whoever_asks(house: House, visitor: Visitor) -> None:
    client_id = await stranger(house)
    assert returned(await asked_by(visitor, client_id, prompt="none"))["error"] == "login_required"
    await visitor.sign_in(await visitor.authorize("web"))
    assert returned(await asked_by(visitor, client_id, prompt="none"))["error"] == "consent_required"


# covers: RDR-12
async def test_openid_connect_redirects_every_error() -> None:
    house = await build_house(profile="OPENID", registration=RegistrationMode.OPEN)
    visitor, client_id = Visitor(house), await stranger(house)
    error = returned(await asked_by(visitor, client_id, response_type="nonsense"))["error"]
    assert error == "unsupported_response_type"
    page = await visitor.sign_in(await asked_by(visitor, client_id))
    assert returned(await visitor.consent(page, "denied"))["error"] == "access_denied"


# covers: RDR-12
async def test_an_address_that_a_stranger_did_not_register_gets_no_link_at_all(
    house: House, visitor: Visitor
) -> None:
    found = await asked_by(visitor, await stranger(house), redirect_uri="https://evil.example/")
    assert isinstance(found, Page)
    assert not isinstance(found.view, LeavingPage)
    assert location_of(found) is None


# covers: CON-08
async def test_the_logo_of_a_stranger_is_on_no_page(house: House, visitor: Visitor) -> None:
    client_id = await stranger(house, logo_uri=LOGO)
    login = await asked_by(visitor, client_id)
    login_page(login)
    consent = await visitor.sign_in(login)
    left = await visitor.consent(consent, "denied")
    renderer = Renderer()
    for page in (login, consent, left, Page(UNVERIFIED_CONSENT)):
        assert isinstance(page, Page)
        response = renderer.render(
            page, tenant=TENANT, issuer=Issuer("https://as.example"), accept_language="en", request_id="1"
        )
        assert b"tracker.example" not in response.body
        assert b"<img" not in response.body
        assert response.header("referrer-policy") == "no-referrer"


def consent_html(consent: Answer) -> str:
    assert isinstance(consent, Page)
    return (
        Renderer()
        .render(consent, tenant=TENANT, issuer=Issuer("https://as.example"), accept_language="en", request_id="1")
        .body.decode()
    )


# covers: CON-08
async def test_nothing_of_ours_leads_to_the_pages_that_a_stranger_names(house: House, visitor: Visitor) -> None:
    pages = {"policy_uri": "https://lure.example/privacy", "tos_uri": "https://lure.example/terms"}
    html = consent_html(await visitor.sign_in(await asked_by(visitor, await stranger(house, **pages))))
    assert html.count('<bdi class="party-detail of-page">lure.example</bdi>') == 2
    assert "Nobody here has checked them." in html
    assert 'href="https:' not in html


# covers: CON-08
@pytest.mark.requirement("OIDCR-2/policy")
async def test_openid_links_the_pages_of_a_stranger_with_a_warning_and_without_a_referrer() -> None:
    house = await build_house(profile="OPENID", registration=RegistrationMode.OPEN)
    visitor = Visitor(house)
    pages = {"policy_uri": "https://inspector.example/privacy?a=1&b=2", "client_uri": "https://inspector.example/"}
    html = consent_html(await visitor.sign_in(await asked_by(visitor, await stranger(house, **pages))))
    rest = 'target="_blank" rel="noopener noreferrer nofollow"'
    assert f'<a href="https://inspector.example/privacy?a=1&amp;b=2" {rest}>Privacy policy</a>' in html
    assert f'<a href="https://inspector.example/" {rest}>Home page</a>' in html
    assert "Nobody here has checked them." in html


@pytest.mark.requirement("OIDCR-2/policy")
async def test_the_pages_of_an_operators_client_are_links_without_a_warning(house: House, visitor: Visitor) -> None:
    web = clients()["web"]
    pages = {"policy_uri": "https://web.example/privacy", "tos_uri": "https://web.example/terms"}
    await house.commit(PutClient(replace(web, openid=openid_metadata(pages))))
    html = consent_html(await visitor.sign_in(await visitor.authorize("web")))
    assert html.count('rel="noopener noreferrer nofollow"') == 2
    assert "Nobody here has checked them." not in html


# covers: DCR-03
async def test_a_name_that_is_markup_stays_a_name(house: House, visitor: Visitor) -> None:
    client_id = await stranger(house, client_name="<script>alert(1)</script>")
    consent = await visitor.sign_in(await asked_by(visitor, client_id))
    left = await visitor.consent(consent, "denied")
    renderer = Renderer()
    for page in (consent, left):
        assert isinstance(page, Page)
        response = renderer.render(
            page, tenant=TENANT, issuer=Issuer("https://as.example"), accept_language="en", request_id="1"
        )
        assert b"<script>alert" not in response.body
        assert b"&lt;script&gt;alert" in response.body


async def test_a_client_in_use_is_noted_and_kept(house: House, visitor: Visitor) -> None:
    client_id = await stranger(house)
    (fresh,) = await house.stores.registrations.uses()
    assert (fresh.last_used_at, fresh.expires_at) == (None, house.clock.now + 7 * 86_400)
    house.clock.advance(3_600)
    page = await visitor.sign_in(await asked_by(visitor, client_id))
    assert "code" in returned(await visitor.consent(page))
    (used,) = await house.stores.registrations.uses()
    assert (used.last_used_at, used.expires_at) == (house.clock.now, house.clock.now + 180 * 86_400)
    assert METADATA["client_name"] == "Inspector"

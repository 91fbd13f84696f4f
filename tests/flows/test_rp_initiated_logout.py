"""RP-initiated logout: who is asked, who is signed out, and where the browser goes (RP-Initiated Logout 1.0)."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import pytest

from support.house import (
    ISSUER,
    MAC_SECRET,
    NOW,
    House,
    build_house,
    claims_of,
    clients,
    document,
    encode_form,
)
from support.visitor import Answer, Visitor, error_page, location_of, login_page, sign_out_page
from valetkey.authorization_server.decision import EndSession, PutClient
from valetkey.authorization_server.logout.request import LogoutRequest
from valetkey.authorization_server.model import SelfRegistration
from valetkey.authorization_server.openid_client import OpenIdMetadata, SubjectType
from valetkey.authorization_server.pages import ErrorKind, Page, SignedOutPage
from valetkey.jose import Jwk, jwt
from valetkey.oauth.types import TokenDigest

BYE = "https://web.example/bye"
COOKIE = "__Host-vk_session_default"


@dataclass
class Scene:
    house: House
    visitor: Visitor

    async def signed_in(self, client_id: str = "web", username: str | None = None) -> str:
        """Sign in, and return the ID Token that the client got."""
        if username is None:
            code = (await self.visitor.granted(client_id))["code"]
        else:
            await self.visitor.sign_in(await self.visitor.authorize(prompt="login"), username)
            stored = next(one for one in await self.visitor.sessions() if one.end_user.username == username)
            code = await self.house.code(client_id, sid=stored.session.sid, subject=stored.session.subject)
        return str(document(await self.house.redeem(code, client_id))["id_token"])

    async def logout(self, method: str = "GET", **asked: str) -> Answer:
        form = encode_form(asked)
        if method == "POST":
            return await self.visitor.ask("POST", "/logout", form)
        return await self.visitor.get(f"/logout?{form.decode()}")

    async def names(self) -> set[str]:
        """Return who is signed in with the browser."""
        return {stored.end_user.username for stored in await self.visitor.sessions()}


@pytest.fixture
async def scene() -> Scene:
    """Return a visitor of a server under the profile of OpenID Connect."""
    house = await build_house(profile="OPENID")
    return Scene(house, Visitor(house))


def signed_out(found: Answer) -> SignedOutPage:
    assert isinstance(found, Page), found
    assert isinstance(found.view, SignedOutPage), found.view
    assert not any(name == "location" for name, _ in found.headers)
    return found.view


def cookies_of(found: Answer) -> Mapping[str, str]:
    lines = [value for name, value in found.headers if name == "set-cookie"]
    return {line.partition("=")[0]: line.partition("=")[2] for line in lines}


@pytest.mark.requirement("OIDCRIL-2/get-and-post")
@pytest.mark.requirement("OIDCRIL-3/after-notifying")
@pytest.mark.requirement("OIDCRIL-3/state")
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_hint_for_the_current_session_signs_out_and_goes_on_with_the_state(
    scene: Scene, method: str
) -> None:
    hint = await scene.signed_in()
    asked = {"id_token_hint": hint, "post_logout_redirect_uri": BYE, "state": "a b&c"}
    found = await scene.logout(method, **asked)
    assert location_of(found) == f"{BYE}?state=a+b%26c"
    assert "Max-Age=0" in cookies_of(found)[COOKIE]
    assert not await scene.names()
    login_page(await scene.visitor.authorize())


async def test_without_a_state_none_is_added_and_a_query_is_kept(scene: Scene) -> None:
    uri = "https://web.example/bye?of=web"
    await scene.house.commit(PutClient(replace(clients()["web"], post_logout_redirect_uris=(uri,))))
    hint = await scene.signed_in()
    assert location_of(await scene.logout(id_token_hint=hint, post_logout_redirect_uri=uri)) == uri
    hint = await scene.signed_in()
    found = await scene.logout(id_token_hint=hint, post_logout_redirect_uri=uri, state="s")
    assert location_of(found) == f"{uri}&state=s"


@pytest.mark.requirement("OIDCRIL-2/expired")
async def test_a_hint_is_good_long_after_it_expired(scene: Scene) -> None:
    hint = await scene.signed_in()
    scene.house.clock.advance(7 * 3_600)
    assert location_of(await scene.logout(id_token_hint=hint, post_logout_redirect_uri=BYE)) == BYE
    assert not await scene.names()


@pytest.mark.requirement("OIDCRIL-2/client-id")
async def test_client_id_beside_the_hint_has_to_be_the_same(scene: Scene) -> None:
    hint = await scene.signed_in()
    page = sign_out_page(
        await scene.logout(id_token_hint=hint, client_id="spa", post_logout_redirect_uri="https://spa.example/")
    )
    assert (page.redirect_host, page.client_name) == ("", "")
    assert await scene.names() == {"alice"}
    found = await scene.logout(id_token_hint=hint, client_id="web", post_logout_redirect_uri=BYE)
    assert location_of(found) == BYE


# covers: LGO-02
@pytest.mark.requirement("OIDCRIL-2/issuer")
@pytest.mark.requirement("OIDCRIL-2/ask-without-hint")
@pytest.mark.requirement("OIDCRIL-4/aborted")
@pytest.mark.parametrize("what", ["forged", "other issuer", "access token", "unsigned", "of nobody", "no token"])
async def test_a_hint_that_is_not_ours_is_as_good_as_none(scene: Scene, what: str) -> None:
    code = (await scene.visitor.granted())["code"]
    tokens = document(await scene.house.redeem(code))
    claims = claims_of(tokens["id_token"])
    header, payload, signature = tokens["id_token"].split(".")
    stranger = Jwk.generate("ES256")
    hint = {
        "forged": jwt.sign(claims, stranger, typ="JWT"),
        "other issuer": jwt.sign(claims | {"iss": "https://evil.example"}, stranger, typ="JWT"),
        "access token": tokens["access_token"],
        "unsigned": f"eyJhbGciOiJub25lIn0.{payload}.",
        "of nobody": jwt.sign(claims | {"aud": "unknown"}, stranger, typ="JWT"),
        "no token": f"{header}{signature}",
    }[what]
    page = sign_out_page(await scene.logout(id_token_hint=hint, post_logout_redirect_uri=BYE, state="s"))
    assert (page.account_name, page.redirect_host, page.client_name) == ("alice", "", "")
    assert await scene.names() == {"alice"}
    signed_out(await scene.visitor.submit(page.form, {}))
    assert not await scene.names()
    # And where nobody is signed in, it leads nowhere either.
    view = signed_out(await scene.logout(id_token_hint=hint, post_logout_redirect_uri=BYE))
    assert view.way_on is None


# covers: LGO-02
@pytest.mark.requirement("OIDCRIL-2/ask-other-end-user")
async def test_a_hint_of_somebody_else_asks_who_is_signed_in_and_leads_nowhere(scene: Scene) -> None:
    elsewhere = Scene(scene.house, Visitor(scene.house))
    hint = await elsewhere.signed_in(username="bob")
    await scene.signed_in()
    page = sign_out_page(await scene.logout(id_token_hint=hint, post_logout_redirect_uri=BYE))
    assert (page.account_name, page.redirect_host) == ("alice", "")
    signed_out(await scene.visitor.submit(page.form, {}))
    assert not await scene.names()
    assert await elsewhere.names() == {"bob"}


# covers: LGO-03
@pytest.mark.requirement("OIDCRIL-2/registered")
@pytest.mark.requirement("OIDCRIL-3/exact-match")
@pytest.mark.parametrize(
    "uri",
    [
        "https://web.example/bye/",
        "https://web.example/bye?x=1",
        "https://web.example/bye#x",
        "https://web.example:443/bye",
        "https://WEB.example/bye",
        "http://web.example/bye",
        "https://web.example/callback",
        "https://web.example/../bye",
        "https://web.example.evil.example/bye",
        "https://web.example@evil.example/bye",
        "//web.example/bye",
        "/bye",
        "javascript:alert(1)",
        "https://spa.example/",
    ],
)
async def test_an_address_that_is_not_registered_is_never_followed(scene: Scene, uri: str) -> None:
    hint = await scene.signed_in()
    page = sign_out_page(await scene.logout(id_token_hint=hint, post_logout_redirect_uri=uri, state="s"))
    assert page.is_address_refused
    assert page.form.redirect_source is None
    view = signed_out(await scene.visitor.submit(page.form, {"post_logout_redirect_uri": uri}))
    assert view.way_on is None
    assert signed_out(await scene.logout(id_token_hint=hint, post_logout_redirect_uri=uri)).way_on is None


# covers: LGO-03
@pytest.mark.requirement("OIDCRIL-3/without-hint")
@pytest.mark.parametrize("asked", [{}, {"client_id": "unknown"}, {"client_id": ""}], ids=str)
async def test_without_a_hint_or_a_client_no_address_is_followed(scene: Scene, asked: dict[str, str]) -> None:
    await scene.signed_in()
    page = sign_out_page(await scene.logout(post_logout_redirect_uri=BYE, **asked))
    assert page.redirect_host == ""
    signed_out(await scene.visitor.submit(page.form, {}))
    assert signed_out(await scene.logout(post_logout_redirect_uri=BYE, **asked)).way_on is None


# covers: LGO-01
@pytest.mark.requirement("OIDCRIL-2/log-out")
async def test_a_client_without_a_hint_is_followed_after_the_click_alone(scene: Scene) -> None:
    await scene.signed_in()
    asked = {"client_id": "web", "post_logout_redirect_uri": BYE, "state": "s"}
    page = sign_out_page(await scene.logout(**asked))
    assert (page.client_name, page.redirect_host) == ("Photo Prints", "web.example")
    assert page.form.redirect_source == "https://web.example"
    assert await scene.names() == {"alice"}
    done = await scene.visitor.submit(page.form, {})
    assert location_of(done) == f"{BYE}?state=s"
    # Nobody is signed in any more: the page offers the way, and leads nobody along it.
    view = signed_out(await scene.logout(**asked))
    assert (view.way_on, view.goes_on) == (f"{BYE}?state=s", False)


# covers: LGO-01
@pytest.mark.requirement("OIDCRIL-2/ask-without-hint")
async def test_every_other_profile_asks_although_there_is_a_hint() -> None:
    house = await build_house()
    scene = Scene(house, Visitor(house))
    hint = await scene.signed_in()
    page = sign_out_page(await scene.logout(id_token_hint=hint, post_logout_redirect_uri=BYE, state="s"))
    assert await scene.names() == {"alice"}
    assert location_of(await scene.visitor.submit(page.form, {})) == f"{BYE}?state=s"
    assert not await scene.names()


async def test_a_logout_whose_session_is_gone_goes_on_all_the_same(scene: Scene) -> None:
    hint = await scene.signed_in()
    asked = {"id_token_hint": hint, "post_logout_redirect_uri": BYE, "state": "s"}
    (stored,) = await scene.visitor.sessions()
    await scene.house.commit(EndSession(stored.session.sid, scene.house.clock.now))
    assert location_of(await scene.logout(**asked)) == f"{BYE}?state=s"
    scene.visitor.cookies.clear()
    assert location_of(await scene.logout(**asked)) == f"{BYE}?state=s"


async def test_an_ended_session_of_this_browser_takes_nobody_else_with_it(scene: Scene) -> None:
    hint = await scene.signed_in()
    (alice,) = await scene.visitor.sessions()
    await scene.visitor.sign_in(await scene.visitor.authorize(prompt="login"), "bob")
    await scene.house.commit(EndSession(alice.session.sid, scene.house.clock.now))
    assert location_of(await scene.logout(id_token_hint=hint, post_logout_redirect_uri=BYE)) == BYE
    assert await scene.names() == {"bob"}


async def test_of_several_accounts_the_hinted_one_leaves_and_the_page_offers_the_rest(scene: Scene) -> None:
    hint = await scene.signed_in()
    await scene.visitor.sign_in(await scene.visitor.authorize(prompt="login"), "bob")
    assert await scene.names() == {"alice", "bob"}
    before = dict(scene.visitor.cookies)
    view = signed_out(await scene.logout(id_token_hint=hint))
    assert view.staying_accounts == ("bob",)
    assert await scene.names() == {"bob"}
    assert scene.visitor.cookies[COOKIE] == before[COOKIE]
    assert view.everyone_form is not None
    signed_out(await scene.visitor.submit(view.everyone_form, {}))
    assert not await scene.names()
    assert COOKIE not in scene.visitor.cookies


async def test_the_question_names_who_leaves_and_who_stays() -> None:
    house = await build_house()
    scene = Scene(house, Visitor(house))
    hint = await scene.signed_in()
    await scene.visitor.sign_in(await scene.visitor.authorize(prompt="login"), "bob")
    one = sign_out_page(await scene.logout(id_token_hint=hint))
    assert (one.account_name, one.further_accounts, one.staying_accounts) == ("alice", (), ("bob",))
    everybody = sign_out_page(await scene.logout())
    assert {everybody.account_name, *everybody.further_accounts} == {"alice", "bob"}
    assert everybody.everyone_form is None
    by_name = sign_out_page(await scene.logout(logout_hint="bob"))
    assert (by_name.account_name, by_name.staying_accounts) == ("bob", ("alice",))
    assert sign_out_page(await scene.logout(logout_hint="carol")).further_accounts
    assert one.everyone_form is not None
    signed_out(await scene.visitor.submit(one.everyone_form, {}))
    assert not await scene.names()


async def test_what_was_shown_is_what_ends(scene: Scene) -> None:
    await scene.signed_in()
    page = sign_out_page(await scene.logout())
    await scene.visitor.sign_in(await scene.visitor.authorize(prompt="login"), "bob")
    signed_out(await scene.visitor.submit(page.form, {}))
    assert await scene.names() == {"bob"}


# covers: LGO-01
async def test_whom_a_form_signs_out_cannot_be_edited(scene: Scene) -> None:
    await scene.signed_in()
    page = sign_out_page(await scene.logout())
    await scene.visitor.sign_in(await scene.visitor.authorize(prompt="login"), "bob")
    bob = next(one for one in await scene.visitor.sessions() if one.end_user.username == "bob")
    hidden = dict(page.form.hidden)
    refused = error_page(await scene.visitor.post("/logout", hidden | {"who": bob.session.sid}))
    assert (refused.kind, refused.status) == (ErrorKind.FORGED_FORM, 403)
    assert await scene.names() == {"alice", "bob"}


async def test_the_way_on_of_a_form_is_judged_anew(scene: Scene) -> None:
    await scene.signed_in()
    page = sign_out_page(await scene.logout(client_id="web", post_logout_redirect_uri=BYE))
    edited = dict(page.form.hidden) | {"post_logout_redirect_uri": "https://evil.example/"}
    assert signed_out(await scene.visitor.post(page.form.action, edited)).way_on is None


@pytest.mark.requirement("OIDCRIL-2/get-and-post")
async def test_a_post_from_another_site_is_taken_up_by_a_get_that_brings_the_cookie(scene: Scene) -> None:
    hint = await scene.signed_in()
    asked = {"id_token_hint": hint, "post_logout_redirect_uri": BYE, "state": "s", "ui_locales": "de"}
    without_cookie = Visitor(scene.house)
    found = location_of(await without_cookie.ask("POST", "/logout", encode_form(asked)))
    assert found is not None
    assert found.startswith("/logout?logout=vk_in_")
    assert found.endswith("&ui_locales=de")
    assert hint not in found
    assert location_of(await scene.visitor.get(found)) == f"{BYE}?state=s"
    assert not await scene.names()


async def test_a_post_that_nobody_vouches_for_is_not_kept(scene: Scene) -> None:
    stranger = Visitor(scene.house)
    for asked in ({"client_id": "unknown"}, {"id_token_hint": "x"}, {"post_logout_redirect_uri": BYE}):
        assert location_of(await stranger.ask("POST", "/logout", encode_form(asked))) == "/logout"


async def test_a_kept_request_is_forgotten_and_no_other_interaction_is_one(scene: Scene) -> None:
    hint = await scene.signed_in()
    asked = {"id_token_hint": hint, "post_logout_redirect_uri": BYE}
    found = location_of(await Visitor(scene.house).ask("POST", "/logout", encode_form(asked)))
    assert found is not None
    scene.house.clock.advance(scene.house.server.policy.interaction_lifetime)
    sign_out_page(await scene.visitor.get(found))
    sign_out_page(await scene.visitor.get("/logout?logout=unknown"))
    waiting = Visitor(scene.house)
    login = dict(login_page(await waiting.authorize()).form.hidden)["interaction"]
    sign_out_page(await scene.visitor.get(f"/logout?logout={login}"))
    handle = found.partition("logout=")[2]
    assert error_page(await scene.visitor.get(f"/authorize?interaction={handle}")).status >= 400


async def test_a_stranger_leads_nobody_on_without_a_click() -> None:
    house = await build_house()
    registered = SelfRegistration(NOW, TokenDigest(b"r" * 32))
    await house.commit(PutClient(replace(clients()["web"], registration=registered)))
    scene = Scene(house, Visitor(house))
    hint = await scene.signed_in()
    page = sign_out_page(await scene.logout(id_token_hint=hint, post_logout_redirect_uri=BYE))
    assert page.is_unverified
    assert location_of(await scene.visitor.submit(page.form, {})) == BYE
    view = signed_out(await scene.logout(id_token_hint=hint, post_logout_redirect_uri=BYE))
    assert (view.way_on, view.goes_on, view.is_unverified) == (BYE, False, True)


async def test_a_native_client_comes_back_to_any_port_of_its_own_machine(scene: Scene) -> None:
    native = replace(clients()["native"], post_logout_redirect_uris=("http://127.0.0.1/bye",))
    await scene.house.commit(PutClient(native))
    hint = await scene.signed_in("native")
    uri = "http://127.0.0.1:41234/bye"
    assert location_of(await scene.logout(id_token_hint=hint, post_logout_redirect_uri=uri)) == uri


async def test_a_disabled_client_vouches_for_nothing(scene: Scene) -> None:
    hint = await scene.signed_in()
    await scene.house.commit(PutClient(replace(clients()["web"], disabled=True)))
    page = sign_out_page(await scene.logout(id_token_hint=hint, post_logout_redirect_uri=BYE))
    assert page.redirect_host == ""


async def test_a_hint_of_a_pairwise_client_names_whom_it_knows(scene: Scene) -> None:
    openid = OpenIdMetadata(subject_type=SubjectType.PAIRWISE)
    await scene.house.commit(PutClient(replace(clients()["web"], openid=openid)))
    hint = await scene.signed_in()
    assert claims_of(hint)["sub"] != "sub-alice"
    assert location_of(await scene.logout(id_token_hint=hint, post_logout_redirect_uri=BYE)) == BYE
    assert not await scene.names()


async def test_a_hint_under_the_clients_own_secret_is_believed(scene: Scene) -> None:
    mac = replace(
        clients()["mac"],
        id_token_signed_response_alg="HS256",
        scope=clients()["web"].scope,
        post_logout_redirect_uris=("https://mac.example/bye",),
    )
    await scene.house.commit(PutClient(mac))
    await scene.visitor.granted("mac", resource=None, scope="openid")
    (stored,) = await scene.visitor.sessions()
    claims = {"iss": ISSUER.url, "sub": "sub-alice", "aud": "mac", "exp": NOW + 60, "iat": NOW}
    key = Jwk.from_secret(MAC_SECRET.encode(), algorithm="HS256")
    hint = jwt.sign(claims | {"sid": stored.session.sid}, key, typ="JWT")
    asked = {"id_token_hint": hint, "post_logout_redirect_uri": "https://mac.example/bye"}
    assert location_of(await scene.logout(**asked)) == "https://mac.example/bye"


@pytest.mark.parametrize("query", ["state=a&state=b", "id_token_hint=a&id_token_hint=b"])
async def test_a_parameter_that_comes_twice_is_refused(scene: Scene, query: str) -> None:
    await scene.signed_in()
    assert error_page(await scene.visitor.get(f"/logout?{query}")).kind is ErrorKind.BAD_REQUEST
    assert await scene.names() == {"alice"}


async def test_a_page_in_another_language_stays_in_it(scene: Scene) -> None:
    await scene.signed_in()
    page = sign_out_page(await scene.logout(ui_locales="de", client_id="web"))
    assert page.form.action == "/logout?ui_locales=de"
    signed_out(await scene.visitor.submit(page.form, {}))


# covers: LGO-05
async def test_a_second_click_goes_where_the_first_one_went(scene: Scene) -> None:
    await scene.signed_in()
    page = sign_out_page(await scene.logout(client_id="web", post_logout_redirect_uri=BYE))
    cookies = dict(scene.visitor.cookies)
    assert location_of(await scene.visitor.submit(page.form, {})) == BYE
    scene.visitor.cookies = cookies
    assert location_of(await scene.visitor.submit(page.form, {})) == BYE


@pytest.mark.requirement("OIDCFCL-2/iss-and-sid")
@pytest.mark.requirement("OIDCFCL-2/keep-query")
async def test_the_signed_out_page_has_a_frame_for_each_client_that_wants_one(scene: Scene) -> None:
    named = OpenIdMetadata(
        frontchannel_logout_uri="https://web.example/out?of=web", frontchannel_logout_session_required=True
    )
    plain = OpenIdMetadata(frontchannel_logout_uri="https://spa.example/out")
    await scene.house.commit(
        PutClient(replace(clients()["web"], openid=named)), PutClient(replace(clients()["spa"], openid=plain))
    )
    hint = await scene.signed_in()
    await scene.visitor.granted("spa")
    await scene.visitor.granted("native")
    (stored,) = await scene.visitor.sessions()
    view = signed_out(await scene.logout(id_token_hint=hint, post_logout_redirect_uri=BYE, state="s"))
    sid = stored.session.sid
    assert set(view.frames) == {
        f"https://web.example/out?of=web&iss=https%3A%2F%2Fas.example&sid={sid}",
        "https://spa.example/out",
    }
    assert (view.way_on, view.goes_on, view.redirect_host) == (f"{BYE}?state=s", True, "web.example")
    # Nothing ended by a second request: there is nobody to tell.
    assert location_of(await scene.logout(id_token_hint=hint, post_logout_redirect_uri=BYE)) == BYE


async def test_a_client_of_another_session_gets_no_frame(scene: Scene) -> None:
    framed = OpenIdMetadata(frontchannel_logout_uri="https://spa.example/out")
    await scene.house.commit(PutClient(replace(clients()["spa"], openid=framed)))
    await Visitor(scene.house).granted("spa")
    hint = await scene.signed_in()
    assert signed_out(await scene.logout(id_token_hint=hint)).frames == ()


def test_the_names_of_the_parameters_are_the_registered_ones() -> None:
    assert {one.name for one in fields(LogoutRequest)} == {
        "id_token_hint", "logout_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales",
    }  # fmt: skip

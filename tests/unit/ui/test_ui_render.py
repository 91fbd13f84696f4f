"""Every view in every language: well-formed, escaped, with its stable ids and the headers it needs."""

from dataclasses import replace
from html.parser import HTMLParser

import pytest

from support.requirement import requirement
from support.sample_pages import CONSENT, DEV_HOME, ISSUER, LOGIN, REQUEST_ID, SAMPLES, TENANT
from valetkey.authorization_server.model import Tenant
from valetkey.authorization_server.pages import (
    ConsentMemory,
    ConsentScope,
    ErrorKind,
    ErrorPage,
    LoginProblem,
    Page,
    SignedOutPage,
)
from valetkey.oauth.http import HttpResponse
from valetkey.oauth.types import Issuer
from valetkey.ui.render import Renderer
from valetkey.ui.scope_list import consent_groups
from valetkey.ui.views import AnyPage, ClientKind, DemoCallback, DevClient, LinkKind, UiPage
from valetkey.ui.words import CLIENT_WORDS, ERROR_WORDS, LINK_WORDS, MEMORY_WORDS

RENDERER = Renderer()
HOSTILE = "<script>alert('x')</script>\"'&{{ 7*7 }}%s%(a)s"
DASH = "\N{EN DASH}"
VOID = {"meta", "link", "input", "img", "use"}
HTTPS = Issuer("https://login.example/t/north")


def rendered(page: AnyPage, language: str = "en", issuer: Issuer = ISSUER, tenant: Tenant = TENANT) -> HttpResponse:
    return RENDERER.render(page, tenant=tenant, issuer=issuer, accept_language=language, request_id=REQUEST_ID)


def html(page: AnyPage, language: str = "en") -> str:
    return rendered(page, language).body.decode()


class Outline(HTMLParser):
    """Reads a page strictly: every element closed in order, every id once."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.title = ""
        self.feed(text)
        self.close()
        assert self.open == []
        assert len(self.ids) == len(set(self.ids))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        assert len(attributes) == len(attrs), f"an attribute of {tag} is repeated"
        self.elements.append((tag, attributes))
        if attributes.get("id"):
            self.ids.append(str(attributes["id"]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "title":
            self.title += data

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def with_id(self, name: str) -> dict[str, str | None]:
        return next(attributes for _, attributes in self.elements if attributes.get("id") == name)


def outline(page: AnyPage, language: str = "en") -> Outline:
    return Outline(html(page, language))


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("name", SAMPLES)
def test_every_view_is_a_well_formed_page_with_one_heading_landmarks_and_a_title(name: str, language: str) -> None:
    page = outline(SAMPLES[name], language)
    (root,) = page.named("html")
    assert (root["lang"], root["dir"]) == (language, "ltr")
    assert len(page.named("h1")) == len(page.named("main")) == len(page.named("header")) == 1
    assert page.title.endswith(f" {DASH} Northwind")


@pytest.mark.parametrize("name", SAMPLES)
def test_every_view_reads_differently_in_the_second_language(name: str) -> None:
    assert outline(SAMPLES[name], "de").title != outline(SAMPLES[name], "en").title


@pytest.mark.parametrize("name", SAMPLES)
def test_no_page_holds_inline_script_or_style(name: str) -> None:
    page = outline(SAMPLES[name])
    assert page.named("style") == []
    assert all(script.get("src") for script in page.named("script"))
    for _, attributes in page.elements:
        assert "style" not in attributes
        assert not any(attribute.startswith("on") for attribute in attributes)


# covers: CON-01, CON-08, HTP-09
@requirement("RFC9700-4.16/clickjacking")
@pytest.mark.parametrize("name", SAMPLES)
def test_every_page_carries_a_policy_without_anything_unsafe(name: str) -> None:
    response = rendered(SAMPLES[name])
    policy = response.header("content-security-policy") or ""
    directives = dict(directive.partition(" ")[::2] for directive in policy.split("; "))
    assert "unsafe" not in policy
    assert "*" not in policy
    assert directives["default-src"] == directives["frame-ancestors"] == directives["base-uri"] == "'none'"
    assert directives["script-src"] == directives["style-src"] == directives["img-src"] == "'self'"
    assert directives["form-action"].startswith("'self'")
    assert response.header("x-frame-options") == "DENY"
    assert response.header("cross-origin-opener-policy") == "same-origin"
    assert response.header("x-content-type-options") == "nosniff"
    assert response.header("referrer-policy") == "no-referrer"
    assert response.header("permissions-policy")


# covers: HTP-08
@requirement("OAUTHFP-2/no-store")
@pytest.mark.parametrize("name", SAMPLES)
def test_no_page_is_kept_by_a_cache(name: str) -> None:
    response = rendered(SAMPLES[name], "de")
    assert response.header("cache-control") == "no-store"
    assert response.header("content-language") == "de"
    assert response.header("vary") == "accept-language"


def test_a_page_over_https_asks_the_browser_to_stay_there() -> None:
    assert rendered(Page(LOGIN), issuer=HTTPS).header("strict-transport-security") == "max-age=31536000"
    assert rendered(Page(LOGIN)).header("strict-transport-security") is None


@pytest.mark.parametrize(
    ("source", "allowed"),
    [
        (None, "'self'"),
        ("https://prints.example", "'self' https://prints.example"),
        ("http://127.0.0.1:51004", "'self' http://127.0.0.1:51004"),
        ("com.example.prints:", "'self' com.example.prints:"),
        ("http://[::1]:51004", "'self' http:"),
        ("https://under_score.example", "'self' https:"),
        ("https://a.example; script-src *", "'self' https:"),
    ],
)
def test_a_form_may_end_at_its_verified_redirect_and_nowhere_else(source: str | None, allowed: str) -> None:
    page = Page(replace(LOGIN, form=replace(LOGIN.form, redirect_source=source)))
    policy = rendered(page).header("content-security-policy") or ""
    assert policy.endswith(f"form-action {allowed}")


def test_a_redirect_source_without_a_scheme_is_our_bug() -> None:
    page = Page(replace(LOGIN, form=replace(LOGIN.form, redirect_source="'unsafe-inline'")))
    with pytest.raises(ValueError, match="origin or a scheme"):
        rendered(page)


@pytest.mark.parametrize(
    "page",
    [
        Page(replace(LOGIN, client_name=HOSTILE, redirect_host=HOSTILE, username=HOSTILE)),
        Page(replace(LOGIN, form=replace(LOGIN.form, action=HOSTILE, hidden=((HOSTILE, HOSTILE),)))),
        Page(
            replace(
                CONSENT,
                client_name=HOSTILE,
                redirect_host=HOSTILE,
                account_name=HOSTILE,
                scopes=(
                    ConsentScope(HOSTILE, None, None),
                    ConsentScope("a", HOSTILE, HOSTILE),
                    ConsentScope(HOSTILE, None, HOSTILE),
                ),
            )
        ),
        Page(ErrorPage(ErrorKind.BAD_REQUEST, HOSTILE, 400, HOSTILE)),
        UiPage(DemoCallback(HOSTILE, HOSTILE, HOSTILE, HOSTILE)),
        UiPage(DemoCallback(error=HOSTILE)),
        UiPage(
            replace(
                DEV_HOME,
                curl=HOSTILE,
                links=((LinkKind.API, HOSTILE),),
                clients=(DevClient(ClientKind.WEB, HOSTILE, HOSTILE, (HOSTILE,)),),
            )
        ),
    ],
)
@pytest.mark.parametrize("language", ["en", "de"])
def test_whatever_is_shown_is_shown_as_text(page: AnyPage, language: str) -> None:
    tenant = replace(TENANT, display_name=HOSTILE)
    text = rendered(page, language, tenant=tenant).body.decode()
    assert "<script>alert" not in text
    assert "&lt;script&gt;" in text
    assert "49" not in Outline(text).title
    assert all(script.get("src") for script in Outline(text).named("script"))


def test_the_sign_in_form_has_its_stable_ids_and_tells_password_stores_what_it_asks() -> None:
    page = outline(Page(replace(LOGIN, username="alice")))
    username, password = page.with_id("login-username"), page.with_id("login-password")
    assert (username["name"], username["autocomplete"], username["value"]) == ("username", "username", "alice")
    assert (password["name"], password["autocomplete"], password["type"]) == (
        "password",
        "current-password",
        "password",
    )
    assert page.with_id("login-submit")["type"] == "submit"
    assert {label["for"] for label in page.named("label")} == {"login-username", "login-password"}
    assert page.title.startswith("Sign in to continue to Photo Prints")


def test_a_form_carries_every_hidden_field_to_its_action() -> None:
    page = outline(Page(LOGIN))
    (form,) = page.named("form")
    assert (form["method"], form["action"]) == ("post", "/login")
    hidden = [(field["name"], field["value"]) for field in page.named("input") if field.get("type") == "hidden"]
    assert hidden == list(LOGIN.form.hidden)


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("problem", LoginProblem)
def test_every_sign_in_problem_has_its_words_tied_to_both_fields(problem: LoginProblem, language: str) -> None:
    view = replace(LOGIN, username="alice", problem=problem, retry_after=61)
    page = outline(Page(view), language)
    assert page.with_id("login-problem")["role"] == "alert"
    assert page.with_id("login-username")["aria-describedby"] == "login-problem"
    assert page.with_id("login-password")["aria-describedby"] == "login-problem"
    texts = {html(Page(replace(view, problem=other)), language) for other in LoginProblem}
    assert len(texts) == len(LoginProblem)


def test_a_wait_is_told_in_whole_minutes_never_too_short() -> None:
    def told(seconds: int) -> str:
        return html(Page(replace(LOGIN, problem=LoginProblem.TOO_MANY_ATTEMPTS, retry_after=seconds)))

    assert "in one minute" in told(60)
    assert "in 2 minutes" in told(61)


def test_a_throttled_sign_in_says_when_to_come_back_and_the_endpoint_knows_better() -> None:
    page = Page(replace(LOGIN, problem=LoginProblem.TOO_MANY_ATTEMPTS, retry_after=90))
    response = rendered(page)
    assert (response.status, response.header("retry-after")) == (429, "90")
    told = rendered(replace(page, headers=(("retry-after", "91"),)))
    assert [value for name, value in told.headers if name == "retry-after"] == ["91"]
    busy = rendered(Page(replace(LOGIN, problem=LoginProblem.BUSY)))
    assert (busy.status, busy.header("retry-after")) == (503, "2")


def test_the_consent_form_has_its_stable_ids_and_denying_is_as_easy_as_allowing() -> None:
    page = outline(Page(CONSENT))
    allow, deny = page.with_id("consent-allow"), page.with_id("consent-deny")
    assert (allow["name"], allow["value"]) == ("answer", "allowed")
    assert (deny["name"], deny["value"]) == ("answer", "denied")
    # The other one is for who is not the person named.
    assert len(page.named("form")) == 2
    assert page.with_id("consent-another")["value"] == "another"


def test_consent_says_who_asks_for_what_in_words_and_what_stays_hidden() -> None:
    text = html(Page(CONSENT))
    for words in ("Photo Prints", "prints.example", "alice", "See your email address", "See your albums"):
        assert words in text
    assert "It will not see your password." in text
    assert "photos.read" not in text
    assert "openid" not in text


def test_consent_says_what_is_remembered_and_whether_the_access_outlives_the_session() -> None:
    remembered = html(Page(replace(CONSENT, memory=ConsentMemory.REMEMBERED, outlives_session=False)))
    asked_again = html(Page(replace(CONSENT, memory=ConsentMemory.ASKED_AGAIN, outlives_session=True)))
    assert "do not ask again" in remembered
    assert "ends when you sign out" in remembered
    assert "ask you again next time" in asked_again
    assert "after you sign out" in asked_again


def test_rights_are_grouped_by_the_resource_server_that_they_open() -> None:
    groups = consent_groups(
        (
            ConsentScope("b", "Second", "Two"),
            ConsentScope("email", None, None),
            ConsentScope("openid", None, None),
            ConsentScope("a", "First", "One"),
            ConsentScope("c", "Third", "Two"),
        )
    )
    assert [(group.resource_name, [right.name for right in group.rights]) for group in groups] == [
        (None, ["openid", "email"]),
        ("Two", ["b", "c"]),
        ("One", ["a"]),
    ]


def test_a_resource_servers_own_email_scope_is_not_explained_in_our_words() -> None:
    ((right,),) = [group.rights for group in consent_groups((ConsentScope("email", None, "Mail API"),))]
    assert right.message is None


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("kind", ErrorKind)
def test_every_error_says_what_happened_whose_turn_it_is_and_a_reference(kind: ErrorKind, language: str) -> None:
    page = Page(ErrorPage(kind, "some_code", 418))
    response = rendered(page, language)
    text = response.body.decode()
    assert response.status == 418
    assert outline(page, language).named("main")[0]["data-error"] == "some_code"
    assert REQUEST_ID in text
    words = ERROR_WORDS[kind]
    for sentence in (words.title, words.happened, words.next_step):
        assert (sentence in text) is (language == "en")


def test_the_tables_of_words_leave_nothing_out() -> None:
    assert set(ERROR_WORDS) == set(ErrorKind)
    assert set(MEMORY_WORDS) == set(ConsentMemory)
    assert set(CLIENT_WORDS) == set(ClientKind)
    assert set(LINK_WORDS) == set(LinkKind)


def test_signing_out_asks_and_then_says_so() -> None:
    assert outline(SAMPLES["sign-out"]).with_id("logout-confirm")["type"] == "submit"
    assert "data-signed-out" in outline(Page(SignedOutPage())).named("main")[0]


def test_a_page_brings_its_cookies() -> None:
    cookies = (("set-cookie", "a=1"), ("set-cookie", "b=2"))
    response = rendered(Page(SignedOutPage(), cookies))
    assert [header for header in response.headers if header[0] == "set-cookie"] == list(cookies)


def test_links_and_files_stand_under_the_path_of_the_issuer() -> None:
    text = rendered(SAMPLES["callback"], issuer=HTTPS).body.decode()
    page = Outline(text)
    urls = [link["href"] or "" for link in (*page.named("link"), *page.named("a"), *page.named("use"))]
    assert urls
    assert all(url.startswith("/t/north/") for url in urls)


def test_a_page_for_no_tenant_carries_the_name_of_the_server() -> None:
    nobody = replace(TENANT, display_name="")
    page = Page(ErrorPage(ErrorKind.NOT_FOUND, "not_found", 404))
    assert Outline(rendered(page, tenant=nobody).body.decode()).title.endswith(f" {DASH} localhost:9000")


def test_the_callback_page_masks_the_code_outside_of_the_command_line() -> None:
    shown = html(UiPage(DemoCallback(code="vk_ac_0123456789abcdef", state="s", issuer="i")))
    assert "vk_ac_0123…" in shown
    assert "456789" not in shown
    assert rendered(UiPage(DemoCallback(error="access_denied"))).status == 400

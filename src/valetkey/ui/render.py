"""Renderer: a page becomes a response, in the language that the browser asked for, with every header it needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, assert_never
from urllib.parse import urlsplit

from valetkey.authorization_server import paths
from valetkey.authorization_server.model import Tenant
from valetkey.authorization_server.pages import (
    AccountNotice,
    AccountPage,
    AccountProblem,
    ConsentPage,
    DeviceAnswerPage,
    DeviceCodePage,
    DeviceDonePage,
    DeviceProblem,
    ErrorKind,
    ErrorPage,
    FormPostPage,
    FormTarget,
    LeavingPage,
    LoginPage,
    LoginProblem,
    SessionFramePage,
    SignedOutPage,
    SignOutPage,
)
from valetkey.authorization_server.proof_pages import CodeProblem, FactorProblem, OneTimeCodePage, SelectAccountPage
from valetkey.jose.records import dataclass
from valetkey.oauth.http import HttpResponse
from valetkey.oauth.types import Issuer
from valetkey.ui.accent import Colour
from valetkey.ui.assets import Manifest, load_manifest
from valetkey.ui.jwt_debugger import debugger_tables
from valetkey.ui.languages import Language, Languages, load_languages
from valetkey.ui.moments import moment
from valetkey.ui.scope_list import consent_groups
from valetkey.ui.security_headers import frame_headers, page_headers
from valetkey.ui.views import AnyPage, AnyView, DemoCallback, DevHome, JwtDebugger
from valetkey.ui.words import (
    ACCOUNT_PROBLEM_WORDS,
    CLIENT_PAGE_WORDS,
    CLIENT_WORDS,
    ERROR_WORDS,
    LINK_WORDS,
    MEMORY_WORDS,
)

if TYPE_CHECKING:
    from collections.abc import Callable

_MINUTE: Final = 60
_BUSY_SECONDS: Final = 2
_LOGIN_STATUS: Final[Mapping[LoginProblem | None, int]] = {
    None: 200,
    # 401 would ask the browser for its own dialog (RFC 9110, 15.5.2); the page itself is the right answer.
    LoginProblem.WRONG_CREDENTIALS: 200,
    LoginProblem.TOO_MANY_ATTEMPTS: 429,
    LoginProblem.BUSY: 503,
}
_ANSWERED: Final = frozenset({ErrorKind.INTERACTION_FINISHED})
"""Errors at which the end-user is most likely signed in, with nothing left to answer."""
_ACCOUNT_STATUS: Final[Mapping[AccountProblem | None, int]] = {
    AccountProblem.TOO_MANY_ATTEMPTS: 429,
    AccountProblem.BUSY: 503,
}


_FACTOR_STATUS: Final[Mapping[FactorProblem | None, int]] = {
    FactorProblem.TOO_MANY_ATTEMPTS: 429,
    FactorProblem.BUSY: 503,
}


@dataclass(frozen=True, slots=True)
class _Shape:
    """What a view makes of its response."""

    template: str
    values: Mapping[str, object]
    status: int = 200
    redirect_source: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    frames: tuple[str, ...] = ()
    framed_by: tuple[str, ...] | None = None
    """Whose pages may frame it; None for a page that nobody may."""

    def guards(self, issuer: Issuer) -> tuple[tuple[str, str], ...]:
        """The headers that say what it may do, and what may be done with it."""
        if self.framed_by is not None:
            return frame_headers(issuer, self.framed_by)
        return page_headers(issuer, self.redirect_source, self.frames)


class Renderer:
    """Templates and languages, compiled and read once; safe to share between requests."""

    def __init__(self, languages: Languages | None = None) -> None:
        self._languages = languages or load_languages()
        self._manifest = load_manifest()
        from valetkey.ui.compiled_templates import compiled_templates  # noqa: PLC0415 - only a server needs jinja2

        self._templates = compiled_templates()

    def render(
        self,
        page: AnyPage,
        *,
        tenant: Tenant,
        issuer: Issuer,
        accept_language: str | None,
        ui_locales: str | None = None,
        request_id: str,
    ) -> HttpResponse:
        """Return the page as HTML; `ui_locales` (OpenID Connect Core, 3.1.2.1) outweighs `accept_language`."""
        language = self._languages.chosen(ui_locales=ui_locales, accept_language=accept_language)
        shape = _shape(page.view, language)
        surroundings = _Surroundings(tenant, issuer, language, self._manifest, request_id)
        html = self._templates[shape.template].render({**surroundings.values, "view": page.view, **shape.values})
        return HttpResponse(
            shape.status,
            (
                ("content-type", "text/html; charset=utf-8"),
                ("content-language", language.tag),
                ("vary", "accept-language"),
                *shape.guards(issuer),
                *_further(shape, page.headers),
            ),
            html.encode(),
        )


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """What every template may use beside its view."""

    tenant: Tenant
    issuer: Issuer
    language: Language
    manifest: Manifest
    request_id: str

    @property
    def values(self) -> dict[str, object]:
        return {
            "_": _translated(self.language),
            "ngettext": _counted(self.language),
            "language": self.language,
            # A page for an address of no tenant has the server's own name.
            "tenant_name": self.tenant.display_name or urlsplit(self.issuer.url).netloc,
            "issuer": self.issuer,
            "asset": self._asset,
            "account": self.issuer.path + paths.ACCOUNT,
            "accent": self.issuer.path + self.manifest.accent(Colour.parse(self.tenant.accent)),
            "request_id": self.request_id,
        }

    def _asset(self, name: str) -> str:
        return self.issuer.path + self.manifest.path(name)


def _shape(view: AnyView, language: Language) -> _Shape:  # noqa: C901, PLR0912 - a case for each member
    match view:
        case LoginPage():
            return _login_shape(view)
        case SelectAccountPage():
            values: dict[str, object] = {"moment": lambda at: moment(at, view.now)}
            return _Shape("select_account.html", values, redirect_source=view.form.redirect_source)
        case OneTimeCodePage():
            return _one_time_code_shape(view)
        case ConsentPage():
            groups = {"groups": consent_groups(view.scopes, view.claims)}
            words = {"memory": MEMORY_WORDS[view.memory], "page_words": CLIENT_PAGE_WORDS}
            return _Shape("consent.html", {**groups, **words}, redirect_source=view.form.redirect_source)
        case DeviceCodePage():
            return _device_code_shape(view)
        case DeviceAnswerPage():
            return _Shape("device_answer.html", {"groups": consent_groups(view.scopes)})
        case DeviceDonePage():
            return _Shape("device_done.html", {})
        case ErrorPage():
            return _Shape(
                "error.html",
                {"words": ERROR_WORDS[view.kind], "goes_to_account": view.kind in _ANSWERED},
                view.status,
            )
        case LeavingPage():
            return _leaving_shape(view)
        case FormPostPage():
            return _Shape("form_post.html", {}, redirect_source=view.form.redirect_source)
        case SignOutPage():
            return _Shape("sign_out.html", {}, redirect_source=view.form.redirect_source)
        case SignedOutPage():
            return _Shape("signed_out.html", {}, frames=view.frames)
        case SessionFramePage():
            return _Shape("check_session.html", {}, framed_by=view.framed_by)
        case AccountPage():
            return _account_shape(view)
        case DevHome():
            return _Shape("dev_home.html", {"client_words": CLIENT_WORDS, "link_words": LINK_WORDS})
        case DemoCallback():
            return _Shape("demo_callback.html", {}, 200 if view.error is None else 400)
        case JwtDebugger():
            return _Shape("jwt_debugger.html", {"tables": debugger_tables(language.catalogue.gettext)})
        case _:
            assert_never(view)


def _leaving_shape(view: LeavingPage) -> _Shape:
    form = view.way_out if isinstance(view.way_out, FormTarget) else None
    return _Shape("leaving.html", {"form": form}, view.status, None if form is None else form.redirect_source)


def _login_shape(view: LoginPage) -> _Shape:
    values = {"problem": LoginProblem, "wait_minutes": -(-view.retry_after // _MINUTE)}
    status = _LOGIN_STATUS[view.problem]
    wait = view.retry_after or _BUSY_SECONDS
    headers = () if status == _LOGIN_STATUS[None] else (("retry-after", str(wait)),)
    return _Shape("login.html", values, status, view.form.redirect_source, headers)


def _one_time_code_shape(view: OneTimeCodePage) -> _Shape:
    is_too_many = view.problem is CodeProblem.TOO_MANY_ATTEMPTS
    values = {"problem": CodeProblem, "wait_minutes": -(-view.retry_after // _MINUTE)}
    headers = (("retry-after", str(view.retry_after)),) if is_too_many else ()
    source = view.form.redirect_source
    return _Shape("one_time_code.html", values, 429 if is_too_many else 200, source, headers)


def _device_code_shape(view: DeviceCodePage) -> _Shape:
    is_too_many = view.problem is DeviceProblem.TOO_MANY_ATTEMPTS
    compares = view.came_with_link and view.problem is None
    described = ("device-problem",) if view.problem is not None else ("device-compare",) if compares else ()
    values = {
        "problem": DeviceProblem,
        "wait_minutes": -(-view.retry_after // _MINUTE),
        "described": " ".join((*described, "device-hint")),
    }
    headers = (("retry-after", str(view.retry_after)),) if is_too_many else ()
    return _Shape("device_code.html", values, 429 if is_too_many else 200, None, headers)


def _account_shape(view: AccountPage) -> _Shape:
    values = {
        "problem": AccountProblem,
        "notice": AccountNotice,
        "wait_minutes": -(-view.retry_after // _MINUTE),
        "words": None if view.problem is None else ACCOUNT_PROBLEM_WORDS.get(view.problem),
        "groups_of": lambda client: consent_groups(client.scopes, client.claims),
        "moment": lambda at: moment(at, view.now),
        "factor_problem": FactorProblem,
        "factor_wait_minutes": -(-view.second_factor.retry_after // _MINUTE),
    }
    status = _ACCOUNT_STATUS.get(view.problem, 200)
    return _Shape(
        "account.html", values, _FACTOR_STATUS.get(view.second_factor.problem, status), None, _retry(view)
    )


def _retry(view: AccountPage) -> tuple[tuple[str, str], ...]:
    part = view.second_factor
    waits = view.problem in _ACCOUNT_STATUS or part.problem in _FACTOR_STATUS
    return (("retry-after", str(view.retry_after or part.retry_after or _BUSY_SECONDS)),) if waits else ()


def _further(shape: _Shape, own: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """The headers that the view brings and those of the page, which know better."""
    said = {name for name, _ in own}
    return (*(header for header in shape.headers if header[0] not in said), *own)


def _translated(language: Language) -> Callable[..., str]:
    from markupsafe import Markup  # noqa: PLC0415 - only a server needs it

    def gettext(message: str, **values: object) -> str:
        # The sentence is ours and may hold markup; what is put into it is escaped.
        return Markup(language.catalogue.gettext(message)) % values  # noqa: S704 - a msgid or its translation

    return gettext


def _counted(language: Language) -> Callable[..., str]:
    from markupsafe import Markup  # noqa: PLC0415 - only a server needs it

    def ngettext(one: str, many: str, count: int, **values: object) -> str:
        sentence = language.catalogue.ngettext(one, many, count)
        return Markup(sentence) % {"count": count, **values}  # noqa: S704 - a msgid or its translation

    return ngettext

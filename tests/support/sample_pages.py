"""One page of every kind with the values that strain it: what tests and screenshots look at."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from valetkey.authorization_server.client_pages import ClientPage, ClientPageKind
from valetkey.authorization_server.model import Tenant
from valetkey.authorization_server.pages import (
    AccountClient,
    AccountNotice,
    AccountPage,
    AccountProblem,
    AccountSession,
    ConsentMemory,
    ConsentPage,
    ConsentScope,
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
    Page,
    SignedOutPage,
    SignOutPage,
)
from valetkey.authorization_server.proof_pages import (
    ChoosableAccount,
    CodeProblem,
    EnrolmentView,
    FactorProblem,
    OneTimeCodePage,
    SecondFactorSection,
    SelectAccountPage,
)
from valetkey.oauth.types import Issuer, TenantId
from valetkey.ui.jwt_debugger import DEBUGGER
from valetkey.ui.views import (
    AnyPage,
    ClientKind,
    DemoCallback,
    DevClient,
    DevHome,
    DevUser,
    LinkKind,
    UiPage,
)

ISSUER = Issuer("http://localhost:9000")
TENANT = Tenant(TenantId("default"), "Northwind", "oauth-2.1")
REQUEST_ID = "01JDB2Q8Z4N7T6"

LONG_NAME = "Regional Photo Archive and Print Service for Members of the Northern Associations"
LONG_NAME = LONG_NAME[:80]

_HIDDEN = (("interaction", "sample-interaction"), ("csrf", "sample-token"))
_LOGIN_FORM = FormTarget("/login", _HIDDEN, "https://prints.example")
_CONSENT_FORM = FormTarget("/consent", _HIDDEN, "https://prints.example")

_SCOPES = (
    ConsentScope("openid", None, None),
    ConsentScope("profile", None, None),
    ConsentScope("email", None, None),
    ConsentScope("photos.read", "See your albums", "Photo API"),
    ConsentScope("photos.write", "Add photos to your albums", "Photo API"),
)
_EVERY_SCOPE = (
    *_SCOPES[:3],
    ConsentScope("address", None, None),
    ConsentScope("phone", None, None),
    ConsentScope("offline_access", None, None),
    *_SCOPES[3:],
    ConsentScope("https://archive.example/scopes/records.read", None, "Archive"),
)

LOGIN = LoginPage(_LOGIN_FORM, "Photo Prints", "prints.example")
SINGLE_CLAIMS = (
    "birthdate",
    "email",
    "email_verified",
    "given_name",
    "name",
    "urn:example:membership-number",
    "team",
)
CONSENT = ConsentPage(
    _CONSENT_FORM,
    "Photo Prints",
    "prints.example",
    "alice",
    _SCOPES,
    ConsentMemory.REMEMBERED,
    outlives_session=False,
)
UNVERIFIED_CONSENT = replace(
    CONSENT,
    client_name="Inspector",
    redirect_host="localhost:6274",
    memory=ConsentMemory.ASKED_AGAIN,
    is_unverified=True,
    client_pages=(
        ClientPage(ClientPageKind.POLICY, "https://inspector.example/privacy", "inspector.example"),
        ClientPage(ClientPageKind.TERMS, "https://legal.inspector.example/terms", "legal.inspector.example"),
    ),
    pages_are_links=False,
)
PAGED_CONSENT = replace(
    CONSENT,
    client_pages=(
        ClientPage(ClientPageKind.HOME, "https://prints.example/", "prints.example"),
        ClientPage(ClientPageKind.POLICY, "https://prints.example/privacy", "prints.example"),
        ClientPage(ClientPageKind.TERMS, "https://legal.prints.example/terms", "legal.prints.example"),
    ),
)
LEAVING = LeavingPage(
    "access_denied",
    400,
    "Inspector",
    "inspector.example",
    "https://inspector.example/callback?error=access_denied&state=1",
)
FORM_POST = FormPostPage(
    FormTarget(
        "/callback",
        (("code", "sample-code"), ("state", "sample-state"), ("iss", ISSUER.url)),
        "https://prints.example",
    ),
    "Photo Prints",
    "prints.example",
)
_DEVICE_FORM = FormTarget("/device", _HIDDEN)
DEVICE_CODE = DeviceCodePage(_DEVICE_FORM)
DEVICE_ANSWER = DeviceAnswerPage(
    _DEVICE_FORM, "Living Room TV", "alice", (*_SCOPES[:2], *_SCOPES[3:4]), outlives_session=True
)
DEV_HOME = DevHome(
    users=(
        DevUser("alice", "maple-harbor-violet-29", "end-user"),
        DevUser("admin", "copper-lantern-rain-84", "admin"),
    ),
    clients=(
        DevClient(
            ClientKind.WEB,
            "demo-web",
            "vk_cs_sampleOnly_0123456789abcdefghijklmnopqrstu",
            ("http://localhost:9000/demo/callback",),
        ),
        DevClient(ClientKind.SPA, "demo-spa", None, ("http://localhost:5173/callback",)),
        DevClient(ClientKind.NATIVE, "demo-native", None, ("http://127.0.0.1/callback", "http://[::1]/callback")),
        DevClient(ClientKind.MACHINE, "demo-machine", "vk_cs_sampleOnly_uvwxyz0123456789abcdefghijklmno"),
        DevClient(ClientKind.TV, "demo-tv"),
        DevClient(ClientKind.GATEWAY, "demo-gateway", "vk_cs_sampleOnly_zyxwvu9876543210abcdefghijklmno"),
    ),
    links=(
        (LinkKind.OPENID_CONFIGURATION, "/.well-known/openid-configuration"),
        (LinkKind.SERVER_METADATA, "/.well-known/oauth-authorization-server"),
        (LinkKind.JWKS, "/jwks.json"),
        (LinkKind.API, "/api"),
        (LinkKind.HEALTH, "/healthz"),
    ),
    curl='curl -s http://localhost:9001/photos -H "authorization: Bearer $(curl -s http://localhost:9000/token'
    " -u 'demo-machine:vk_cs_sampleOnly_uvwxyz0123456789abcdefghijklmno' -d grant_type=client_credentials"
    ' | python3 -c \'import json,sys; print(json.load(sys.stdin)["access_token"])\')"',
    device_curl="curl -s -d client_id=demo-tv -d scope=photos.read http://localhost:9000/device_authorization",
    debugger="/playground/jwt",
)
DEMO_CALLBACK = DemoCallback(
    code="vk_ac_sampleOnly_0123456789abcdefghijklmnopqrstu",
    state="3pWm1bq0vY9cSg6kQvT2hA",
    issuer="http://localhost:9000",
    curl="curl -s http://localhost:9000/token \\\n"
    "  -u 'demo-web:vk_cs_sampleOnly_0123456789abcdefghijklmnopqrstu' \\\n"
    "  -d grant_type=authorization_code \\\n  -d code=vk_ac_sampleOnly_0123456789abcdefghijklmnopqrstu \\\n"
    "  -d redirect_uri=http://localhost:9000/demo/callback \\\n  -d code_verifier=Vb0mSampleVerifier",
)

# An access token as many are: somebody will have something to remark.
SAMPLE_TOKEN = (
    "eyJhbGciOiJFUzI1NiIsImtpZCI6IjIwMjMtMTEiLCJ0eXAiOiJKV1QifQ.eyJpc3MiOiJodHRwczovL2xvZ2luLmV4YW1wbGUiLCJzdWIiO"
    "iJhbGljZSIsImF1ZCI6Imh0dHBzOi8vYXBpLmV4YW1wbGUiLCJjbGllbnRfaWQiOiJwaG90by1wcmludHMiLCJzY29wZSI6ImFsYnVtcy5yZ"
    "WFkIiwiaWF0IjoxNzAwMDAwMDAwLCJleHAiOjE3MDAwMDAzMDB9.c2FtcGxlIHNpZ25hdHVyZTogbm9ib2R5IGhhcyBtYWRlIGl0IHdpdGgg"
    "YW55IGtleSBvZiB0aGlzIGRlbW8uLg"
)

_NOW = 1_800_000_000
_DAY = 86_400
_ACCOUNT_FORM = FormTarget("/account", (("act", "sample"), ("target", ""), ("csrf", "sample-token")))
ACCOUNT = AccountPage(
    username="alice",
    name="Alice Example",
    now=_NOW,
    password_form=_ACCOUNT_FORM,
    everywhere_form=_ACCOUNT_FORM,
    second_factor=SecondFactorSection(_ACCOUNT_FORM),
    sessions=(
        AccountSession(_NOW - 7_300, _NOW - 20, None),
        AccountSession(_NOW - 3 * _DAY, _NOW - 2_400, _ACCOUNT_FORM),
        AccountSession(_NOW - _DAY, _NOW - 4_000, _ACCOUNT_FORM),
    ),
    clients=(
        AccountClient("Photo Prints", "prints.example", _SCOPES, _NOW - 4 * _DAY, True, False, _ACCOUNT_FORM),
        AccountClient("Album Desk", "127.0.0.1", _SCOPES[3:], _NOW - 90, True, True, _ACCOUNT_FORM, ("birthdate",)),
    ),
)
SET_UP = SecondFactorSection(_ACCOUNT_FORM, set_up_at=_NOW - 40 * _DAY)
ENROLLING = SecondFactorSection(
    _ACCOUNT_FORM,
    enrolment=EnrolmentView(
        _ACCOUNT_FORM, "/account/second-factor.svg?enrolment=sample", "JBSW Y3DP EHPK 3PXP JBSW Y3DP EHPK 3PXP"
    ),
)
SELECT_ACCOUNT = SelectAccountPage(
    FormTarget("/select-account", _HIDDEN, "https://prints.example"),
    "Photo Prints",
    "prints.example",
    (
        ChoosableAccount("1", "alice", "Alice Example", _NOW - 20),
        ChoosableAccount("2", "bob", None, _NOW - 8_000),
    ),
    _NOW,
)
ONE_TIME_CODE = OneTimeCodePage(
    FormTarget("/one-time-code", _HIDDEN, "https://prints.example"), "Photo Prints", "prints.example", "alice"
)
_STRAINED = replace(
    ACCOUNT,
    username="a.very.long.account.name@post.northern-associations.example",
    name=LONG_NAME,
    clients=(
        AccountClient(
            LONG_NAME,
            "members.northern-associations.example",
            _EVERY_SCOPE,
            _NOW - 300 * _DAY,
            has_access=False,
            outlives_session=False,
            withdraw_form=_ACCOUNT_FORM,
        ),
        AccountClient("Nightly", "", (), _NOW, True, True, _ACCOUNT_FORM),
    ),
)

_EVERYONE = FormTarget("/logout", _HIDDEN)
SIGN_OUT_ASKED = SignOutPage(
    FormTarget("/logout", _HIDDEN),
    "alice",
    further_accounts=("alice.example@a-rather-long-host-name.example",),
    staying_accounts=("bob", "carol"),
    everyone_form=_EVERYONE,
    client_name="Photo Prints",
    redirect_host="prints.example",
    is_unverified=True,
)
SIGNED_OUT_STRANGER = SignedOutPage(
    way_on="https://prints.example/bye",
    redirect_host="prints.example",
    client_name="Photo Prints",
    is_unverified=True,
)
SAMPLES: Mapping[str, AnyPage] = MappingProxyType(
    {
        "login": Page(LOGIN),
        "login-long-name": Page(LoginPage(_LOGIN_FORM, LONG_NAME, "members.northern-associations.example")),
        "login-wrong": Page(
            LoginPage(_LOGIN_FORM, "Photo Prints", "prints.example", "alice", LoginProblem.WRONG_CREDENTIALS)
        ),
        "login-too-many": Page(
            LoginPage(_LOGIN_FORM, "Photo Prints", "prints.example", "alice", LoginProblem.TOO_MANY_ATTEMPTS, 300)
        ),
        "login-busy": Page(LoginPage(_LOGIN_FORM, "Photo Prints", "prints.example", "alice", LoginProblem.BUSY)),
        "consent": Page(CONSENT),
        "consent-everything": Page(
            ConsentPage(
                _CONSENT_FORM,
                LONG_NAME,
                "members.northern-associations.example",
                "a.very.long.account.name@post.northern-associations.example",
                _EVERY_SCOPE,
                ConsentMemory.ASKED_AGAIN,
                outlives_session=True,
            )
        ),
        "consent-with-pages": Page(PAGED_CONSENT),
        "consent-claims": Page(replace(CONSENT, scopes=_SCOPES[:1], claims=SINGLE_CLAIMS)),
        "consent-unverified": Page(UNVERIFIED_CONSENT),
        "consent-unverified-links": Page(replace(UNVERIFIED_CONSENT, pages_are_links=True, client_name=LONG_NAME)),
        "consent-by-url": Page(replace(UNVERIFIED_CONSENT, client_site="apps.example")),
        "leaving": Page(LEAVING),
        "leaving-stranger": Page(replace(LEAVING, code="invalid_scope", client_name=LONG_NAME, way_out=None)),
        "leaving-by-form": Page(replace(LEAVING, way_out=FORM_POST.form)),
        "form-post": Page(FORM_POST),
        "form-post-long-name": Page(
            replace(FORM_POST, client_name=LONG_NAME, redirect_host="members.northern-associations.example")
        ),
        "select-account": Page(SELECT_ACCOUNT),
        "select-account-strained": Page(
            replace(
                SELECT_ACCOUNT,
                client_name=LONG_NAME,
                redirect_host="members.northern-associations.example",
                accounts=(
                    *SELECT_ACCOUNT.accounts,
                    ChoosableAccount(
                        "3",
                        "a.very.long.account.name@post.northern-associations.example",
                        LONG_NAME,
                        _NOW - 9 * _DAY,
                    ),
                ),
            )
        ),
        "one-time-code": Page(ONE_TIME_CODE),
        "one-time-code-wrong": Page(replace(ONE_TIME_CODE, problem=CodeProblem.WRONG_CODE)),
        "one-time-code-too-many": Page(
            replace(ONE_TIME_CODE, problem=CodeProblem.TOO_MANY_ATTEMPTS, retry_after=240, client_name=LONG_NAME)
        ),
        "device": Page(DEVICE_CODE),
        "device-link": Page(replace(DEVICE_CODE, user_code="WDJB-MJHT", came_with_link=True)),
        "device-malformed": Page(replace(DEVICE_CODE, user_code="1234", problem=DeviceProblem.MALFORMED_CODE)),
        "device-unknown": Page(replace(DEVICE_CODE, user_code="WDJB-MJHT", problem=DeviceProblem.UNKNOWN_CODE)),
        "device-too-many": Page(
            replace(DEVICE_CODE, user_code="WDJB-MJHT", problem=DeviceProblem.TOO_MANY_ATTEMPTS, retry_after=30)
        ),
        "device-login": Page(LoginPage(FormTarget("/login", _HIDDEN), "Living Room TV", "", for_device=True)),
        "device-answer": Page(DEVICE_ANSWER),
        "device-answer-everything": Page(
            DeviceAnswerPage(
                _DEVICE_FORM,
                LONG_NAME,
                "a.very.long.account.name@post.northern-associations.example",
                _EVERY_SCOPE,
                outlives_session=False,
                is_unverified=True,
                client_site="members.northern-associations.example",
            )
        ),
        "device-answer-registered": Page(replace(DEVICE_ANSWER, is_unverified=True)),
        "device-allowed": Page(DeviceDonePage(is_allowed=True, client_name="Living Room TV")),
        "device-denied": Page(DeviceDonePage(is_allowed=False, client_name=LONG_NAME)),
        "device-gone": Page(ErrorPage(ErrorKind.DEVICE_CODE_GONE, "expired_token", way_on="/device")),
        "error": Page(
            ErrorPage(ErrorKind.BAD_REDIRECT_URI, "invalid_request", 400, "The redirect_uri is not registered.")
        ),
        "error-unreadable-client": Page(
            ErrorPage(
                ErrorKind.UNREADABLE_CLIENT, "invalid_client", 400, "The document of the client cannot be used."
            )
        ),
        "error-expired": Page(ErrorPage(ErrorKind.INTERACTION_EXPIRED, "interaction_expired")),
        "error-server": Page(ErrorPage(ErrorKind.SERVER_ERROR, "server_error", 500)),
        "sign-out": Page(SignOutPage(FormTarget("/logout", _HIDDEN), "alice")),
        "sign-out-asked": Page(SIGN_OUT_ASKED),
        "sign-out-refused": Page(replace(SIGN_OUT_ASKED, redirect_host="", is_address_refused=True)),
        "signed-out": Page(SignedOutPage()),
        "signed-out-staying": Page(SignedOutPage(staying_accounts=("bob",), everyone_form=_EVERYONE)),
        "signed-out-stranger": Page(SIGNED_OUT_STRANGER),
        "login-account": Page(LoginPage(FormTarget("/login", _HIDDEN), None, "")),
        "account": Page(ACCOUNT),
        "account-strained": Page(_STRAINED),
        "account-alone": Page(replace(ACCOUNT, name=None, sessions=ACCOUNT.sessions[:1], clients=())),
        "account-wrong": Page(replace(ACCOUNT, problem=AccountProblem.WRONG_PASSWORD)),
        "account-different": Page(replace(ACCOUNT, problem=AccountProblem.DIFFERENT)),
        "account-too-many": Page(replace(ACCOUNT, problem=AccountProblem.TOO_MANY_ATTEMPTS, retry_after=120)),
        "account-changed": Page(replace(ACCOUNT, notice=AccountNotice.PASSWORD_CHANGED)),
        "account-enrolling": Page(replace(ACCOUNT, second_factor=ENROLLING)),
        "account-enrolling-wrong": Page(
            replace(ACCOUNT, second_factor=replace(ENROLLING, problem=FactorProblem.WRONG_CODE))
        ),
        "account-factor": Page(replace(ACCOUNT, second_factor=SET_UP)),
        "account-factor-wrong": Page(
            replace(_STRAINED, second_factor=replace(SET_UP, problem=FactorProblem.WRONG_CODE))
        ),
        "account-factor-too-many": Page(
            replace(
                ACCOUNT,
                second_factor=replace(
                    SecondFactorSection(_ACCOUNT_FORM), problem=FactorProblem.TOO_MANY_ATTEMPTS, retry_after=120
                ),
            )
        ),
        "account-factor-added": Page(
            replace(ACCOUNT, second_factor=SET_UP, notice=AccountNotice.SECOND_FACTOR_ADDED)
        ),
        "account-factor-removed": Page(replace(ACCOUNT, notice=AccountNotice.SECOND_FACTOR_REMOVED)),
        "account-withdrawn": Page(replace(ACCOUNT, notice=AccountNotice.ACCESS_WITHDRAWN)),
        "home": UiPage(DEV_HOME),
        "jwt": UiPage(DEBUGGER),
        "callback": UiPage(DEMO_CALLBACK),
        "callback-error": UiPage(DemoCallback(error="access_denied", state="3pWm1bq0vY9cSg6kQvT2hA")),
    }
)

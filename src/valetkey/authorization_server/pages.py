"""Page: a closed union of frozen views; `ui` renders them, endpoints only say what they show."""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum

from valetkey.authorization_server.client_pages import ClientPage

# Part of every view: it stands in a file of its own because the views do not fit into one.
from valetkey.authorization_server.form_target import FormTarget as FormTarget  # noqa: PLC0414 - offered from here too
from valetkey.authorization_server.proof_pages import OneTimeCodePage, SecondFactorSection, SelectAccountPage
from valetkey.jose.records import dataclass


class LoginProblem(StrEnum):
    """Why the sign-in page is shown again."""

    WRONG_CREDENTIALS = "wrong_credentials"
    TOO_MANY_ATTEMPTS = "too_many_attempts"
    BUSY = "busy"


class AccountProblem(StrEnum):
    """Why the password was not changed."""

    WRONG_PASSWORD = "wrong_password"  # noqa: S105 - a problem's name
    UNSOUND = "unsound"
    DIFFERENT = "different"
    UNCHANGED = "unchanged"
    TOO_MANY_ATTEMPTS = "too_many_attempts"
    BUSY = "busy"


class AccountNotice(StrEnum):
    """What the account page confirms."""

    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a notice's name
    SESSION_ENDED = "session_ended"
    ACCESS_WITHDRAWN = "access_withdrawn"
    SECOND_FACTOR_ADDED = "second_factor_added"
    SECOND_FACTOR_REMOVED = "second_factor_removed"


class DeviceProblem(StrEnum):
    """Why the page for a device's code is shown again."""

    MALFORMED_CODE = "malformed_code"
    UNKNOWN_CODE = "unknown_code"
    TOO_MANY_ATTEMPTS = "too_many_attempts"


class ErrorKind(StrEnum):
    """Which explanation an error page gives: what happened, whose turn it is, what to do now."""

    UNKNOWN_CLIENT = "unknown_client"
    UNREADABLE_CLIENT = "unreadable_client"
    BAD_REDIRECT_URI = "bad_redirect_uri"
    BAD_REQUEST = "bad_request"
    INTERACTION_EXPIRED = "interaction_expired"
    INTERACTION_FINISHED = "interaction_finished"
    OTHER_BROWSER = "other_browser"
    FORGED_FORM = "forged_form"
    DEVICE_CODE_GONE = "device_code_gone"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    TOO_LARGE = "too_large"
    TOO_MANY_REQUESTS = "too_many_requests"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    UNAVAILABLE = "unavailable"
    SERVER_ERROR = "server_error"


@dataclass(frozen=True, slots=True)
class LoginPage:
    """Asks for user name and password."""

    form: FormTarget
    client_name: str | None
    """Who sent the person here; None when they came for their own account page."""
    redirect_host: str
    username: str = ""
    problem: LoginProblem | None = None
    retry_after: int = 0
    """Seconds until another attempt is allowed, with TOO_MANY_ATTEMPTS."""
    for_device: bool = False
    """They came to connect a device, which `client_name` runs on."""


@dataclass(frozen=True, slots=True)
class ConsentScope:
    """One right that a client asks for."""

    name: str
    description: str | None
    """The operator's words for a scope of a resource; None for scopes that the product explains itself."""
    resource_name: str | None


class ConsentMemory(StrEnum):
    """What the page says about the next time."""

    REMEMBERED = "remembered"
    ASKED_AGAIN = "asked_again"


@dataclass(frozen=True, slots=True)
class ConsentPage:
    """Asks whether a client may have what it asked for."""

    form: FormTarget
    client_name: str
    redirect_host: str
    account_name: str
    scopes: tuple[ConsentScope, ...]
    memory: ConsentMemory
    outlives_session: bool
    """The client keeps access after the end-user signed out."""
    is_unverified: bool = False
    """Nobody but the client itself says who it is."""
    client_site: str = ""
    """The host of the document in which it introduced itself; "" for one that was registered."""
    claims: tuple[str, ...] = ()
    """The names of what it wants to know besides, claim by claim."""
    client_pages: tuple[ClientPage, ...] = ()
    """What the person may read about the client."""
    pages_are_links: bool = True
    """Otherwise only their hosts are named."""
    client_logo: str | None = None
    """The path on our origin of the client's logo, the tenant's path included."""


@dataclass(frozen=True, slots=True)
class DeviceCodePage:
    """Asks for the code that a device shows."""

    form: FormTarget
    user_code: str = field(default="", repr=False)
    """What the field holds at first."""
    came_with_link: bool = False
    """It stood in the address that was opened: the person has to compare it with the device."""
    problem: DeviceProblem | None = None
    retry_after: int = 0
    """Seconds until another attempt is allowed, with TOO_MANY_ATTEMPTS."""


@dataclass(frozen=True, slots=True)
class DeviceAnswerPage:
    """Asks whether a device that somebody started elsewhere may have what it asked for."""

    form: FormTarget
    client_name: str
    account_name: str
    scopes: tuple[ConsentScope, ...]
    outlives_session: bool
    """The client keeps access after the end-user signed out."""
    is_unverified: bool = False
    """Nobody but the client itself says who it is."""
    client_site: str = ""
    """The host of the document in which it introduced itself; "" for one that was registered."""


@dataclass(frozen=True, slots=True)
class DeviceDonePage:
    """Says what was answered, and that the person goes on at their device."""

    is_allowed: bool
    client_name: str | None
    """None for a client that was removed meanwhile."""


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """Says what went wrong; `status` is the HTTP status, `code` the `data-error` attribute."""

    kind: ErrorKind
    code: str
    status: int = 400
    detail: str = ""
    """One more fixed sentence for the developer of the client; never a value that was sent."""
    way_on: str | None = None
    """A path on our origin, with its query, by which the person may begin again; None where only the client can."""


@dataclass(frozen=True, slots=True)
class LeavingPage:
    """Says that nothing came of a request, and whose site the person would go to: one that nobody vouches for."""

    code: str
    """The `data-error` attribute."""
    status: int
    client_name: str
    redirect_host: str
    way_out: str | FormTarget | None = field(repr=False)
    """The client's verified redirect URI with the error, or the form that posts it there; None for a person who is
    not signed in.
    """


@dataclass(frozen=True, slots=True)
class FormPostPage:
    """Carries an authorization response to the client in a form (OAuth 2.0 Form Post Response Mode, 2)."""

    form: FormTarget
    """Its hidden fields are the response, its action is the client's verified redirect URI."""
    client_name: str
    redirect_host: str


@dataclass(frozen=True, slots=True)
class SignOutPage:
    """Asks for confirmation before signing out; `account_name` is who is signed in."""

    form: FormTarget
    account_name: str
    further_accounts: tuple[str, ...] = ()
    """Who else is signed out with it."""
    staying_accounts: tuple[str, ...] = ()
    """Who stays signed in with this browser."""
    everyone_form: FormTarget | None = None
    """Signs them out as well."""
    client_name: str = ""
    """Who asks for it; "" where that is not known for sure."""
    redirect_host: str = ""
    """Where the browser goes afterwards; "" where it stays."""
    is_unverified: bool = False
    """Nobody but the client itself says who it is."""
    is_address_refused: bool = False
    """The client asks for an address afterwards that it has not registered."""


@dataclass(frozen=True, slots=True)
class SignedOutPage:
    """Says that the end-user is signed out."""

    frames: tuple[str, ...] = field(default=(), repr=False)
    """Addresses of clients, each for a frame in which its client signs the end-user out too."""
    way_on: str | None = field(default=None, repr=False)
    """The client's verified address, with its state."""
    redirect_host: str = ""
    """Where that leads."""
    client_name: str = ""
    is_unverified: bool = False
    """Nobody but the client itself says who it is."""
    goes_on: bool = False
    """By itself, once the frames have loaded; otherwise only the person's click leads there."""
    staying_accounts: tuple[str, ...] = ()
    """Who is still signed in with this browser."""
    everyone_form: FormTarget | None = None
    """Signs them out as well."""


@dataclass(frozen=True, slots=True)
class SessionFramePage:
    """The frame that tells a client's page whether the login state has changed (Session Management, 3.2)."""

    cookie_name: str
    """Where the login state of the browser stands."""
    framed_by: tuple[str, ...]
    """The origins whose pages may show it."""


@dataclass(frozen=True, slots=True)
class AccountSession:
    """One browser in which the end-user is signed in."""

    signed_in_at: int
    """NumericDate."""
    last_seen_at: int
    end_form: FormTarget | None
    """Ends it; None for the session that the page is shown in."""


@dataclass(frozen=True, slots=True)
class AccountClient:
    """A client that can act for the end-user, or that need not ask them again."""

    name: str
    redirect_host: str
    """Where its answers go; "" for one that has no redirect URI."""
    scopes: tuple[ConsentScope, ...]
    since: int
    """NumericDate."""
    has_access: bool
    """It can act now; otherwise only the answer of then is remembered."""
    outlives_session: bool
    withdraw_form: FormTarget
    claims: tuple[str, ...] = ()
    """The names of what it may know besides, claim by claim."""


@dataclass(frozen=True, slots=True)
class AccountPage:
    """Shows an end-user what is theirs: their password, where they are signed in, what they allowed."""

    username: str
    name: str | None
    now: int
    """NumericDate, from which the page counts how long ago something was."""
    password_form: FormTarget
    everywhere_form: FormTarget
    second_factor: SecondFactorSection
    sessions: tuple[AccountSession, ...]
    clients: tuple[AccountClient, ...]
    problem: AccountProblem | None = None
    retry_after: int = 0
    """Seconds until another attempt is allowed, with TOO_MANY_ATTEMPTS."""
    notice: AccountNotice | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A view, with what its response needs beside it."""

    view: View
    headers: tuple[tuple[str, str], ...] = ()
    """Further response headers, such as `set-cookie`."""


View = (
    LoginPage
    | SelectAccountPage
    | OneTimeCodePage
    | ConsentPage
    | DeviceCodePage
    | DeviceAnswerPage
    | DeviceDonePage
    | ErrorPage
    | LeavingPage
    | FormPostPage
    | SignOutPage
    | SignedOutPage
    | SessionFramePage
    | AccountPage
)

"""What the pages say about errors, sign-in problems, scopes, clients and links: one text for each member.

Sentences are marked here with `N_` and translated where they are shown.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from valetkey.authorization_server.client_pages import ClientPageKind
from valetkey.authorization_server.pages import AccountProblem, ConsentMemory, ErrorKind
from valetkey.jose.records import dataclass
from valetkey.ui.views import ClientKind, LinkKind

if TYPE_CHECKING:
    from collections.abc import Mapping


def N_(message: str) -> str:  # noqa: N802 - gettext's own name for it
    """Mark a sentence for the catalogues without translating it yet."""
    return message


CLIENT_PAGE_WORDS: Final[Mapping[ClientPageKind, str]] = MappingProxyType(
    {
        ClientPageKind.HOME: N_("Home page"),
        ClientPageKind.POLICY: N_("Privacy policy"),
        ClientPageKind.TERMS: N_("Terms of service"),
    }
)


@dataclass(frozen=True, slots=True)
class Explanation:
    """What happened, and whose turn it is with what to do now."""

    title: str
    happened: str
    next_step: str


_ASK_THE_APPLICATION: Final = N_(
    "This has to be put right by the people who run the application. Nothing is wrong with your account."
)

ERROR_WORDS: Final[Mapping[ErrorKind, Explanation]] = MappingProxyType(
    {
        ErrorKind.UNKNOWN_CLIENT: Explanation(
            N_("Unknown application"),
            N_("The application that sent you here is not registered, so we cannot send you back to it."),
            _ASK_THE_APPLICATION,
        ),
        ErrorKind.UNREADABLE_CLIENT: Explanation(
            N_("We could not get to know this application"),
            N_("It introduces itself by a document on its own site, which we could not read or cannot accept."),
            N_("Wait a minute and try again. If it stays like this, tell the people who run the application."),
        ),
        ErrorKind.BAD_REDIRECT_URI: Explanation(
            N_("We cannot send you back"),
            N_("The application asked to send you to an address that is not registered for it. We stopped here."),
            _ASK_THE_APPLICATION,
        ),
        ErrorKind.BAD_REQUEST: Explanation(
            N_("We cannot read this request"),
            N_("The request that brought you here is incomplete or contradicts itself."),
            N_("Go back to the application and start again. If it happens again, tell the people who run it."),
        ),
        ErrorKind.INTERACTION_EXPIRED: Explanation(
            N_("This page has expired"),
            N_("Too much time has passed since you came here, so nothing was sent."),
            N_("Go back to the application and start again."),
        ),
        ErrorKind.INTERACTION_FINISHED: Explanation(
            N_("Already answered"),
            N_("This request has been answered. It cannot be answered twice."),
            N_("Go back to the application. You can close this page."),
        ),
        ErrorKind.OTHER_BROWSER: Explanation(
            N_("Started somewhere else"),
            N_("This request was started in another browser, or your browser did not keep our cookie."),
            N_("Go back to the application in this browser and start again. This site has to be allowed cookies."),
        ),
        ErrorKind.FORGED_FORM: Explanation(
            N_("We did not accept this form"),
            N_("The form does not belong to your current session. Nothing was changed."),
            N_("Go back to the application and start again."),
        ),
        ErrorKind.DEVICE_CODE_GONE: Explanation(
            N_("This code is over"),
            N_("The code has expired or was answered, so nothing was connected here."),
            N_("Ask your device for a new code, then start again and enter it."),
        ),
        ErrorKind.NOT_FOUND: Explanation(
            N_("Page not found"),
            N_("There is no page at this address."),
            N_("Go back, or look at the address for a typing mistake."),
        ),
        ErrorKind.METHOD_NOT_ALLOWED: Explanation(
            N_("This page cannot be used like that"),
            N_("The address exists, but it does not accept this kind of request."),
            N_("Go back to the application and start again. If it happens again, tell the people who run it."),
        ),
        ErrorKind.TOO_LARGE: Explanation(
            N_("Too much was sent"),
            N_("The request is larger than we accept, so nothing was read."),
            N_("Go back to the application and start again. If it happens again, tell the people who run it."),
        ),
        ErrorKind.TOO_MANY_REQUESTS: Explanation(
            N_("Too many requests came at once"),
            N_("Your network asked for more than we answer in so short a time. Nothing was changed."),
            N_("Wait a minute, then reload this page."),
        ),
        ErrorKind.UNSUPPORTED_MEDIA_TYPE: Explanation(
            N_("We cannot read this request"),
            N_("The request was sent in a form that we do not accept."),
            N_("Go back to the application and start again. If it happens again, tell the people who run it."),
        ),
        ErrorKind.UNAVAILABLE: Explanation(
            N_("Please wait a moment"),
            N_("We cannot answer right now. Nothing was changed."),
            N_("It is our turn: wait a few seconds, then reload this page."),
        ),
        ErrorKind.SERVER_ERROR: Explanation(
            N_("Something went wrong on our side"),
            N_("We made a mistake and have written it down. Nothing is wrong with your account."),
            N_(
                "It is our turn. Try again later; if it stays like this, send the reference below to your operator."
            ),
        ),
    }
)


@dataclass(frozen=True, slots=True)
class ScopeWords:
    """A right in words, with its icon."""

    icon: str
    text: str


SCOPE_WORDS: Final[Mapping[str, ScopeWords]] = MappingProxyType(
    {
        "openid": ScopeWords("person", N_("Recognise you when you come back")),
        "profile": ScopeWords("card", N_("See your name and your profile")),
        "email": ScopeWords("mail", N_("See your email address")),
        "address": ScopeWords("house", N_("See your postal address")),
        "phone": ScopeWords("phone", N_("See your phone number")),
        "offline_access": ScopeWords("clock", N_("Stay connected while you are away")),
    }
)

_YOUR_NAME: Final = ScopeWords("card", N_("See your name"))
_YOUR_NICKNAME: Final = ScopeWords("card", N_("See your user name and your nickname"))
_YOUR_PAGES: Final = ScopeWords("card", N_("See the addresses of your web pages"))
_YOUR_PLACE: Final = ScopeWords("card", N_("See your language and your time zone"))
_YOUR_EMAIL: Final = SCOPE_WORDS["email"]
_YOUR_PHONE: Final = SCOPE_WORDS["phone"]

CLAIM_WORDS: Final[Mapping[str, ScopeWords]] = MappingProxyType(
    {
        "name": _YOUR_NAME,
        "given_name": _YOUR_NAME,
        "middle_name": _YOUR_NAME,
        "family_name": _YOUR_NAME,
        "preferred_username": _YOUR_NICKNAME,
        "nickname": _YOUR_NICKNAME,
        "picture": ScopeWords("person", N_("See your picture")),
        "gender": ScopeWords("card", N_("See your gender")),
        "birthdate": ScopeWords("card", N_("See your date of birth")),
        "profile": _YOUR_PAGES,
        "website": _YOUR_PAGES,
        "locale": _YOUR_PLACE,
        "zoneinfo": _YOUR_PLACE,
        "updated_at": ScopeWords("clock", N_("See when your profile was last changed")),
        "email": _YOUR_EMAIL,
        "email_verified": _YOUR_EMAIL,
        "address": SCOPE_WORDS["address"],
        "phone_number": _YOUR_PHONE,
        "phone_number_verified": _YOUR_PHONE,
    }
)
"""What a client that asks for single claims sees of somebody, in the order in which a page lists it."""
OTHER_CLAIM: Final = N_("See what is kept about you as %(name)s")

MEMORY_WORDS: Final[Mapping[ConsentMemory, str]] = MappingProxyType(
    {
        ConsentMemory.REMEMBERED: N_("If you allow it, we remember that and do not ask again for the same access."),
        ConsentMemory.ASKED_AGAIN: N_("We ask you again next time."),
    }
)


ACCOUNT_PROBLEM_WORDS: Final[Mapping[AccountProblem, str]] = MappingProxyType(
    {
        AccountProblem.WRONG_PASSWORD: N_("The current password is not right. Nothing was changed."),
        AccountProblem.UNSOUND: N_("The new password is too short or too long: use at least 8 characters."),
        AccountProblem.DIFFERENT: N_("The two new passwords are not the same. Type both again."),
        AccountProblem.UNCHANGED: N_("The new password is the one that you have. Choose another one."),
        AccountProblem.BUSY: N_("Too many people are signing in right now. Try again in a few seconds."),
    }
)


@dataclass(frozen=True, slots=True)
class ClientWords:
    """What a seeded client is, what becomes of its secret, and which flow it plays."""

    title: str
    secrecy: str
    flow: str


_CODE_FLOW: Final = N_("Authorization code with PKCE")

CLIENT_WORDS: Final[Mapping[ClientKind, ClientWords]] = MappingProxyType(
    {
        ClientKind.WEB: ClientWords(N_("Web client"), N_("Has a server that keeps a secret."), _CODE_FLOW),
        ClientKind.SPA: ClientWords(
            N_("Single-page client"), N_("Runs in the browser and keeps no secret."), _CODE_FLOW
        ),
        ClientKind.NATIVE: ClientWords(
            N_("Native client"), N_("Runs on a device; any port of its loopback redirect is accepted."), _CODE_FLOW
        ),
        ClientKind.MACHINE: ClientWords(
            N_("Machine client"), N_("Acts for itself; no person is involved."), N_("Client credentials")
        ),
        ClientKind.TV: ClientWords(
            N_("Device without a browser"), N_("Shows a code; the person signs in elsewhere."), N_("Device code")
        ),
        ClientKind.GATEWAY: ClientWords(
            N_("Gateway"), N_("Keeps a secret, and swaps the tokens of the others."), N_("Token exchange")
        ),
    }
)

LINK_WORDS: Final[Mapping[LinkKind, str]] = MappingProxyType(
    {
        LinkKind.OPENID_CONFIGURATION: N_("OpenID discovery"),
        LinkKind.SERVER_METADATA: N_("Server metadata (RFC 8414)"),
        LinkKind.JWKS: N_("Public keys (JWK Set)"),
        LinkKind.API: N_("Demo API"),
        LinkKind.HEALTH: N_("Health"),
    }
)

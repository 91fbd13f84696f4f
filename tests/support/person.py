"""A person at a browser without script: follows redirects, fills in forms, and stops where the client waits."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx2

MOST_STEPS = 12


@dataclass
class Form:
    """One form of a page: where it posts to, its hidden fields, and the ids of what it shows."""

    action: str = ""
    hidden: dict[str, str] = field(default_factory=dict)
    named: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Element id to the name and value that it submits."""


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.error: str | None = None
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.error = found.get("data-error", self.error)
        if "id" in found:
            self.ids.add(found["id"])
        if tag == "form":
            self.forms.append(Form(found.get("action", "")))
        elif tag in {"input", "button"} and self.forms:
            form = self.forms[-1]
            if found.get("type") == "hidden":
                form.hidden[found["name"]] = found.get("value", "")
            elif "id" in found:
                form.named[found["id"]] = (found.get("name", ""), found.get("value", ""))


@dataclass
class Sight:
    """What the person sees: a page of ours, or the address that the browser was sent to."""

    url: str
    status: int
    text: str
    forms: list[Form]
    ids: set[str]
    error: str | None

    def form_with(self, element_id: str) -> Form:
        """Return the form that holds the element; fails the test when there is none."""
        for form in self.forms:
            if element_id in form.named:
                return form
        raise AssertionError(f"no form with #{element_id} at {self.url} ({self.status}, error {self.error})")


class Person:
    """Has one browser (a cookie jar) and a password; never follows a redirect away from the issuer."""

    def __init__(self, issuer: str, username: str, password: str, *, ca_file: str | None = None) -> None:
        self.issuer = issuer
        self.username = username
        self.password = password
        trusted = ssl.create_default_context(cafile=ca_file) if ca_file else True
        # No connection outlives its request: a test need not close its people.
        limits = httpx2.Limits(max_keepalive_connections=0)
        self.browser = httpx2.Client(
            verify=trusted, follow_redirects=False, timeout=20, trust_env=False, limits=limits
        )

    def open(self, url: str) -> Sight:
        """Open an address and follow redirects while they stay on the issuer's origin and its own pages."""
        return self._follow(self.browser.get(url), url)

    def submit(self, sight: Sight, element_id: str, **filled: str) -> Sight:
        """Press the button with `element_id`, with fields (by element id, `_` for `-`) filled in."""
        form = sight.form_with(element_id)
        fields = dict(form.hidden)
        for field_id, value in filled.items():
            fields[form.named[field_id.replace("_", "-")][0]] = value
        name, value = form.named[element_id]
        if name:
            fields[name] = value
        url = urljoin(sight.url, form.action)
        return self._follow(self.browser.post(url, data=fields), url)

    def sign_in(self, sight: Sight, password: str | None = None) -> Sight:
        """Fill in the sign-in page."""
        typed = self.password if password is None else password
        return self.submit(sight, "login-submit", login_username=self.username, login_password=typed)

    def authorize(self, url: str) -> dict[str, str]:
        """Do whatever the pages ask until the browser is sent to the client; return the redirect's parameters."""
        sight = self.open(url)
        if "login-submit" in sight.ids:
            sight = self.sign_in(sight)
        if "consent-allow" in sight.ids:
            sight = self.submit(sight, "consent-allow")
        assert sight.status == 303, f"stopped at {sight.url}: {sight.status}, error {sight.error}"
        return parameters_of(sight.url)

    def connect(self, user_code: str, button: str = "device-allow", query: str = "") -> Sight:
        """Enter the code that a device shows, sign in where that is asked, and press one of the two buttons."""
        sight = self.open(f"{self.issuer}/device{query}")
        sight = self.submit(sight, "device-submit", device_user_code=user_code)
        if "login-submit" in sight.ids:
            sight = self.sign_in(sight)
        return self.submit(sight, button)

    def _follow(self, response: httpx2.Response, url: str) -> Sight:
        for _ in range(MOST_STEPS):
            if response.status_code != 303:
                return _see(url, response)
            target = urljoin(url, response.headers["location"])
            parts = urlsplit(target)
            if not target.startswith(self.issuer) or "callback" in parts.path:
                return Sight(target, 303, "", [], set(), None)
            url = target
            response = self.browser.get(url)
        raise AssertionError("the redirects do not end")


def _see(url: str, response: httpx2.Response) -> Sight:
    reader = _Reader()
    reader.feed(response.text)
    return Sight(url, response.status_code, response.text, reader.forms, reader.ids, reader.error)


def parameters_of(url: str) -> dict[str, str]:
    """Return the query parameters of an address, each of which occurs once."""
    found = parse_qs(urlsplit(url).query, keep_blank_values=True)
    assert all(len(values) == 1 for values in found.values())
    return {name: values[0] for name, values in found.items()}

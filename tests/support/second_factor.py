"""A device for one-time codes in memory, and an end-user who has set one up."""

from base64 import b32decode
from dataclasses import dataclass

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from support.house import PASSWORD, House, end_users
from support.visitor import Answer, Visitor, account_page
from valetkey.authorization_server.proof_pages import EnrolmentView
from valetkey.authorization_server.second_factor import BeginFactor, ConfirmFactor, OneTimeCodeFactor
from valetkey.oauth.types import SecretText

KEY = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@dataclass(frozen=True)
class Device:
    """Holds a key and shows codes, as an authenticator application does: by a library that is not ours."""

    key: str = KEY

    def code(self, now: int) -> str:
        """Return the code that it shows at that time."""
        text = self.key.replace(" ", "")
        octets = b32decode(text + "=" * (-len(text) % 8))
        return TOTP(octets, 6, SHA1(), 30).generate(now).decode()  # noqa: S303 - as RFC 6238 has it


async def with_device(house: House, username: str = "alice") -> Device:
    """Set up a device for an end-user, whose codes of this moment are unused."""
    subject, now = end_users()[username].subject, house.clock.now
    sealed = house.server.sealed_factor_keys.seal(subject, f"factor of {username}", SecretText(KEY))
    factor = OneTimeCodeFactor(f"factor of {username}", subject, sealed, now)
    await house.commit(BeginFactor(factor), ConfirmFactor(subject, factor.factor_id, 0, now))
    return Device()


async def begun(visitor: Visitor, password: str = PASSWORD) -> Answer:
    """Open the account page and ask for an enrolment."""
    page = await visitor.account()
    return await visitor.submit(page.second_factor.form, {"current": password})


def enrolment(found: Answer) -> EnrolmentView:
    """Return the enrolment that the account page shows."""
    view = account_page(found).second_factor.enrolment
    assert view is not None
    return view

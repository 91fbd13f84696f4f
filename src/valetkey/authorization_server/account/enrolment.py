"""A begun second factor, shown to who begins it and to nobody else: as a picture, and as letters to type."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from valetkey.authorization_server import paths
from valetkey.authorization_server.browser import Form, form_token, is_form_token
from valetkey.authorization_server.user_authentication.one_time_code import ENROLMENT_SECONDS, provisioning_uri
from valetkey.jose.records import dataclass
from valetkey.oauth.types import SecretText

if TYPE_CHECKING:
    from valetkey.authorization_server.account.judging import Seat
    from valetkey.authorization_server.second_factor import OneTimeCodeFactor
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.types import NumericDate

_PURPOSE = "enrolment"


@dataclass(frozen=True, slots=True)
class Enrolling:
    """A factor that waits for its first code, with its opened key."""

    factor_id: str
    key: SecretText = field(repr=False)


def enrolment_token(seat: Seat, factor_id: str) -> str:
    """Return what shows the factor in this session of this browser, and nowhere else."""
    sid = seat.stored.session.sid
    return form_token(seat.browser.browser, Form.ACCOUNT, _PURPOSE, sid, factor_id)


def is_pending(factor: OneTimeCodeFactor, now: NumericDate) -> bool:
    """Say whether a factor still waits for its first code."""
    return not factor.is_confirmed and now < factor.created_at + ENROLMENT_SECONDS


async def find_enrolment(
    presented: str | None, seat: Seat, server: AuthorizationServer, now: NumericDate
) -> Enrolling | None:
    """Return what is being enrolled, for who proved their password for it in this session."""
    factor = None if presented is None else await server.stores.second_factors.find(seat.stored.session.subject)
    if factor is None or not is_pending(factor, now):
        return None
    bound_to = (_PURPOSE, seat.stored.session.sid, factor.factor_id)
    if not is_form_token(presented, seat.browser.browser, Form.ACCOUNT, *bound_to):
        return None
    return Enrolling(factor.factor_id, server.sealed_factor_keys.open(factor))


def image_path(seat: Seat, factor_id: str, server: AuthorizationServer) -> str:
    """Return the path of the picture that a device reads."""
    query = urlencode({"enrolment": enrolment_token(seat, factor_id)})
    return f"{server.issuer.path}{paths.SECOND_FACTOR_IMAGE}?{query}"


def picture_text(found: Enrolling, seat: Seat, server: AuthorizationServer) -> str:
    """Return what the picture says: a secret."""
    issuer_name = server.tenant.display_name or urlsplit(server.issuer.url).netloc
    return provisioning_uri(found.key, issuer_name, seat.stored.end_user.username)

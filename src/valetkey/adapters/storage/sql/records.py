"""Rows of the queries as values of the model, and values as the bindings of statements."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

import msgspec

from valetkey.adapters.storage.sql.documents import end_user_from
from valetkey.adapters.storage.sql.step import Record
from valetkey.authorization_server.claims_request import NO_CLAIMS, ClaimsRequest
from valetkey.authorization_server.known_access_tokens import OpaqueAccessToken
from valetkey.authorization_server.model import (
    AccountChoice,
    Authentication,
    Authorization,
    AuthorizationCode,
    Browser,
    Confirmation,
    Consent,
    ConsentAnswer,
    Generations,
    Interaction,
    KeptReply,
    KeyState,
    RefreshToken,
    Session,
    SigningKey,
    StoredAuthorization,
    StoredCode,
    StoredRefreshToken,
    StoredSession,
)
from valetkey.oauth.types import ClientId, Scope, Subject

_AUTHORIZATION = 25
_REFRESH_TOKEN = 11
_SESSION = 15
_strings = msgspec.json.Decoder(tuple[str, ...])
_claims = msgspec.json.Decoder(dict[str, object])
_pairs = msgspec.json.Decoder(tuple[tuple[str, str], ...])


def encode(value: Sequence[object] | Mapping[str, object]) -> str:
    """A list or an object as the JSON text in which a column keeps it."""
    return msgspec.json.encode(value).decode()


def generations(row: Record) -> Generations:
    """The answer of GENERATIONS."""
    return Generations(row[0], row[1], row[2], row[3])


def stored_authorization(row: Record) -> StoredAuthorization:
    """The authorization that a row begins with, and the counters of now."""
    authorization = Authorization(
        authorization_id=row[0],
        client_id=row[1],
        subject=row[2],
        scope=_scope(row[3]),
        resources=_strings.decode(row[4]),
        authentication=Authentication(row[5], row[6], _strings.decode(row[7])),
        generations=Generations(row[8], row[9], row[10], row[11]),
        created_at=row[12],
        expires_at=row[13],
        sid=row[14],
        bound_to_session=bool(row[15]),
        nonce=row[16],
        confirmation=_confirmation(row[17], row[18]),
        revoked_at=row[19],
        claims=NO_CLAIMS if row[24] is None else ClaimsRequest.restored(_claims.decode(row[24])),
    )
    return StoredAuthorization(authorization, Generations(row[20], row[21], row[22], row[23]))


def stored_code(row: Record) -> StoredCode:
    """The answer of FIND_CODE."""
    code = row[_AUTHORIZATION:]
    return StoredCode(
        AuthorizationCode(
            digest=code[0],
            authorization_id=code[1],
            client_id=code[2],
            redirect_uri=code[3],
            redirect_uri_was_sent=bool(code[4]),
            code_challenge=code[5],
            created_at=code[6],
            expires_at=code[7],
            confirmation=_confirmation(code[8], code[9]),
            redeemed_at=code[10],
        ),
        stored_authorization(row),
    )


def stored_refresh_token(row: Record) -> StoredRefreshToken:
    """The answer of FIND_REFRESH."""
    token, end_user = row[_AUTHORIZATION:], row[_AUTHORIZATION + _REFRESH_TOKEN :]
    return StoredRefreshToken(
        RefreshToken(
            digest=token[0],
            authorization_id=token[1],
            client_id=token[2],
            created_at=token[3],
            expires_at=token[4],
            confirmation=_confirmation(token[5], token[6]),
            superseded_at=token[7],
            kept_reply=None if token[8] is None else KeptReply(token[8], token[9], token[10]),
        ),
        stored_authorization(row),
        None if end_user[0] is None else end_user_from(end_user),
    )


def access_token(row: Record) -> OpaqueAccessToken:
    """The answer of FIND_ACCESS."""
    return OpaqueAccessToken(row[0], _claims.decode(row[1]), row[2])


def stored_session(row: Record) -> StoredSession:
    """A row of FIND_SESSION or LIST_SESSIONS."""
    return StoredSession(
        Session(
            sid=row[0],
            browser_id=row[1],
            subject=row[2],
            authentication=Authentication(row[3], row[4], _strings.decode(row[5])),
            generations=Generations(server=row[6], tenant=row[7], subject=row[8]),
            created_at=row[9],
            last_seen_at=row[10],
            ended_at=row[11],
        ),
        Generations(server=row[12], tenant=row[13], subject=row[14]),
        end_user_from(row[_SESSION:]),
    )


def browser(row: Record) -> Browser:
    """The answer of FIND_BROWSER."""
    return Browser(*row)


def interaction(row: Record) -> Interaction:
    """The answer of FIND_INTERACTION."""
    return Interaction(
        digest=row[0],
        browser_id=row[1],
        client_id=row[2],
        parameters=_pairs.decode(row[3]),
        created_at=row[4],
        expires_at=row[5],
        version=row[6],
        sid=row[7],
        authenticated_at=row[8],
        answer=None if row[9] is None else ConsentAnswer(row[9]),
        finished_at=row[10],
        account_choice=None if row[11] is None else AccountChoice(row[11]),
    )


def consent(subject: Subject, client_id: ClientId, rows: Sequence[Record]) -> Consent | None:
    """The answer of FIND_CONSENT, whose rows name a scope, a resource or a claim each."""
    if not rows:
        return None
    return Consent(
        subject,
        client_id,
        Scope.of(row[3] for row in rows if row[2] == "scope"),
        tuple(row[3] for row in rows if row[2] == "resource"),
        rows[0][0],
        rows[0][1],
        frozenset(row[3] for row in rows if row[2] == "claim"),
    )


def consents(subject: Subject, rows: Iterable[Record]) -> tuple[Consent, ...]:
    """The answer of LIST_CONSENTS, whose rows end with the client that they belong to."""
    by_client = groupby(rows, key=lambda row: ClientId(row[4]))
    found = (consent(subject, client_id, tuple(named)) for client_id, named in by_client)
    return tuple(one for one in found if one is not None)


def signing_key(row: Record) -> SigningKey:
    """A row of LIST_SIGNING_KEYS."""
    return SigningKey(row[0], row[1], row[2], row[3], KeyState(row[4]), row[5], row[6], row[7])


def confirmation_of(value: Confirmation | None) -> tuple[str | None, str | None]:
    """The two columns of a confirmation."""
    return (None, None) if value is None else (value.method, value.thumbprint)


def decode_strings(text: str) -> tuple[str, ...]:
    """A list of strings from the JSON text in which a column keeps it."""
    return _strings.decode(text)


def _scope(text: str) -> Scope:
    return Scope.of(text.split())


def _confirmation(method: str | None, thumbprint: str | None) -> Confirmation | None:
    return None if method is None or thumbprint is None else Confirmation(method, thumbprint)

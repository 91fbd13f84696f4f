"""The administrative calls about API keys: list, create, show, change, rotate and revoke."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from valetkey.administration.api_key_documents import (
    ChangedApiKey,
    NewApiKey,
    Nothing,
    Rotation,
    asked_again,
    asked_page,
    cursor,
    read_document,
)
from valetkey.administration.api_keys import (
    ApiKeyAct,
    add_api_key,
    api_key_view,
    change_api_key,
    load_owner,
    revoke_api_key,
    rotate_api_key,
)
from valetkey.administration.refusal import ActRefused
from valetkey.authorization_server import paths
from valetkey.authorization_server.api_key import ApiKeyQuestion, StoredApiKey
from valetkey.authorization_server.audit import by_client
from valetkey.authorization_server.service import commit_in_rounds
from valetkey.oauth.http import NO_STORE, json_response
from valetkey.oauth.problem import problem_response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from valetkey.administration.admission import Administrator
    from valetkey.administration.views import View
    from valetkey.authorization_server.api_key import KeyRequest
    from valetkey.authorization_server.decision import Changes
    from valetkey.authorization_server.service import AuthorizationServer
    from valetkey.oauth.http import HttpRequest, HttpResponse
    from valetkey.oauth.types import NumericDate

SCOPE: Final = "api_keys"
"""What a client needs to administer API keys."""
_CREATED: Final = 201


async def keys(request: HttpRequest, server: AuthorizationServer, administrator: Administrator) -> HttpResponse:
    """Answer a page of the tenant's keys, or create one."""
    if request.method == "POST":
        return await _create(request, server, administrator)
    try:
        asked = asked_page(request.query)
    except ActRefused as refusal:
        return _refused(refusal)
    # One more than is shown says whether there are any left.
    found = await server.stores.api_keys.page(ApiKeyQuestion(asked.limit + 1, asked.after, asked.owner))
    shown, last = found[: asked.limit], found[asked.limit - 1 : asked.limit]
    has_more = len(found) > asked.limit
    document: View = {
        "api_keys": [api_key_view(one, administrator.fresh.now) for one in shown],
        "next": cursor(last[0].key.created_at, last[0].key.key_id) if has_more else None,
    }
    return json_response(200, document, NO_STORE)


async def key(request: HttpRequest, server: AuthorizationServer, administrator: Administrator) -> HttpResponse:
    """Answer one key, or change it for who names its version in If-Match."""
    key_id, now = request.path.rpartition("/")[2], administrator.fresh.now
    if request.method == "GET":
        found = await server.stores.api_keys.find(key_id)
        return _missing() if found is None else _shown(found, now)
    if not request.all_headers(b"if-match"):
        reason = 'Name the version that is changed: If-Match with the ETag of the key, or "*".'
        return problem_response(428, "precondition_required", reason)

    async def act(found: StoredApiKey) -> ApiKeyAct:
        fields = read_document(request.body, ChangedApiKey).fields()
        owner = await load_owner(server.stores, found.key.owner_kind, found.key.owner)
        if owner is None:
            raise ActRefused("the owner of the API key is gone: revoke it")
        return change_api_key(found, fields, owner.who, await server.stores.resources.list(), now)

    return await _act(key_id, act, request, server, administrator)


async def rotation(request: HttpRequest, server: AuthorizationServer, administrator: Administrator) -> HttpResponse:
    """Draw a new secret for a key, and answer it this once."""

    async def act(found: StoredApiKey) -> ApiKeyAct:
        overlap = read_document(request.body, Rotation).overlap()
        return rotate_api_key(found, overlap, administrator.fresh)

    return await _act(request.path.split("/")[-2], act, request, server, administrator)


async def revocation(
    request: HttpRequest, server: AuthorizationServer, administrator: Administrator
) -> HttpResponse:
    """End a key for good; a second time changes nothing."""

    async def act(found: StoredApiKey) -> ApiKeyAct:
        read_document(request.body, Nothing)
        return revoke_api_key(found, administrator.fresh.now)

    return await _act(request.path.split("/")[-2], act, request, server, administrator)


async def _create(request: HttpRequest, server: AuthorizationServer, administrator: Administrator) -> HttpResponse:
    try:
        asked = read_document(request.body, NewApiKey)
        fields, repeated = asked.fields(), asked_again(request, administrator.client_id, asked)
    except ActRefused as refusal:
        return _refused(refusal)

    async def attempt() -> tuple[ApiKeyAct | HttpResponse, Changes]:
        made = None if repeated is None else await server.stores.api_keys.find_by_request(repeated.digest)
        if made is not None and repeated is not None:
            return _made_before(made, repeated, server, administrator.fresh.now), ()
        owner = await load_owner(server.stores, asked.owner_kind, asked.owner)
        if owner is None:
            nobody = f"owner: there is no such {asked.owner_kind.value.replace('_', '-')}"
            return _refused(ActRefused(nobody)), ()
        catalogue = await server.stores.resources.list()
        try:
            done = add_api_key(fields, owner, catalogue, administrator.fresh, repeated)
        except ActRefused as refusal:
            return _refused(refusal), ()
        return done, done.changes

    return await _committed(attempt, request, server, administrator, _CREATED)


async def _act(
    key_id: str,
    act: Callable[[StoredApiKey], Awaitable[ApiKeyAct]],
    request: HttpRequest,
    server: AuthorizationServer,
    administrator: Administrator,
) -> HttpResponse:
    async def attempt() -> tuple[ApiKeyAct | HttpResponse, Changes]:
        found = await server.stores.api_keys.find(key_id)
        if found is None:
            return _missing(), ()
        if not _is_meant(request, found):
            return problem_response(412, "precondition_failed", "The key was changed since: read it again."), ()
        try:
            done = await act(found)
        except ActRefused as refusal:
            return _refused(refusal), ()
        return done, done.changes

    return await _committed(attempt, request, server, administrator, 200)


async def _committed(
    attempt: Callable[[], Awaitable[tuple[ApiKeyAct | HttpResponse, Changes]]],
    request: HttpRequest,
    server: AuthorizationServer,
    administrator: Administrator,
    status: int,
) -> HttpResponse:
    """Commit what is decided, in the administrator's name, and answer with what is then kept."""
    origin = by_client(request, administrator.client_id, administrator.fresh)
    outcome = await commit_in_rounds(server, attempt, origin)
    if not isinstance(outcome, ApiKeyAct):
        return outcome
    found = await server.stores.api_keys.find(outcome.key.key_id)
    if found is None:
        return _missing()
    secret: View = {} if outcome.secret is None else {"api_key": outcome.secret.reveal()}
    headers = _place(found, server) if status == _CREATED else ()
    return _shown(found, administrator.fresh.now, status, secret, headers)


def _shown(
    found: StoredApiKey,
    now: NumericDate,
    status: int = 200,
    secret: View | None = None,
    headers: tuple[tuple[str, str], ...] = (),
) -> HttpResponse:
    told = (*NO_STORE, ("etag", _tag(found)), *headers)
    return json_response(status, {**api_key_view(found, now), **(secret or {})}, told)


def _made_before(
    found: StoredApiKey, repeated: KeyRequest, server: AuthorizationServer, now: NumericDate
) -> HttpResponse:
    """Answer a repeated request by the key that the first one made: without its secret, which is kept nowhere."""
    if found.key.request is None or found.key.request.content != repeated.content:
        reason = "The Idempotency-Key was used for another request."
        return problem_response(422, "idempotency_key_reused", reason)
    return _shown(found, now, _CREATED, None, (*_place(found, server), ("idempotency-replayed", "true")))


def _place(found: StoredApiKey, server: AuthorizationServer) -> tuple[tuple[str, str], ...]:
    return (("location", server.issuer.endpoint(f"{paths.API_KEYS}/{found.key.key_id}")),)


def _is_meant(request: HttpRequest, found: StoredApiKey) -> bool:
    """Say whether the version of a key is one that If-Match names, where it names any (RFC 9110, 13.1.1)."""
    named = request.all_headers(b"if-match")
    tags = {tag.strip() for tag in ",".join(named).split(",")}
    return not named or not tags.isdisjoint({_tag(found), "*"})


def _tag(found: StoredApiKey) -> str:
    return f'"{found.key.version}"'


def _missing() -> HttpResponse:
    return problem_response(404, "not_found", "There is no such API key.")


def _refused(refusal: ActRefused) -> HttpResponse:
    return problem_response(400, "invalid_request", "The request cannot be done as it is.", errors=refusal.lines)

"""Whatever is committed in whatever order, the memory storage and SQLite decide alike and hold the same."""

import asyncio
import tempfile
from dataclasses import replace
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.conftest import STORAGES
from contracts.stored_values import (
    ACCESS_TOKEN,
    ACME,
    API_KEY,
    API_KEY_OF_USER,
    API_SECRET,
    AUTHENTICATION,
    AUTHORIZATION,
    BROWSER,
    CLIENT,
    CLIENT_ID,
    CODE,
    CONSENT,
    DEVICE_CODE,
    END_USER,
    FACTOR,
    GRANT,
    INTERACTION,
    KEPT,
    KEY,
    NOW,
    OTHER_TENANT,
    REFRESH_TOKEN,
    REGISTRATION_TOKEN,
    RESOURCE,
    SELF_REGISTERED,
    SESSION,
    STREAM,
    SUBJECT,
    SUCCESSOR,
    TENANT,
    TRUSTED,
    WORLD,
    digest,
    later,
)
from valetkey.adapters.storage import Storage
from valetkey.authorization_server.api_key import ApiKeyQuestion, kept_until
from valetkey.authorization_server.decision import (
    AddAccessToken,
    AddApiKey,
    AddDeviceCode,
    AddRegistrationToken,
    AddSigningKey,
    AddTenantSecret,
    AdvanceInteraction,
    ApproveDeviceCode,
    BumpGeneration,
    BurnJti,
    Change,
    ChangeApiKey,
    ChangePassword,
    CountAttempt,
    DenyDeviceCode,
    EndSession,
    FinishInteraction,
    ForgetConsents,
    ForgiveAttempts,
    GrantAuthorization,
    KeepRegistration,
    NoteApiKeyUse,
    NotePairwiseToken,
    PromoteSigningKey,
    PutClient,
    PutEndUser,
    PutResource,
    PutTenant,
    PutTrustedIssuer,
    RecordPoll,
    RedeemCode,
    RedeemDeviceCode,
    RegisterClient,
    RememberConsent,
    RemoveClient,
    RemoveEndUser,
    RemoveRegistrationToken,
    RemoveResource,
    RemoveSigningKey,
    RemoveTrustedIssuer,
    ReplaceRegisteredClient,
    ResealSecrets,
    RetireSigningKey,
    RevokeAccessToken,
    RevokeApiKey,
    RevokeAuthorization,
    RotateApiKey,
    RotateBrowserHandle,
    RotateRefreshToken,
    SetProvisioningRevision,
    SpendCode,
    StartSession,
    TouchSession,
    UseRegistrationToken,
    WithdrawConsent,
)
from valetkey.authorization_server.device.codes import Polling
from valetkey.authorization_server.key_changes import ResealedValue, SealedKind
from valetkey.authorization_server.model import AccountChoice, Generations, KeyState, PasswordHash
from valetkey.authorization_server.openid_client import OpenIdMetadata
from valetkey.authorization_server.revocation.logouts import AbandonLogout, ClaimLogout, CloseLogout
from valetkey.authorization_server.revocation.statuses import (
    AssignStatus,
    AssignStatusBlock,
    AssignStatusToClient,
    ReserveStatusRange,
    RevokeStatus,
    StatusBlock,
    StatusListId,
)
from valetkey.authorization_server.second_factor import (
    BeginFactor,
    ConfirmFactor,
    RemoveFactor,
    StepUpSession,
    UseOneTimeCode,
)
from valetkey.authorization_server.signals.streams import (
    AcknowledgeStreamEvents,
    ClaimStream,
    Delivery,
    ExcludeSubject,
    ForgetStreamEvents,
    IncludeSubject,
    PutStream,
    QueueStreamEvent,
    ReleaseStream,
    RemoveStream,
    StreamId,
    StreamSubjects,
)
from valetkey.authorization_server.trusted_issuer import SubjectMatch
from valetkey.oauth.shared_signals import VERIFICATION, StreamStatus
from valetkey.oauth.types import AuthorizationId, ClientId, Scope, Seconds, SessionId, Subject, TenantId

LIST = StatusListId("list")
NEXT_SECRET = replace(API_SECRET, digest=digest("next api key"), prefix="vk_ak_GhIjKl", created_at=later(2))
THIRD = replace(SUCCESSOR, digest=digest("third"))
SECOND_SESSION = replace(
    SESSION,
    sid=SessionId("second"),
    authentication=replace(AUTHENTICATION, auth_time=later(3)),
    generations=Generations(subject=1),
)
SECOND = replace(
    AUTHORIZATION,
    authorization_id=AuthorizationId("second"),
    sid=None,
    bound_to_session=False,
    generations=Generations(client=1, subject=1),
)
CHANGES: tuple[Change, ...] = (
    *WORLD,
    RedeemCode(CODE.digest, later(1)),
    SpendCode(CODE.digest, later(2)),
    RotateRefreshToken(REFRESH_TOKEN.digest, SUCCESSOR, KEPT, later(1)),
    RotateRefreshToken(SUCCESSOR.digest, THIRD, replace(KEPT, sealed=b"other"), later(2)),
    RotateRefreshToken(SUCCESSOR.digest, THIRD, None, later(299)),
    AddDeviceCode(DEVICE_CODE),
    AddDeviceCode(replace(DEVICE_CODE, digest=digest("other device"))),
    AddDeviceCode(
        replace(DEVICE_CODE, user_code_digest=digest("other"), generations=Generations(server=1, client=1))
    ),
    ApproveDeviceCode(DEVICE_CODE.digest, AUTHORIZATION.authorization_id, later(3)),
    ApproveDeviceCode(DEVICE_CODE.digest, SECOND.authorization_id, later(59)),
    DenyDeviceCode(DEVICE_CODE.digest, later(4)),
    RecordPoll(DEVICE_CODE.digest, DEVICE_CODE.polling, Polling(Seconds(5), NOW)),
    RecordPoll(DEVICE_CODE.digest, Polling(Seconds(5), NOW), Polling(Seconds(10), later(1))),
    RedeemDeviceCode(DEVICE_CODE.digest, later(5)),
    RedeemDeviceCode(DEVICE_CODE.digest, later(59)),
    BurnJti("a", digest("jti"), later(60), NOW),
    BurnJti("a", digest("jti"), later(90), later(60)),
    CountAttempt("login", 10, 2, NOW),
    CountAttempt("login", 10, 2, later(5)),
    ForgiveAttempts("login"),
    AdvanceInteraction(replace(INTERACTION, version=1, sid=SESSION.sid)),
    FinishInteraction(INTERACTION.digest, later(4)),
    RotateBrowserHandle(BROWSER.handle_digest, digest("new")),
    RotateBrowserHandle(digest("new"), BROWSER.handle_digest),
    GrantAuthorization(SECOND, replace(CODE, digest=digest("second"), authorization_id=SECOND.authorization_id)),
    StartSession(SECOND_SESSION),
    BeginFactor(FACTOR),
    BeginFactor(replace(FACTOR, factor_id="factor-2", created_at=later(1))),
    ConfirmFactor(SUBJECT, FACTOR.factor_id, 60, later(2)),
    UseOneTimeCode(SUBJECT, FACTOR.factor_id, 61),
    UseOneTimeCode(SUBJECT, FACTOR.factor_id, 60),
    RemoveFactor(SUBJECT, "factor-2"),
    StepUpSession(SESSION.sid, replace(AUTHENTICATION, auth_time=later(2), acr="urn:example:acr:two"), later(2)),
    StepUpSession(SECOND_SESSION.sid, AUTHENTICATION, later(4)),
    AdvanceInteraction(replace(INTERACTION, version=1, account_choice=AccountChoice.ANOTHER)),
    TouchSession(SESSION.sid, later(7)),
    EndSession(SESSION.sid, later(8)),
    ClaimLogout(SESSION.sid, CLIENT_ID, 0, later(9), later(24)),
    ClaimLogout(SESSION.sid, CLIENT_ID, 1, later(24), later(90)),
    CloseLogout(SESSION.sid, CLIENT_ID),
    AbandonLogout(SECOND_SESSION.sid, CLIENT_ID, SUBJECT),
    PutStream(STREAM),
    PutStream(STREAM),
    PutStream(
        replace(
            STREAM,
            stream_id=StreamId("polled"),
            delivery=Delivery(),
            subjects=StreamSubjects.ALL,
            created_at=later(1),
            verified_at=later(2),
        )
    ),
    PutStream(replace(STREAM, status=StreamStatus.DISABLED, reason="Enough.", client_id=ClientId("other"))),
    RemoveStream(STREAM.stream_id),
    QueueStreamEvent(STREAM.stream_id, VERIFICATION, {"state": "s"}, later(3)),
    AcknowledgeStreamEvents(STREAM.stream_id, (1, 3)),
    ForgetStreamEvents(STREAM.stream_id),
    ClaimStream(STREAM.stream_id, 0, later(4), later(34)),
    ClaimStream(STREAM.stream_id, 1, later(34), later(90)),
    ReleaseStream(STREAM.stream_id, 0, later(5)),
    ExcludeSubject(STREAM.stream_id, SUBJECT),
    IncludeSubject(STREAM.stream_id, SUBJECT),
    PutClient(replace(CLIENT, openid=OpenIdMetadata())),
    RevokeAuthorization(AUTHORIZATION.authorization_id, later(9)),
    AddApiKey(API_KEY, Generations()),
    AddApiKey(API_KEY_OF_USER, Generations()),
    AddApiKey(replace(API_KEY_OF_USER, key_id="ak_third", request=API_KEY.request), Generations(subject=1)),
    AddApiKey(replace(API_KEY, key_id="ak_fourth", request=None), Generations()),
    RotateApiKey(API_KEY.key_id, 1, NEXT_SECRET, later(61), later(2)),
    RotateApiKey(API_KEY.key_id, 2, replace(NEXT_SECRET, digest=digest("third api key")), later(31), later(3)),
    RotateApiKey(API_KEY_OF_USER.key_id, 1, NEXT_SECRET, later(5), later(5)),
    RotateApiKey(API_KEY.key_id, 2, replace(NEXT_SECRET, digest=digest("late")), later(500), later(400)),
    ChangeApiKey(API_KEY, replace(API_KEY, name="renamed", limit=None, resources=("https://a.example",))),
    ChangeApiKey(
        replace(API_KEY, version=2),
        replace(API_KEY, scope=Scope(), expires_at=later(60), kept_until=kept_until(later(60))),
    ),
    ChangeApiKey(API_KEY_OF_USER, replace(API_KEY_OF_USER, expires_at=later(3), kept_until=later(300))),
    RevokeApiKey(API_KEY.key_id, later(4)),
    RevokeApiKey(API_KEY_OF_USER.key_id, later(4)),
    RevokeAuthorization(API_KEY.authorization_id, later(5)),
    AssignStatus(LIST, 9, API_KEY.authorization_id, later(300)),
    NoteApiKeyUse(API_KEY.key_id, later(1)),
    NoteApiKeyUse(API_KEY.key_id, later(60)),
    NoteApiKeyUse(API_KEY.key_id, later(61)),
    AddAccessToken(ACCESS_TOKEN),
    AddAccessToken(replace(ACCESS_TOKEN, expires_at=later(500))),
    RevokeAccessToken(digest("jti"), later(70)),
    RevokeAccessToken(digest("jti"), later(500), ("https://api.example",)),
    RememberConsent(CONSENT),
    RememberConsent(replace(CONSENT, scope=Scope.of(("write",)), granted_at=later(1), resources=())),
    RememberConsent(replace(CONSENT, scope=Scope(), granted_at=later(600), expires_at=later(900))),
    WithdrawConsent(SUBJECT, CLIENT_ID, later(10)),
    PutTenant(ACME),
    PutClient(replace(CLIENT, disabled=True)),
    RegisterClient(SELF_REGISTERED, later(400), 2),
    RegisterClient(replace(SELF_REGISTERED, client_id=ClientId("third")), None, 2),
    RegisterClient(replace(SELF_REGISTERED, client_id=CLIENT_ID), later(400), 3),
    ReplaceRegisteredClient(replace(SELF_REGISTERED, name="Renamed")),
    PutClient(replace(SELF_REGISTERED, disabled=True)),
    KeepRegistration(SELF_REGISTERED.client_id, later(660), later(1)),
    KeepRegistration(SELF_REGISTERED.client_id, later(90_000), later(86_401)),
    ForgetConsents(CLIENT_ID),
    AddRegistrationToken(REGISTRATION_TOKEN),
    AddRegistrationToken(replace(REGISTRATION_TOKEN, token_id="endless", digest=digest("endless"), uses_left=None)),
    UseRegistrationToken(REGISTRATION_TOKEN.digest, later(1)),
    UseRegistrationToken(digest("endless"), later(399)),
    UseRegistrationToken(digest("endless"), later(400)),
    RemoveRegistrationToken(REGISTRATION_TOKEN.token_id),
    RemoveClient(SELF_REGISTERED.client_id),
    RemoveClient(CLIENT_ID),
    PutEndUser(replace(END_USER, password_hash=PasswordHash("$argon2id$2"))),
    PutEndUser(replace(END_USER, disabled=True)),
    PutEndUser(replace(END_USER, subject=Subject("bob"))),
    ChangePassword(SUBJECT, PasswordHash("$argon2id$1"), PasswordHash("$argon2id$3"), later(11)),
    RemoveEndUser(SUBJECT, NOW),
    PutResource(RESOURCE),
    RemoveResource(RESOURCE.identifier),
    AddSigningKey(KEY),
    AddSigningKey(replace(KEY, kid="k2")),
    AddSigningKey(replace(KEY, kid="k3", state=KeyState.ANNOUNCED)),
    AddSigningKey(replace(KEY, kid="k4", state=KeyState.ANNOUNCED)),
    PromoteSigningKey("k3", later(12)),
    PromoteSigningKey("k4", later(13)),
    RetireSigningKey(KEY.kid, later(14)),
    RemoveSigningKey(KEY.kid, KeyState.RETIRED),
    RemoveSigningKey("k3", KeyState.ACTIVE),
    *(
        ResealSecrets(
            version,
            (
                ResealedValue(SealedKind.PRIVATE_KEY, KEY.kid, KEY.sealed_private_jwk, b"anew"),
                ResealedValue(SealedKind.TENANT_SECRET, "salt", b"sealed", b"anew"),
                ResealedValue(SealedKind.ONE_TIME_CODE_KEY, SUBJECT, FACTOR.sealed_key, b"anew"),
                ResealedValue(SealedKind.STREAM_HEADER, STREAM.stream_id, b"sealed header\x00", b"anew"),
            ),
            (replace(CLIENT, name="Sealed anew"),),
        )
        for version in (2, 3, 4)
    ),
    AddTenantSecret("salt", b"sealed"),
    AddTenantSecret("salt", b"another"),
    AddTenantSecret("other", b"sealed"),
    NotePairwiseToken(SUBJECT, AUTHORIZATION.authorization_id, later(300)),
    NotePairwiseToken(SUBJECT, AUTHORIZATION.authorization_id, later(31)),
    NotePairwiseToken(SUBJECT, SECOND.authorization_id, later(301)),
    NotePairwiseToken(SUBJECT, AuthorizationId("gone"), later(400)),
    ReserveStatusRange(LIST, b"\x04" * 32, 0, 8, later(350)),
    ReserveStatusRange(LIST, b"\x04" * 32, 8, 1 << 16, later(300)),
    AssignStatus(LIST, 5, AUTHORIZATION.authorization_id, later(300)),
    AssignStatus(LIST, 6, SECOND.authorization_id, later(301)),
    AssignStatusBlock(StatusBlock(LIST, 0, 4, CLIENT_ID, Generations(), later(300))),
    AssignStatusToClient(LIST, 8, ClientId("third"), 0, later(300)),
    AssignStatusToClient(LIST, 8, CLIENT_ID, 0, later(301)),
    RevokeStatus(LIST, 7, later(300)),
    PutTrustedIssuer(TRUSTED),
    PutTrustedIssuer(replace(TRUSTED, subject_match=SubjectMatch.EMAIL, subjects={}, disabled=True)),
    RemoveTrustedIssuer(TRUSTED.issuer),
    PutEndUser(replace(END_USER, email="ALICE@Example.com")),
    PutEndUser(replace(END_USER, email=None, email_verified=False)),
    BumpGeneration("client", CLIENT_ID),
    BumpGeneration("subject", SUBJECT),
    BumpGeneration("tenant", ""),
    BumpGeneration("server", ""),
    SetProvisioningRevision(1),
    SetProvisioningRevision(2),
)


async def everything(storage: Storage, tenant: TenantId) -> list[object]:
    stores = storage.stores(tenant)
    return [
        await storage.tenants.list(),
        await stores.clients.list(),
        await stores.clients.find(CLIENT_ID),
        await stores.clients.generations(CLIENT_ID),
        await stores.clients.find(SELF_REGISTERED.client_id),
        list(await stores.registrations.uses()),
        list(await stores.registrations.tokens()),
        await stores.registrations.find_token(REGISTRATION_TOKEN.digest),
        await stores.registrations.count(),
        await stores.resources.list(),
        await stores.resources.find(RESOURCE.identifier),
        await stores.tenant_secrets.list(),
        list(await stores.signing_keys.list()),
        await stores.signing_keys.version(),
        await stores.end_users.list(),
        await stores.end_users.find_by_username("alice"),
        list(await stores.end_users.find_by_email("alice@example.com")),
        await stores.trusted_issuers.find(TRUSTED.issuer),
        list(await stores.trusted_issuers.list()),
        await stores.end_users.generations(SUBJECT),
        [await stores.browsers.find(handle) for handle in (BROWSER.handle_digest, digest("new"))],
        await stores.second_factors.find(SUBJECT),
        list(await stores.second_factors.list()),
        await stores.browsers.sessions(BROWSER.browser_id),
        await stores.browsers.sessions_of(SUBJECT),
        [await stores.browsers.session(sid) for sid in (SESSION.sid, SECOND_SESSION.sid)],
        await stores.browsers.has_known(BROWSER.browser_id, SUBJECT),
        await stores.interactions.find(INTERACTION.digest),
        await stores.consents.find(SUBJECT, CLIENT_ID),
        list(await stores.consents.of(SUBJECT)),
        await stores.authorizations.of(SUBJECT),
        [await stores.authorizations.find(one.authorization_id) for one in (AUTHORIZATION, SECOND)],
        await stores.authorizations.current(CLIENT_ID, SUBJECT),
        list(await stores.authorizations.signed_in_by(SESSION.sid, SUBJECT)),
        [list(await stores.browsers.timed_out(later(at), later(at - 5), 100)) for at in (0, 5, 6, 7)],
        [await stores.codes.find(code) for code in (CODE.digest, digest("second"))],
        [await stores.device_codes.find(one) for one in (DEVICE_CODE.digest, digest("other device"))],
        [await stores.device_codes.find_by_user_code(digest(one)) for one in ("WDJBMJHT", "other")],
        [await stores.refresh_tokens.find(one.digest) for one in (REFRESH_TOKEN, SUCCESSOR, THIRD)],
        await stores.access_tokens.find(ACCESS_TOKEN.digest),
        await stores.access_tokens.is_revoked(digest("jti")),
        [await stores.api_keys.find(one.key_id) for one in (API_KEY, API_KEY_OF_USER)],
        [await stores.api_keys.find_by_secret(digest(one)) for one in ("api key", "next api key", "third api key")],
        await stores.api_keys.find_by_request(digest("asked")),
        [list(await stores.api_keys.page(ApiKeyQuestion(2, owner=one))) for one in (None, CLIENT_ID, SUBJECT)],
        list(await stores.api_keys.page(ApiKeyQuestion(2, (NOW, API_KEY.key_id)))),
        await stores.status_lists.open(1, NOW),
        await stores.status_lists.find(LIST, NOW),
        await stores.security_events.after(0, 1_000),
        await stores.security_events.last(),
        list(await stores.streams.list()),
        list(await stores.streams.of(CLIENT_ID)),
        await stores.streams.find(STREAM.stream_id),
        [
            list(await stores.streams.events(StreamId(one), 100, StreamStatus.ENABLED))
            for one in ("stream", "polled")
        ],
        list(await stores.streams.excluded(STREAM.stream_id)),
        [await storage.due_streams(later(at), 100) for at in (0, 34, 90_000)],
        [await storage.due_logouts(later(at), 2, 100) for at in (0, 24, 90_000)],
        await stores.replay_guard.is_burned("a", digest("jti"), later(60)),
        await stores.attempts.wait("login", 10, 2, later(5)),
    ]


Commits = list[tuple[TenantId, list[Change]]]


async def history(name: str, commits: Commits, purged_at: int) -> list[object]:
    with tempfile.TemporaryDirectory() as folder:
        storage = await STORAGES[name](Path(folder))
        seen: list[object] = [
            await storage.stores(TENANT).commit(WORLD),
            *[await storage.stores(tenant).commit(changes) for tenant, changes in commits],
        ]
        for tenant in (TENANT, OTHER_TENANT):
            seen += await everything(storage, tenant)
        while await storage.purge(later(purged_at), 100):
            pass
        for tenant in (TENANT, OTHER_TENANT):
            seen += await everything(storage, tenant)
        await storage.close()
    return seen


PURGED_AT = [0, 31, 61, 301, 401, 501, 660, 901, 1001, 90_000, 2_592_300, 2_700_000]
COMMITS = st.lists(
    st.tuples(
        st.sampled_from([TENANT, TENANT, TENANT, OTHER_TENANT]),
        st.lists(st.sampled_from(CHANGES), min_size=1, max_size=3),
    ),
    max_size=12,
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
@given(
    commits=COMMITS,
    purged_at=st.sampled_from([0, 31, 61, 301, 401, 501, 660, 901, 1001, 90_000, 2_592_300, 2_700_000]),
)
def test_memory_and_sqlite_agree(commits: Commits, purged_at: int) -> None:
    memory = asyncio.run(history("memory", commits, purged_at))
    assert asyncio.run(history("sqlite", commits, purged_at)) == memory


def test_every_kind_of_change_takes_part_in_the_comparison() -> None:
    taking_part = {type(change) for change in (*CHANGES, GRANT)}
    assert taking_part >= set(Change.__args__)


def test_a_code_whose_text_is_taken_loses_in_both() -> None:
    """Its authorization may be gone with its client: the code itself is still known."""
    grants = (change for change in CHANGES if isinstance(change, GrantAuthorization))
    second = next(grant for grant in grants if grant.code is not None)
    commits: Commits = [(TENANT, [change]) for change in (second, RemoveClient(CLIENT_ID), second)]

    memory = asyncio.run(history("memory", commits, 0))

    assert asyncio.run(history("sqlite", commits, 0)) == memory

from dataclasses import replace

import pytest

from support.house import API, NOW, OTHER_API, clients, end_users
from support.requirement import requirement
from valetkey.authorization_server.authorization.accounts import choose_session
from valetkey.authorization_server.authorization.facts import Facts
from valetkey.authorization_server.authorization.granting import Grant, is_bound, is_identity_assured
from valetkey.authorization_server.authorization.interaction import (
    UNBOUND,
    Deny,
    FrontChannelDecision,
    NeedConsent,
    NeedLogin,
    answered,
    decide,
    open_interaction,
    opened,
)
from valetkey.authorization_server.authorization.request import (
    PageRefusal,
    Prompt,
    VerifiedAuthorizationRequest,
)
from valetkey.authorization_server.claims_request import ClaimsRequest, RequestedClaim
from valetkey.authorization_server.decision import (
    FinishInteraction,
    GrantAuthorization,
    RememberConsent,
    TouchSession,
)
from valetkey.authorization_server.fresh import Fresh
from valetkey.authorization_server.model import (
    Authentication,
    BrowserId,
    Consent,
    ConsentAnswer,
    ConsentMode,
    Generations,
    Interaction,
    ManagedBy,
    Session,
    StoredSession,
)
from valetkey.authorization_server.pages import ErrorKind
from valetkey.authorization_server.policy import OAUTH_2_1
from valetkey.oauth.errors import ErrorCode
from valetkey.oauth.parameters import Parameters
from valetkey.oauth.redirect_uri import LoopbackPort, VerifiedRedirect, verify
from valetkey.oauth.types import NumericDate, Scope, SessionId, TokenDigest

BROWSER = BrowserId("browser")
FRESH = Fresh(NOW, b"s" * 64)
GENERATIONS = Generations(server=1, tenant=2, client=3, subject=4)


def verified(uri: str) -> VerifiedRedirect:
    return verify(uri, (uri,), LoopbackPort.AS_REGISTERED)


ASKED = VerifiedAuthorizationRequest(
    client=clients()["web"],
    to=verified("https://web.example/callback"),
    redirect_uri_was_sent=True,
    state="state-1",
    scope=Scope.parse("openid albums.read"),
    resources=(API,),
    code_challenge="c" * 43,
    nonce="nonce-1",
    prompt=frozenset(),
    max_age=None,
    login_hint="",
    hinted_subject=None,
    parameters=Parameters.of((("client_id", "web"), ("scope", "openid albums.read nonsense"), ("resource", API))),
)


def signed_in(username: str = "alice", sid: str = "session-1", ago: int = 0) -> StoredSession:
    then = NumericDate(NOW - ago)
    session = Session(
        SessionId(sid),
        BROWSER,
        end_users()[username].subject,
        Authentication(then, "acr", ("pwd",)),
        Generations(),
        then,
        then,
    )
    return StoredSession(session, Generations(), end_users()[username])


ALICE = signed_in()
CONSENT = Consent(
    ALICE.session.subject,
    ASKED.client.client_id,
    ASKED.scope,
    ASKED.resources,
    NOW,
    NumericDate(NOW + 1_000),
)
WAITING = Interaction(
    TokenDigest(b"d" * 32),
    BROWSER,
    ASKED.client.client_id,
    ASKED.parameters.as_pairs(),
    NOW,
    NumericDate(NOW + 900),
)
FACTS = Facts((ALICE,), None, CONSENT, GENERATIONS)
ALLOWED = replace(WAITING, sid=ALICE.session.sid, answer=ConsentAnswer.ALLOWED)
PROVED = replace(WAITING, sid=ALICE.session.sid, authenticated_at=NOW)


def judge(
    asked: VerifiedAuthorizationRequest = ASKED, facts: Facts = FACTS, now: int = NOW
) -> FrontChannelDecision:
    return decide(asked, facts, OAUTH_2_1, Fresh(NumericDate(now), b"s" * 64))


def granted(decision: FrontChannelDecision) -> GrantAuthorization:
    assert isinstance(decision, Grant), decision
    (found,) = (change for change in decision.changes if isinstance(change, GrantAuthorization))
    return found


def denied(decision: FrontChannelDecision) -> ErrorCode:
    assert isinstance(decision, Deny), decision
    assert decision.refusal.state == "state-1"
    return decision.refusal.error.code


def with_prompt(*prompt: Prompt) -> VerifiedAuthorizationRequest:
    return replace(ASKED, prompt=frozenset(prompt))


def test_a_live_session_with_a_remembered_consent_is_granted_in_one_commit() -> None:
    decision = judge()
    grant = granted(decision)
    assert isinstance(decision, Grant)
    assert decision.changes == (grant,)
    authorization, code = grant.authorization, grant.code
    assert code is not None
    assert decision.code is not None
    assert (authorization.subject, authorization.sid) == ("sub-alice", "session-1")
    assert (authorization.scope, authorization.resources, authorization.nonce) == (ASKED.scope, (API,), "nonce-1")
    assert authorization.generations == replace(ALICE.session.generations, client=GENERATIONS.client)
    assert authorization.authentication == ALICE.session.authentication
    assert authorization.expires_at == NOW + OAUTH_2_1.authorization_lifetime
    assert (code.digest, code.redirect_uri) == (decision.code.digest(), "https://web.example/callback")
    assert (code.code_challenge, code.expires_at) == ("c" * 43, NOW + 60)
    assert decision.code.reveal().startswith("vk_ac_")


def test_nobody_is_asked_to_sign_in() -> None:
    assert judge(facts=Facts((), None)) == NeedLogin()


def test_who_was_not_asked_is_asked() -> None:
    assert judge(facts=replace(FACTS, consent=None)) == NeedConsent(ALICE, ())


@pytest.mark.parametrize(
    "consent",
    [
        replace(CONSENT, scope=Scope.parse("openid")),
        replace(CONSENT, resources=(OTHER_API,)),
        replace(CONSENT, expires_at=NOW),
    ],
)
def test_a_remembered_consent_covers_scope_resources_and_time(consent: Consent) -> None:
    assert judge(facts=replace(FACTS, consent=consent)) == NeedConsent(ALICE, ())


def test_the_answer_of_the_person_decides() -> None:
    asked = replace(FACTS, consent=None, interaction=ALLOWED)
    decision = judge(facts=asked)
    assert isinstance(decision, Grant)
    assert decision.changes[0] == FinishInteraction(WAITING.digest, NOW)
    assert RememberConsent(replace(CONSENT, expires_at=NumericDate(NOW + 365 * 86_400))) in decision.changes
    refused = judge(facts=replace(asked, interaction=replace(ALLOWED, answer=ConsentAnswer.DENIED)))
    assert denied(refused) is ErrorCode.ACCESS_DENIED
    assert isinstance(refused, Deny)
    assert refused.changes == (FinishInteraction(WAITING.digest, NOW),)


def test_a_new_answer_widens_what_is_remembered_unless_that_expired() -> None:
    before = replace(CONSENT, scope=Scope.parse("email"), resources=(OTHER_API,))
    for expires_at, scope, resources in (
        (NOW + 1, "openid albums.read email", (OTHER_API, API)),
        (NOW, "openid albums.read", (API,)),
    ):
        known = replace(before, expires_at=NumericDate(expires_at))
        decision = judge(facts=replace(FACTS, consent=known, interaction=ALLOWED))
        assert isinstance(decision, Grant)
        (remembered,) = (change for change in decision.changes if isinstance(change, RememberConsent))
        assert (remembered.consent.scope, remembered.consent.resources) == (Scope.parse(scope), resources)


@pytest.mark.parametrize("mode", [ConsentMode.ASK, ConsentMode.FIRST_PARTY])
def test_only_a_client_that_remembers_is_remembered(mode: ConsentMode) -> None:
    asked = replace(ASKED, client=replace(ASKED.client, consent=mode))
    decision = judge(asked, replace(FACTS, interaction=ALLOWED, consent=None))
    assert isinstance(decision, Grant)
    assert not any(isinstance(change, RememberConsent) for change in decision.changes)


@requirement("OIDCC-3.1.2.3/reauthenticate")
@pytest.mark.parametrize("asked", [with_prompt(Prompt.LOGIN), replace(ASKED, max_age=0)])
def test_only_a_sign_in_for_this_very_request_is_fresh(asked: VerifiedAuthorizationRequest) -> None:
    assert judge(asked) == NeedLogin()
    assert judge(asked, replace(FACTS, interaction=WAITING)) == NeedLogin()
    granted(judge(asked, replace(FACTS, interaction=PROVED)))


@requirement("OIDCC-3.1.2.1/max-age")
def test_max_age_is_measured_from_the_sign_in() -> None:
    asked = replace(ASKED, max_age=100)
    granted(judge(asked, now=NOW + 100))
    assert judge(asked, now=NOW + 101) == NeedLogin()
    granted(judge(asked, replace(FACTS, interaction=PROVED), now=NOW + 101))


def test_the_session_of_an_answer_must_still_live() -> None:
    another = signed_in("bob", "session-2")
    assert judge(facts=replace(FACTS, sessions=(another,), interaction=ALLOWED)) == NeedLogin()


def test_prompt_consent_asks_whatever_is_remembered() -> None:
    asked = with_prompt(Prompt.CONSENT)
    assert judge(asked) == NeedConsent(ALICE, ())
    granted(judge(asked, replace(FACTS, interaction=ALLOWED)))


@requirement("OIDCC-3.1.2.3/silent")
@pytest.mark.parametrize(
    ("changes", "facts", "error"),
    [
        ({}, Facts((), None), ErrorCode.LOGIN_REQUIRED),
        ({"max_age": 0}, FACTS, ErrorCode.LOGIN_REQUIRED),
        ({}, replace(FACTS, consent=None), ErrorCode.CONSENT_REQUIRED),
        (
            {},
            replace(FACTS, sessions=(ALICE, signed_in("bob", "session-2"))),
            ErrorCode.ACCOUNT_SELECTION_REQUIRED,
        ),
        ({"hinted_subject": "sub-bob"}, Facts((ALICE,), None), ErrorCode.LOGIN_REQUIRED),
    ],
)
def test_prompt_none_is_answered_by_an_error(changes: dict[str, object], facts: Facts, error: ErrorCode) -> None:
    asked = replace(with_prompt(Prompt.NONE), **changes)  # type: ignore[arg-type]
    assert denied(judge(asked, facts)) is error


def test_prompt_none_takes_the_one_account_in_its_newest_session() -> None:
    older, newer = signed_in(sid="session-1", ago=100), signed_in(sid="session-2")
    grant = granted(judge(with_prompt(Prompt.NONE), replace(FACTS, sessions=(newer, older))))
    assert grant.authorization.sid == "session-2"


def test_a_hint_chooses_the_session() -> None:
    bob = signed_in("bob", "session-2")
    assert choose_session(ASKED, (bob, ALICE), None) is bob
    assert choose_session(replace(ASKED, hinted_subject=ALICE.session.subject), (bob, ALICE), None) is ALICE
    assert choose_session(ASKED, (bob, ALICE), ALLOWED) is ALICE


def test_who_signs_in_as_another_than_hinted_is_refused() -> None:
    asked = replace(ASKED, hinted_subject=end_users()["bob"].subject)
    assert denied(judge(asked, replace(FACTS, interaction=PROVED))) is ErrorCode.LOGIN_REQUIRED


@pytest.mark.parametrize(("ago", "is_written"), [(59, False), (60, True)])
def test_activity_joins_the_commit_once_a_minute(ago: int, is_written: bool) -> None:  # noqa: FBT001 - a column
    stored = signed_in(ago=ago)
    touch = TouchSession(stored.session.sid, NOW)
    decision = judge(facts=replace(FACTS, sessions=(stored,)))
    assert isinstance(decision, Grant)
    assert (touch in decision.changes) is is_written
    asked = judge(facts=replace(FACTS, sessions=(stored,), consent=None))
    assert asked == NeedConsent(stored, (touch,) if is_written else ())


@pytest.mark.parametrize(
    ("scope", "is_so"), [("openid", True), ("openid offline_access", False), ("albums.read", False)]
)
def test_openid_connect_without_offline_access_dies_with_its_session(
    scope: str,
    is_so: bool,  # noqa: FBT001 - a column
) -> None:
    assert is_bound(Scope.parse(scope), OAUTH_2_1) is is_so


def test_whose_identity_is_assured() -> None:
    spa, file = clients()["spa"], replace(clients()["native"], managed_by=ManagedBy.FILE)
    https, loopback, scheme = map(verified, ("https://a.example/", "http://[::1]/", "com.example.a:/"))
    found = [is_identity_assured(client, to) for client in (spa, file) for to in (https, loopback, scheme)]
    assert found == [True, False, False, True, True, False]
    assert is_identity_assured(clients()["web"], scheme)


def test_an_answer_narrows_the_request_to_what_was_shown() -> None:
    forged = replace(WAITING, parameters=(*WAITING.parameters, ("shown claims", "gender")))
    asked = replace(ASKED, claims=ClaimsRequest((RequestedClaim("name"), RequestedClaim("birthdate"))))
    interaction = answered(asked, forged, ALICE, ConsentAnswer.ALLOWED)
    assert len(interaction.parameters) == 5
    assert dict(interaction.parameters) == {
        "client_id": "web",
        "scope": "albums.read openid",
        "resource": API,
        "shown redirect_uri": "https://web.example/callback",
        "shown claims": "birthdate name",
    }
    assert (interaction.version, interaction.sid, interaction.answer) == (1, "session-1", ConsentAnswer.ALLOWED)


def test_a_new_interaction_waits_as_long_as_the_policy_says() -> None:
    interaction, token = opened(ASKED, BROWSER, OAUTH_2_1, FRESH)
    assert interaction.digest == token.digest()
    assert interaction.expires_at == NOW + OAUTH_2_1.interaction_lifetime
    assert Parameters.of(interaction.parameters).get("scope") == "openid albums.read nonsense"


@pytest.mark.parametrize(
    ("interaction", "browser_id", "kind"),
    [
        (None, BROWSER, ErrorKind.INTERACTION_EXPIRED),
        (WAITING, BrowserId("other"), ErrorKind.OTHER_BROWSER),
        (WAITING, None, ErrorKind.OTHER_BROWSER),
        (replace(WAITING, finished_at=NOW), BROWSER, ErrorKind.INTERACTION_FINISHED),
        (replace(WAITING, finished_at=NOW), BrowserId("other"), ErrorKind.OTHER_BROWSER),
        (replace(WAITING, expires_at=NOW), BROWSER, ErrorKind.INTERACTION_EXPIRED),
    ],
)
def test_a_browser_goes_on_only_with_its_own_open_interaction(
    interaction: Interaction | None, browser_id: BrowserId | None, kind: ErrorKind
) -> None:
    with pytest.raises(PageRefusal) as refused:
        open_interaction(interaction, browser_id, NOW)
    assert refused.value.kind is kind


@pytest.mark.parametrize("browser_id", [BROWSER, None])
def test_the_interaction_of_a_cross_site_post_belongs_to_whoever_comes_first(browser_id: BrowserId | None) -> None:
    unbound = replace(WAITING, browser_id=UNBOUND)
    assert open_interaction(unbound, browser_id, NOW) is unbound

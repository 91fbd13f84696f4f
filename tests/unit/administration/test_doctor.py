"""Every diagnosis finds what it is for, and a sound configuration leaves nothing to find."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from valetkey.administration.doctor import (
    DEPLOYMENT_DIAGNOSES,
    DIAGNOSES,
    Deployment,
    Estate,
    Severity,
    examine,
    of_publication,
)
from valetkey.administration.doctor.of_publication import Answer, Publication, metadata_addresses
from valetkey.authorization_server.claim_rule import ClaimRule
from valetkey.authorization_server.model import (
    AccessTokenFormat,
    AuthenticationMethod,
    Client,
    ClientSecret,
    ConsentMode,
    EndUser,
    ExchangeRule,
    KeyState,
    RegistrationMode,
    Resource,
    SigningKey,
    Tenant,
)
from valetkey.authorization_server.openid_client import openid_metadata
from valetkey.authorization_server.policy import OAUTH_2_1, PROFILES, Policy
from valetkey.authorization_server.registered import SelfRegistration
from valetkey.oauth.types import (
    DEFAULT_TENANT,
    ClientId,
    GrantType,
    Issuer,
    NumericDate,
    Scope,
    Seconds,
    SecretDigest,
    SecretText,
    Subject,
    TokenDigest,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

NOW = NumericDate(1_800_000_000)
DAY = 86_400
API = "https://api.example.com"
ISSUER = Issuer("https://login.example.com/t/shop")


def _secret(name: str, created: int = NOW - DAY, expires: int | None = None) -> ClientSecret:
    ends = None if expires is None else NumericDate(expires)
    return ClientSecret(name, SecretDigest(SecretText("s" * 40).digest()), NumericDate(created), ends)


def _key(algorithm: str, created: int = NOW - DAY) -> SigningKey:
    return SigningKey(f"key-{algorithm}", algorithm, "{}", b"", KeyState.ACTIVE, NumericDate(created))


CLIENT = Client(
    ClientId("shop"),
    "Shop",
    AuthenticationMethod.CLIENT_SECRET_BASIC,
    frozenset({GrantType("authorization_code")}),
    redirect_uris=("https://shop.example.com/cb",),
    secrets=(_secret("one"),),
    scope=Scope.parse("openid a.read"),
    resources=(API,),
)
SPEAKER = replace(
    CLIENT, client_id=ClientId("api"), grant_types=frozenset(), redirect_uris=(), scope=Scope(), resources=()
)
NATIVE = replace(
    CLIENT,
    client_id=ClientId("cli"),
    authentication_method=AuthenticationMethod.NONE,
    redirect_uris=("http://127.0.0.1/cb",),
    secrets=(),
)
RESOURCE = Resource(API, "API", {"a.read": "Read your a"}, introspection_client_ids=(ClientId("api"),))
END_USER = EndUser(Subject("s"), "ada", None, NOW)
SOUND = Estate(
    Tenant(DEFAULT_TENANT, "Shop", "OAUTH_2_1"),
    OAUTH_2_1,
    (CLIENT, SPEAKER),
    (RESOURCE,),
    (_key("ES256"), _key("RS256")),
    NOW,
)
DEPLOYMENT = Deployment(
    issuer=Issuer("https://login.example.com"),
    hosts=("0.0.0.0",),
    trusted_proxies=("10.1.0.0/16",),
    has_tls=False,
    certificate_ends=None,
    is_database_open_to_others=False,
    missing_migrations=(),
    now=NOW,
)


def _with(**changes: object) -> Estate:
    client = replace(CLIENT, **changes)  # type: ignore[arg-type]  # a test names one field
    return replace(SOUND, clients=(client, SPEAKER))


def _of_resource(**changes: object) -> Estate:
    return replace(SOUND, resources=(replace(RESOURCE, **changes),))  # type: ignore[arg-type]  # as above


def _under(policy: Policy) -> Estate:
    tenant = replace(SOUND.tenant, profile=policy.name)
    return replace(SOUND, tenant=tenant, profiles={policy.name: policy})


ILL: Mapping[str, Estate] = {
    "password-grant": _under(
        replace(OAUTH_2_1, name="OLD", grant_types=OAUTH_2_1.grant_types | {GrantType("password")})
    ),
    "implicit-grant": _under(replace(OAUTH_2_1, name="OLD", response_types=frozenset({"code", "code token"}))),
    "long-access-tokens": _under(replace(OAUTH_2_1, name="SLOW", access_token_lifetime=Seconds(900))),
    "clients-unverified": _with(registration=SelfRegistration(NOW, TokenDigest(b""))),
    "pkce-optional": replace(SOUND, tenant=replace(SOUND.tenant, profile="OPENID")),
    "assertion-audience": _with(profile="OPENID"),
    "client-unsound": _with(redirect_uris=("https://shop.example.com/#part",)),
    "client-without-living-secret": _with(secrets=(_secret("one", expires=NOW),)),
    "client-resource-unknown": _with(resources=("https://other.example.com",)),
    "client-without-scope": _with(scope=Scope()),
    "client-secret-ends": _with(secrets=(_secret("one", expires=NOW + 3 * DAY),)),
    "client-scope-undefined": _with(scope=Scope.parse("openid a.read a.fly")),
    "openid-request-unsigned": _with(openid=openid_metadata({"request_object_signing_alg": "none"})),
    "openid-token-in-browser": _with(
        profile="OPENID", grant_types=frozenset(map(GrantType, ("authorization_code", "implicit")))
    ),
    "openid-pairwise-named": _with(
        openid=openid_metadata({"subject_type": "pairwise"}), scope=Scope.parse("openid email a.read")
    ),
    "client-secrets-many": _with(secrets=tuple(_secret(name) for name in ("one", "two", "three"))),
    "redirect-localhost": replace(
        SOUND, clients=(replace(NATIVE, redirect_uris=("http://localhost:9/cb",)), SPEAKER)
    ),
    "consent-never-asked": replace(SOUND, clients=(replace(NATIVE, consent=ConsentMode.FIRST_PARTY), SPEAKER)),
    "client-secret-old": _with(secrets=(_secret("one", created=NOW - 800 * DAY),)),
    "resource-unsound": _of_resource(name="\u202e"),
    "resource-unreadable": _of_resource(access_token_format=AccessTokenFormat.OPAQUE, introspection_client_ids=()),
    "resource-spoken-for-by-nobody": _of_resource(introspection_client_ids=(ClientId("gone"),)),
    "resource-long-access-tokens": _of_resource(access_token_lifetime=Seconds(900)),
    "resource-none": _with(resources=(), scope=Scope.parse("openid")),
    "resource-large-tokens": replace(
        _of_resource(claims=(ClaimRule("notes", "user.claims.notes", "a.read"),)),
        end_users=(END_USER, replace(END_USER, claims={"notes": "x" * 3_000})),
    ),
    "client-exchange-unknown": _with(token_exchange=(ExchangeRule(ClientId("gone"), (API,)),)),
    "open-registration": replace(SOUND, tenant=replace(SOUND.tenant, registration=RegistrationMode.OPEN)),
    "signing-key-missing": replace(SOUND, signing_keys=(_key("RS256"),)),
    "signing-key-old": replace(SOUND, signing_keys=(_key("ES256", NOW - 400 * DAY), _key("RS256"))),
}
ILL = {**ILL, "resource-none": replace(ILL["resource-none"], resources=())}
ILL_DEPLOYED: Mapping[str, Deployment] = {
    "issuer-without-tls": replace(DEPLOYMENT, issuer=Issuer("http://127.0.0.1:8080")),
    "proxies-everybody": replace(DEPLOYMENT, trusted_proxies=("0.0.0.0/0",)),
    "certificate-expired": replace(DEPLOYMENT, has_tls=True, certificate_ends=NOW),
    "database-open": replace(DEPLOYMENT, is_database_open_to_others=True),
    "listener-without-tls": replace(DEPLOYMENT, trusted_proxies=()),
    "certificate-ends": replace(DEPLOYMENT, has_tls=True, certificate_ends=NumericDate(NOW + 1)),
    "schema-behind": replace(DEPLOYMENT, missing_migrations=("0002 access_tokens",)),
}


def _published(**changes: object) -> Publication:
    document = {"issuer": ISSUER.url, "jwks_uri": ISSUER.endpoint("/jwks.json"), **changes}
    headers = {"access-control-allow-origin": "*", "strict-transport-security": "max-age=1"}
    answers = {address: Answer(200, headers=headers, document=document) for address in metadata_addresses(ISSUER)}
    return Publication(ISSUER, {**answers, str(document["jwks_uri"]): Answer(200, document={"keys": [{}]})})


def _answering(answer: Answer) -> Publication:
    sound = _published()
    first = metadata_addresses(ISSUER)[0]
    return Publication(ISSUER, {**sound.answers, first: answer})


ILL_PUBLISHED: Mapping[str, Publication] = {
    "metadata-unreachable": _answering(Answer(None, "nobody answers")),
    "metadata-other-issuer": _published(issuer=ISSUER.url + "/"),
    "keys-unreachable": Publication(
        ISSUER, {**_published().answers, ISSUER.endpoint("/jwks.json"): Answer(200, document={"keys": []})}
    ),
    "endpoints-elsewhere": _published(token_endpoint="http://10.0.0.7/token"),
    "metadata-without-cors": _answering(Answer(200, headers={}, document={"issuer": ISSUER.url})),
    "no-strict-transport": _answering(Answer(200, headers={}, document={"issuer": ISSUER.url})),
}


def test_a_sound_configuration_leaves_nothing_to_find() -> None:
    assert examine(DEPLOYMENT, [SOUND], [_published()]) == ()


@pytest.mark.parametrize("diagnosis", DIAGNOSES, ids=lambda diagnosis: diagnosis.rule)
def test_every_diagnosis_of_a_tenant_finds_what_it_is_for(diagnosis: object) -> None:
    rule = getattr(diagnosis, "rule", "")
    ill = ILL[rule]

    (found, *_) = (finding for finding in examine(None, [ill]) if finding.rule == rule)

    assert found.tenant == DEFAULT_TENANT
    assert all((found.about, found.message, found.remedy, found.source))


@pytest.mark.parametrize("diagnosis", DEPLOYMENT_DIAGNOSES, ids=lambda diagnosis: diagnosis.rule)
def test_every_diagnosis_of_a_deployment_finds_what_it_is_for(diagnosis: object) -> None:
    rule = getattr(diagnosis, "rule", "")

    assert rule in {finding.rule for finding in examine(ILL_DEPLOYED[rule], [SOUND])}


@pytest.mark.parametrize("diagnosis", of_publication.DIAGNOSES, ids=lambda diagnosis: diagnosis.rule)
def test_every_diagnosis_of_what_is_published_finds_what_it_is_for(diagnosis: object) -> None:
    rule = getattr(diagnosis, "rule", "")

    assert rule in {finding.rule for finding in examine(None, [], [ILL_PUBLISHED[rule]])}


def test_the_gravest_finding_comes_first() -> None:
    ill = replace(ILL["resource-long-access-tokens"], signing_keys=ILL["signing-key-old"].signing_keys[1:])

    severities = [finding.severity for finding in examine(DEPLOYMENT, [ill])]

    assert severities == sorted(severities, key=tuple(Severity).index)
    assert severities[0] is Severity.FAULT


def test_what_is_disabled_is_not_judged() -> None:
    client = replace(CLIENT, redirect_uris=("https://shop.example.com/#part",), disabled=True)

    assert examine(None, [replace(SOUND, clients=(client, SPEAKER))]) == ()


def test_every_profile_is_sound_against_itself_and_no_other_is_sound_against_a_stricter_one() -> None:
    for name, policy in PROFILES.items():
        estate = replace(SOUND, tenant=replace(SOUND.tenant, profile=name), policy=policy)
        assert examine(None, [estate]) == ()
        stricter = examine(None, [replace(estate, policy=OAUTH_2_1)])
        loosens = (policy.pkce, policy.grant_types, policy.response_types, policy.registration) != (
            OAUTH_2_1.pkce, OAUTH_2_1.grant_types, OAUTH_2_1.response_types, OAUTH_2_1.registration,
        )  # fmt: skip
        assert bool(stricter) is loosens

"""Exactly one method a request, the registered one: every method, tried for every client at every endpoint."""

from dataclasses import replace
from itertools import combinations

import pytest

from support.house import (
    ASSERTION_TYPE,
    MAC_SECRET,
    House,
    basic,
    build_house,
    client_key,
    clients,
    document,
)
from valetkey.adapters.keys.client_secrets import SealedClientSecrets
from valetkey.authorization_server import paths
from valetkey.authorization_server.client_authentication import METHODS
from valetkey.authorization_server.decision import PutClient
from valetkey.authorization_server.model import AuthenticationMethod, Client, ClientSecret
from valetkey.authorization_server.routes import ROUTES, Accepts, Face
from valetkey.jose import Jwk, JwkSet
from valetkey.oauth.types import ClientId, SecretDigest, SecretText

NONE, BASIC, POST = (
    AuthenticationMethod.NONE,
    AuthenticationMethod.CLIENT_SECRET_BASIC,
    AuthenticationMethod.CLIENT_SECRET_POST,
)
MAC, KEY = AuthenticationMethod.CLIENT_SECRET_JWT, AuthenticationMethod.PRIVATE_KEY_JWT
FORMS = {
    paths.TOKEN: {"grant_type": "client_credentials"},
    paths.INTROSPECTION: {"token": "x"},
    paths.REVOCATION: {"token": "x"},
    paths.DEVICE_AUTHORIZATION: {"scope": "albums.read"},
}
"""What each endpoint at which clients authenticate is asked."""
WITHOUT_CLIENTS = {paths.USERINFO}


def client_by(method: AuthenticationMethod, house: House) -> Client:
    """Return a client of `method` that also has a secret, sealed, and a key: only its method tells what counts."""
    client_id = ClientId(f"by {method}".replace(" ", "-"))
    secret = ClientSecret("1", SecretDigest(SecretText(MAC_SECRET).digest()), house.clock.now)
    vault = house.server.sealed_secrets
    assert isinstance(vault, SealedClientSecrets)
    sealed = vault.seal(client_id, secret, SecretText(MAC_SECRET))
    return replace(
        clients()["mac"],
        client_id=client_id,
        authentication_method=method,
        secrets=(sealed,),
        jwks=JwkSet((client_key().public(),)),
        grant_types=frozenset({*clients()["mac"].grant_types, *house.server.policy.grant_types}),
    )


def credentials(
    house: House, client: Client, method: AuthenticationMethod
) -> tuple[dict[str, str], dict[str, str]]:
    """Return form fields and headers that prove the client by a method, with its own secret or key."""
    named = {"iss": client.client_id, "sub": client.client_id}
    match method:
        case AuthenticationMethod.NONE:
            return {"client_id": client.client_id}, {}
        case AuthenticationMethod.CLIENT_SECRET_BASIC:
            return {}, basic(client.client_id, MAC_SECRET)
        case AuthenticationMethod.CLIENT_SECRET_POST:
            return {"client_id": client.client_id, "client_secret": MAC_SECRET}, {}
        case AuthenticationMethod.CLIENT_SECRET_JWT:
            key = Jwk.from_secret(MAC_SECRET.encode(), algorithm="HS256")
        case _:
            key = client_key()
    assertion = house.assertion(named, key)
    return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}, {}


def test_every_endpoint_at_which_clients_authenticate_is_tried() -> None:
    forms = {row.path for row in ROUTES if row.face is Face.MACHINE and row.accepts is Accepts.FORM}
    assert forms - WITHOUT_CLIENTS == set(FORMS)


# covers: CLI-02
@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize("registered", METHODS)
async def test_only_the_registered_method_proves_a_client(path: str, registered: AuthenticationMethod) -> None:
    house = await build_house()
    client = client_by(registered, house)
    await house.commit(PutClient(client))
    for method in METHODS:
        extra, headers = credentials(house, client, method)
        response = await house.post(path, {**FORMS[path], **extra}, headers)
        told = (method, response.status, document(response).get("error") if response.body else None)
        if method is not registered:
            assert told == (method, 401, "invalid_client")
        elif method is not NONE:
            assert response.status != 401, told


# covers: CLI-02
@pytest.mark.requirement("RFC6749-2.3/one-method")
@pytest.mark.parametrize("path", FORMS)
async def test_two_methods_in_one_request_are_malformed_even_when_both_are_right(path: str) -> None:
    house = await build_house()
    for registered in METHODS:
        client = client_by(registered, house)
        await house.commit(PutClient(client))
        for one, other in combinations((BASIC, POST, MAC, KEY), 2):
            first, second = credentials(house, client, one), credentials(house, client, other)
            if {one, other} == {MAC, KEY}:
                # Both have one form: the second assertion is a repeated parameter.
                continue
            form = {**FORMS[path], **first[0], **second[0]}
            response = await house.post(path, form, {**first[1], **second[1]})
            assert (response.status, document(response)["error"]) == (400, "invalid_request"), (one, other)


# covers: CLI-11
@pytest.mark.requirement("RFC7523-3/jti")
@pytest.mark.parametrize("method", [MAC, KEY])
async def test_an_assertion_is_good_once_at_whatever_endpoint(method: AuthenticationMethod) -> None:
    house = await build_house()
    client = client_by(method, house)
    await house.commit(PutClient(client))
    for path, form in FORMS.items():
        extra, _ = credentials(house, client, method)
        assert (await house.post(path, {**form, **extra})).status != 401
        for again, other in FORMS.items():
            assert (await house.post(again, {**other, **extra})).status == 401, (path, again)

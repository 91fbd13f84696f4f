"""`valetkey key`: what an operator does with the keys of a tenant, and with the key that they are sealed under."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from valetkey.adapters.chance import draw_fresh
from valetkey.adapters.keys.client_secrets import SealedClientSecrets
from valetkey.adapters.keys.factor_keys import SealedOneTimeCodeKeys
from valetkey.adapters.keys.pairwise_salt import SealedPairwiseSalt
from valetkey.adapters.keys.sealing import Sealer
from valetkey.adapters.keys.signer import LocalSigner
from valetkey.adapters.storage.sqlite.storage import SqliteStorage
from valetkey.authorization_server.decision import PutEndUser
from valetkey.authorization_server.key_rotation import PUBLISHED_AFTER
from valetkey.authorization_server.model import EndUser
from valetkey.authorization_server.second_factor import BeginFactor, OneTimeCodeFactor
from valetkey.oauth.errors import Unavailable
from valetkey.oauth.types import DEFAULT_TENANT, ClientId, SecretText, Subject

if TYPE_CHECKING:
    from pathlib import Path

    from support.operator import Operator

DAY = 86_400


@pytest.fixture
def kept(operator: Operator) -> Operator:
    """An operator whose default tenant has its keys, as a first start makes them, of two algorithms."""
    text = operator.config.read_text()
    operator.config.write_text(text.replace("[keys]\n", '[keys]\nalgorithms = ["ES256", "RS256"]\n'))
    operator.done("key", "rotate", "--now")
    return operator


def by_state(operator: Operator) -> dict[tuple[str, str], Any]:
    return {(view["algorithm"], view["state"]): view for view in operator.done("key", "list")}


def test_a_rotation_announces_the_next_key_of_every_algorithm(kept: Operator) -> None:
    before = by_state(kept)
    announced = kept.done("key", "rotate")
    assert [view["state"] for view in announced] == ["announced", "announced"]
    assert all(view["due_at"] == view["created_at"] + DAY for view in announced)
    after = by_state(kept)
    assert {place: after[place]["kid"] for place in before} == {place: before[place]["kid"] for place in before}
    assert len(after) == 4


def test_a_rotation_now_promotes_what_was_announced_and_retires_what_signed(kept: Operator) -> None:
    active, next_key = by_state(kept)["ES256", "active"], kept.done("key", "rotate", "--algorithm", "ES256")[0]
    (promoted,) = kept.done("key", "rotate", "--algorithm", "ES256", "--now")
    assert (promoted["kid"], promoted["state"]) == (next_key["kid"], "active")
    states = by_state(kept)
    retired = states["ES256", "retired"]
    assert retired["kid"] == active["kid"]
    assert retired["due_at"] == retired["retired_at"] + PUBLISHED_AFTER
    assert ("RS256", "retired") not in states


def test_what_is_announced_already_is_not_announced_again(kept: Operator) -> None:
    kept.done("key", "rotate")
    assert "announced already for ES256, RS256" in kept.refused("key", "rotate")
    assert len(kept.done("key", "list")) == 4


def test_an_algorithm_that_is_not_configured_is_refused_by_its_name(kept: Operator) -> None:
    refused = kept.refused("key", "rotate", "--algorithm", "PS256")
    assert refused == "valetkey: PS256 is not among keys.algorithms, which are ES256, RS256: add it there"


def test_a_revoked_key_is_gone_at_once_and_a_new_one_signs(kept: Operator) -> None:
    leaked = by_state(kept)["ES256", "active"]["kid"]
    answer = kept.done("key", "revoke", leaked)
    assert answer["kid"] == leaked
    (successor,) = answer["keys"]
    assert (successor["state"], successor["activated_at"]) == ("active", successor["created_at"])
    assert leaked not in [view["kid"] for view in kept.done("key", "list")]
    events = {(line["event"], line["name"]) for line in kept.done("audit", "--event", "signing_key")}
    assert events >= {("signing_key.added", successor["kid"]), ("signing_key.removed", leaked)}


def test_the_announced_key_takes_the_place_of_a_revoked_one(kept: Operator) -> None:
    (next_key,) = kept.done("key", "rotate", "--algorithm", "RS256")
    leaked = by_state(kept)["RS256", "active"]["kid"]
    (successor,) = kept.done("key", "revoke", leaked[:12])["keys"]
    assert (successor["kid"], successor["state"]) == (next_key["kid"], "active")


def test_a_key_of_a_configured_algorithm_is_rotated_and_not_retired(kept: Operator) -> None:
    active = by_state(kept)["RS256", "active"]["kid"]
    assert "valetkey key rotate --algorithm RS256" in kept.refused("key", "retire", active)
    kept.config.write_text(kept.config.read_text().replace('["ES256", "RS256"]', '["ES256", "RS256", "Ed25519"]'))
    kept.done("key", "rotate", "--now", "--algorithm", "Ed25519")
    kept.config.write_text(kept.config.read_text().replace(', "Ed25519"]', "]"))
    dropped = by_state(kept)["Ed25519", "active"]["kid"]
    assert kept.done("key", "retire", dropped)["state"] == "retired"
    assert kept.refused("key", "retire", dropped).endswith("is retired: only an active one can be retired")


def test_one_key_is_shown_by_the_beginning_of_its_kid_with_its_public_part_alone(kept: Operator) -> None:
    kid = by_state(kept)["ES256", "active"]["kid"]
    shown = kept.done("key", "show", kid[:10])
    assert json.loads(shown["jwk"])["kid"] == shown["kid"] == kid
    assert "d" not in json.loads(shown["jwk"])
    assert kept.refused("key", "show", "nothing") == "valetkey: there is no key nothing: see `valetkey key list`"
    for command in ("show", "retire", "revoke"):
        assert "there is no key -u10g8FxH" in kept.refused("key", command, "-u10g8FxH")


def test_a_list_for_people_says_when_each_key_is_due(kept: Operator) -> None:
    printed = kept.run("key", "list").stdout
    heads = [head.lower() for head in printed.splitlines()[0].split("  ") if head]
    assert [head.strip() for head in heads] == ["kid", "algorithm", "state", "activated at", "retired at", "due at"]
    assert len(printed.splitlines()) == 3


@pytest.mark.parametrize(
    ("command", "algorithm"),
    [
        (("client", "add", "shop", "--redirect-uri", "https://shop.example/cb", "--scope", "openid",
          "--id-token-signed-response-alg", "ES512"), "ES512"),
        (("resource", "add", "https://api.example", "--signing-alg", "PS384"), "PS384"),
    ],
)  # fmt: skip
def test_what_no_key_could_sign_is_refused_when_it_is_entered(
    kept: Operator, command: tuple[str, ...], algorithm: str
) -> None:
    assert f"expected one of RS256, ES256: this server has no key for {algorithm}" in kept.refused(*command)


def new_key(folder: Path, name: str) -> bytes:
    octets = os.urandom(32)
    path = folder / name
    path.touch(0o600)
    path.write_text(base64.b64encode(octets).decode())
    return octets


def exchange_keys(operator: Operator) -> bytes:
    """Write the configuration for another key-encryption key; return it."""
    octets = new_key(operator.config.parent, "another.key")
    text = operator.config.read_text().replace(
        'key_encryption_key_file = "valetkey.key"',
        'key_encryption_key_file = "another.key"\nprevious_key_encryption_key_file = "valetkey.key"',
    )
    assert "another.key" in text
    operator.config.write_text(text)
    return octets


def test_everything_that_is_sealed_is_sealed_anew_and_opens_without_the_old_key(kept: Operator) -> None:
    kept.done("client", "add", "machine", "--authentication-method", "client_secret_jwt",
              "--grant-type", "client_credentials", "--scope", "a.read")  # fmt: skip
    old = Sealer(base64.b64decode((kept.config.parent / "valetkey.key").read_text()))
    salt = asyncio.run(seal_further(kept, old))
    octets = exchange_keys(kept)

    (done,) = kept.done("key", "reseal")
    assert done == {"tenant": "default", "values": 4, "clients": 1}
    assert kept.done("key", "reseal") == [{"tenant": "default", "values": 0, "clients": 0}]

    asyncio.run(everything_opens(kept, Sealer(octets), salt))
    with pytest.raises(Unavailable):
        asyncio.run(everything_opens(kept, old, salt))


FACTOR = OneTimeCodeFactor("factor-1", Subject("ada"), b"", draw_fresh().now)


async def seal_further(operator: Operator, sealer: Sealer) -> bytes:
    storage = await SqliteStorage.open(str(operator.config.parent / "valetkey.db"))
    stores = storage.stores(DEFAULT_TENANT)
    now = draw_fresh().now
    sealed = SealedOneTimeCodeKeys(sealer, DEFAULT_TENANT).seal(
        FACTOR.subject, FACTOR.factor_id, SecretText("CODE")
    )
    factor = OneTimeCodeFactor(FACTOR.factor_id, FACTOR.subject, sealed, now)
    assert await stores.commit(
        (PutEndUser(EndUser(FACTOR.subject, "ada", None, updated_at=now)), BeginFactor(factor))
    )
    salt = await SealedPairwiseSalt(stores, DEFAULT_TENANT, sealer, draw_fresh).read()
    await storage.close()
    return salt


async def everything_opens(operator: Operator, sealer: Sealer, salt: bytes) -> None:
    storage = await SqliteStorage.open(str(operator.config.parent / "valetkey.db"))
    stores = storage.stores(DEFAULT_TENANT)
    try:
        assert await SealedPairwiseSalt(stores, DEFAULT_TENANT, sealer, draw_fresh).read() == salt
        (factor,) = await stores.second_factors.list()
        assert SealedOneTimeCodeKeys(sealer, DEFAULT_TENANT).open(factor).reveal() == "CODE"
        machine = await stores.clients.find(ClientId("machine"))
        assert machine is not None
        assert SealedClientSecrets(sealer, DEFAULT_TENANT).open(machine.client_id, machine.secrets[0]).reveal()
        signer = LocalSigner(stores.signing_keys, DEFAULT_TENANT, sealer, None)  # type: ignore[arg-type]  # no RSA
        assert await signer.sign({}, typ="JWT", algorithm="ES256")
    finally:
        await storage.close()


def test_a_value_that_neither_key_opens_is_named_and_nothing_is_changed(kept: Operator) -> None:
    # covers: FLT-16
    exchange_keys(kept)
    new_key(kept.config.parent, "lost.key")
    text = kept.config.read_text()
    kept.config.write_text(text.replace('previous_key_encryption_key_file = "valetkey.key"',
                                        'previous_key_encryption_key_file = "lost.key"'))  # fmt: skip
    result = kept.run("key", "reseal")
    assert result.exit_code == 69
    assert "which neither key-encryption key opens" in result.stderr
    kept.config.write_text(text)
    assert kept.done("key", "reseal")[0]["values"] == 2


def test_sealing_anew_needs_both_keys(kept: Operator) -> None:
    result = kept.run("key", "reseal")
    assert result.exit_code == 2
    assert "previous_key_encryption_key" in result.stderr


def test_a_previous_key_that_every_user_can_read_is_refused(kept: Operator) -> None:
    # covers: FLT-16
    exchange_keys(kept)
    (kept.config.parent / "valetkey.key").chmod(0o644)
    result = kept.run("key", "list")
    assert result.exit_code == 78
    assert "previous_key_encryption_key_file: expected a file that other users cannot read" in result.stderr

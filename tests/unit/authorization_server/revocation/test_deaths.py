"""What dies by a Change: every member of the closed union is classified, and none can be forgotten."""

from typing import get_args

import pytest

from contracts.test_storage_agreement import CHANGES
from contracts.test_storage_revocation import KILLS
from valetkey.authorization_server.decision import BumpGeneration, Change, RevokeAccessToken, RevokeApiKey
from valetkey.authorization_server.revocation import deaths
from valetkey.authorization_server.revocation.deaths import GenerationMoves, deaths_of, kills
from valetkey.oauth.security_event import RevokedKind

KILLING = {type(change) for change, _ in KILLS.values()} | {RevokeAccessToken, RevokeApiKey}
"""What is known to kill, by the samples with which the stores are tried."""


@pytest.mark.parametrize("member", get_args(Change), ids=lambda member: member.__name__)
def test_every_change_either_kills_and_is_tried_on_the_stores_or_is_named_harmless(member: type) -> None:
    assert (member in KILLING) is not (member in deaths._HARMLESS)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: type(change).__name__)
def test_a_change_says_what_dies_exactly_where_it_can_kill(change: Change) -> None:
    assert bool(deaths_of(change)) is (type(change) in KILLING)
    assert kills([change]) is (type(change) in KILLING)


@pytest.mark.parametrize("kind", ["server", "tenant", "client", "subject"])
def test_every_counter_is_told_as_what_it_counts(kind: str) -> None:
    assert deaths_of(BumpGeneration(kind, "name")) == (GenerationMoves(RevokedKind(kind), "name"),)

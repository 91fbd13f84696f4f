"""A worker that is killed while it believes an assertion, registers a client, or lets one change its metadata."""

from __future__ import annotations

import json
import time
from contextlib import closing
from itertools import count
from typing import TYPE_CHECKING

import pytest

from faults.test_kill_tokens import kill_during
from support.failpoints import Moment
from support.lines import Question, Reply
from support.production_server import API
from valetkey.adapters.storage.sqlite.connection import open_reader
from valetkey.jose import Jwk, JwkSet, jwt

if TYPE_CHECKING:
    from pathlib import Path

    from support.production_server import ProductionServer

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
KEY = Jwk.generate("ES256")
METADATA = {"redirect_uris": ["https://frame.example/callback"], "client_name": "Photo Frame"}
numbers = count(1)
each_moment = pytest.mark.parametrize("moment", [Moment.WITHIN, Moment.AFTER])
one_worker = pytest.mark.parametrize("mortal", [1], indirect=True)


def signed(issuer: str, subject: str, audience: str) -> str:
    now = int(time.time())
    claims = {
        "iss": issuer,
        "sub": subject,
        "aud": audience,
        "iat": now,
        "exp": now + 60,
        "jti": f"{next(numbers)}",
    }
    return jwt.sign(claims, KEY, typ="JWT")


def enlisted(server: ProductionServer, folder: Path, grant_type: str) -> str:
    """Add a client with a key, and return its name; it may present the assertions of an issuer of its name."""
    name, jwks = f"keyed-{next(numbers)}", folder / "jwks.json"
    jwks.write_text(json.dumps(JwkSet((KEY.public(),)).as_dict()))
    server.operator.done(
        *("client", "add", name, "--authentication-method", "private_key_jwt", "--jwks", str(jwks)),
        *("--grant-type", grant_type, "--scope", "a.read", "--resource", API),
    )
    if grant_type == JWT_BEARER:
        server.operator.done(
            *("trusted-issuer", "add", f"https://{name}.example", "--jwks", str(jwks), "--client", name),
            *("--scope", "a.read", "--subject", "42=ada"),
        )
    return name


def by_assertion(server: ProductionServer, name: str, **form: str) -> Question:
    proof = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": signed(name, name, server.issuer)}
    return Question.form("/token", {**proof, **form})


def in_json(method: str, target: str, document: object, bearer: str = "") -> Question:
    headers = {"content-type": "application/json", **({"authorization": f"Bearer {bearer}"} if bearer else {})}
    return Question(method, target, json.dumps(document).encode(), headers)


def told(reply: Reply) -> tuple[int, str | None]:
    return reply.status, None if reply.status in {200, 201} else reply.error


# covers: FLT-01, CLI-11
@one_worker
@each_moment
@pytest.mark.requirement("RFC7523-3/jti")
def test_an_assertion_that_died_with_the_server_is_good_again_or_used_up(
    mortal: ProductionServer, moment: Moment, tmp_path: Path
) -> None:
    name = enlisted(mortal, tmp_path, "client_credentials")
    question = by_assertion(mortal, name, grant_type="client_credentials")
    kill_during(mortal, moment, "BurnJti", question)
    found = [told(mortal.ask_any(question)) for _ in range(2)]
    refused = (401, "invalid_client")
    assert found == [refused if moment is Moment.AFTER else (200, None), refused]


# covers: FLT-01, TEX-05
@one_worker
@each_moment
@pytest.mark.requirement("RFC7523-3/jti")
def test_a_bearer_assertion_that_died_with_the_server_sells_one_token_at_most(
    mortal: ProductionServer, moment: Moment, tmp_path: Path
) -> None:
    name = enlisted(mortal, tmp_path, JWT_BEARER)
    assertion = signed(f"https://{name}.example", "42", mortal.issuer)

    def question() -> Question:
        # The client proves itself anew each time; what it presents is the same.
        return by_assertion(mortal, name, grant_type=JWT_BEARER, assertion=assertion)

    kill_during(mortal, moment, "GrantAuthorization", question())
    found = [told(mortal.ask_any(question())) for _ in range(2)]
    refused = (400, "invalid_grant")
    assert found == [refused if moment is Moment.AFTER else (200, None), refused]


def clients_of(server: ProductionServer) -> int:
    with closing(open_reader(str(server.database))) as connection:
        return sum(1 for _ in connection.execute("SELECT 1 FROM clients"))


# covers: FLT-01, DCR-01
@one_worker
@each_moment
def test_a_registration_that_died_with_the_server_is_whole_or_never_was_and_its_token_counts_once(
    mortal: ProductionServer, moment: Moment
) -> None:
    mortal.operator.done("tenant", "change", "default", "--registration", "token")
    token = mortal.operator.done("client", "registration-token", "add", "--uses", "1")["registration_token"]
    question = in_json("POST", "/register", METADATA, token)
    before = clients_of(mortal)

    kill_during(mortal, moment, "RegisterClient", question)

    # Nobody knows the client of a lost answer: it is forgotten as unused, and its token is used up.
    is_kept = moment is Moment.AFTER
    assert clients_of(mortal) - before == is_kept
    again = mortal.ask_any(question)
    assert told(again) == ((401, "invalid_token") if is_kept else (201, None))
    assert clients_of(mortal) - before == 1
    assert told(mortal.ask_any(question)) == (401, "invalid_token")


# covers: FLT-01
@one_worker
@each_moment
def test_a_change_of_metadata_that_died_with_the_server_can_be_asked_for_again(
    mortal: ProductionServer, moment: Moment
) -> None:
    mortal.operator.done("tenant", "change", "default", "--registration", "open")
    known = mortal.ask_any(in_json("POST", "/register", METADATA)).document
    place = known["registration_client_uri"].removeprefix(mortal.issuer)
    changed = METADATA | {"client_id": known["client_id"], "client_name": "Another Frame"}
    bearer = known["registration_access_token"]

    kill_during(mortal, moment, "ReplaceRegisteredClient", in_json("PUT", place, changed, bearer))

    read = Question("GET", place, headers={"authorization": f"Bearer {bearer}"})
    name = "Another Frame" if moment is Moment.AFTER else "Photo Frame"
    assert mortal.ask_any(read).document["client_name"] == name
    assert mortal.ask_any(in_json("PUT", place, changed, bearer)).document["client_name"] == "Another Frame"

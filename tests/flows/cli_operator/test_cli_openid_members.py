"""`valetkey client`: every member of OpenID Connect by an option of its own, judged, shown, and taken away."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from support.hostile_server import hostile_server, http
from support.operator import Operator
from valetkey.oauth.client_members import CLIENT_MEMBERS, Shape

CALLBACK = "https://shop.example.com/callback"
ADD = ("client", "add", "shop", "--scope", "openid", "--redirect-uri", CALLBACK, "--profile", "OPENID")
EVERYTHING = {
    "response_types": ["code", "code id_token"],
    "subject_type": "pairwise",
    "userinfo_signed_response_alg": "ES256",
    "request_object_signing_alg": "ES256",
    "request_uris": ["https://shop.example.com/a.jwt", "https://shop.example.com/b.jwt#digest"],
    "require_signed_request_object": True,
    "default_max_age": 600,
    "require_auth_time": True,
    "default_acr_values": ["urn:example:acr:gold"],
    "initiate_login_uri": "https://shop.example.com/login",
    "frontchannel_logout_uri": "https://shop.example.com/logged-out",
    "frontchannel_logout_session_required": True,
    "backchannel_logout_uri": "https://shop.example.com/logout",
    "backchannel_logout_session_required": True,
    "client_uri": "https://shop.example.com/",
    "policy_uri": "https://shop.example.com/privacy",
    "tos_uri": "https://shop.example.com/terms",
}


def options(members: dict[str, object]) -> list[str]:
    shapes = {member.name: member.shape for member in CLIENT_MEMBERS}
    found = []
    for name, value in members.items():
        option = "--" + name.replace("_", "-")
        match shapes[name], value:
            case Shape.FLAG, _:
                found.append(option)
            case _, list():
                found += [part for each in value for part in (option.removesuffix("s"), str(each))]
            case _:
                found += [option, str(value)]
    return found


def test_every_member_is_said_shown_and_taken_away(operator: Operator) -> None:
    grants = ("--grant-type", "authorization_code", "--grant-type", "implicit")
    assert operator.done(*ADD, *grants, *options(EVERYTHING))["openid"] == EVERYTHING
    assert operator.done("client", "show", "shop")["openid"] == EVERYTHING
    changed = operator.done("client", "change", "shop", "--default-max-age", "30", "--no-require-auth-time")
    assert changed["openid"] == {
        name: 30 if name == "default_max_age" else value
        for name, value in EVERYTHING.items()
        if name != "require_auth_time"
    }
    away = operator.done(
        "client",
        "change",
        "shop",
        "--policy-uri",
        "",
        "--request-uri",
        "",
        "--default-max-age",
        "",
        "--name",
        "Shop",
    )
    assert away["openid"].keys() == EVERYTHING.keys() - {
        "policy_uri",
        "request_uris",
        "default_max_age",
        "require_auth_time",
    }


@pytest.mark.parametrize(
    ("said", "line"),
    [
        (["--default-max-age", "soon"], "default_max_age: expected a whole number of seconds"),
        (["--subject-type", "secret"], "subject_type: expected one of public, pairwise"),
        (["--response-type", "id_token"], "response_types: 'id_token' goes with the grant types implicit"),
        (["--initiate-login-uri", "http://shop.example.com/"], "initiate_login_uri: expected an https URL"),
        (["--frontchannel-logout-uri", "https://other.example/"], "frontchannel_logout_uri: expected a URL"),
        (["--backchannel-logout-session-required"], "backchannel_logout_session_required: expected only"),
        (["--policy-uri", "javascript:alert(1)"], "policy_uri: expected"),
    ],
    ids=str,
)
def test_what_is_not_sound_is_refused_with_its_reason(operator: Operator, said: list[str], line: str) -> None:
    assert line in operator.refused(*ADD, *said)


@pytest.mark.requirement("OIDCR-5/redirect-uris-included")
async def test_a_client_joins_a_sector_only_where_its_document_lists_it(tmp_path: Path, operator: Operator) -> None:
    async with hostile_server(tmp_path, "localhost") as server:
        uri = f"https://localhost:{server.port}/uris.json"
        settings = operator.config.read_text()
        allowed = f'[outbound]\nallow = ["localhost"]\nca_file = "{server.ca_file}"\n'
        operator.config.write_text(settings.replace("[outbound]\n", allowed))

        said = (*ADD, "--subject-type", "pairwise", "--sector-identifier-uri", uri)
        server.answers["/uris.json"] = http(200, msgspec.json.encode(["https://shop.example.com/other"]))
        line = await asyncio.to_thread(operator.refused, *said)
        assert line.endswith(f"it lacks {CALLBACK}")
        server.answers["/uris.json"] = http(200, msgspec.json.encode([CALLBACK]))
        added = await asyncio.to_thread(operator.done, *said)
        assert added["openid"] == {"subject_type": "pairwise", "sector_identifier_uri": uri}

        server.answers.clear()
        # What was proven is not asked again, as long as it stays what it was.
        await asyncio.to_thread(operator.done, "client", "change", "shop", "--name", "Shop")
        elsewhere = ("client", "change", "shop", "--redirect-uri", "https://shop.example.com/new")
        assert "cannot be fetched" in await asyncio.to_thread(operator.refused, *elsewhere)
        assert server.paths == ["/uris.json"] * 3

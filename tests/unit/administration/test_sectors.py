"""Declared clients and their sector identifier documents: told where they do not fit, never refused."""

from dataclasses import replace

from support.house import HouseLog, clients
from support.outside import Outside
from valetkey.administration.sectors import announce_unproven_sectors
from valetkey.authorization_server.decision import PutClient
from valetkey.authorization_server.openid_client import openid_metadata
from valetkey.oauth.types import DEFAULT_TENANT, ClientId


async def test_each_declared_client_that_no_document_lists_is_a_line_of_the_log() -> None:
    outside, log, web = Outside(), HouseLog(), clients()["web"]
    named = [("good", "https://a.example/"), ("down", "https://b.example/"), ("short", "https://c.example/")]
    outside.publish("https://a.example/", list(web.redirect_uris))
    outside.publish("https://c.example/", [])
    declared = [
        replace(web, client_id=ClientId(name), openid=openid_metadata({"sector_identifier_uri": uri}))
        for name, uri in named
    ]
    await announce_unproven_sectors(DEFAULT_TENANT, tuple(map(PutClient, [web, *declared])), outside, log)
    told = {line["client_id"]: line["why"] for line in log.of("client.sector_unproven")}
    assert told.keys() == {"down", "short"}
    assert told["down"] == "the document cannot be fetched: nothing is there"
    assert str(told["short"]).endswith(f"it lacks {web.redirect_uris[0]}")

"""The example events of Shared Signals 1.0, CAEP 1.0 and RISC 1.0, as a guard hears them."""

import json
from typing import Any

import pytest

from support.signal_keys import PublishedKeys, access_token, event_token
from valetkey.resource_server.feed_following import Verdict
from valetkey.resource_server.signals import Heard, Signals, Transmitter

FIGURES: dict[str, tuple[str, Heard, dict[str, Any] | None]] = {
    "SSF, simple subject": (
        """{"iss": "https://idp.example.com/", "jti": "756E69717565206964656E746966696572", "iat": 1520364019,
        "txn": "8675309", "aud": "636C69656E745F6964", "sub_id": {"format": "email", "email": "foo@example.com"},
        "events": {"https://schemas.openid.net/secevent/risc/event-type/account-enabled": {}}}""",
        Heard.IGNORED,
        None,
    ),
    "SSF, phone number": (
        """{"iss": "https://idp.example.com/", "jti": "756E69717565206964656E746966696572", "iat": 1520364019,
        "txn": "8675309", "aud": "636C69656E745F6964",
        "sub_id": {"format": "phone_number", "phone_number": "+1 206 555 0123"},
        "events": {"https://schemas.openid.net/secevent/risc/event-type/account-disabled":
        {"reason": "hijacking"}}}""",
        Heard.IGNORED,
        None,
    ),
    "SSF, event with properties": (
        """{"iss": "https://idp.example.com/", "jti": "756E69717565206964656E746966696572", "iat": 1520364019,
        "txn": "8675309", "aud": "636C69656E745F6964", "sub_id": {"format": "email", "email": "user@example.com"},
        "events": {"https://schemas.openid.net/secevent/caep/event-type/token-claims-change":
        {"claims": {"token": "some-token-value"}}}}""",
        Heard.APPLIED,
        {"claims": {"email": "user@example.com"}},
    ),
    "SSF, verification": (
        """{"jti": "123456", "iss": "https://transmitter.example.com", "aud": "receiver.example.com",
        "iat": 1493856000, "sub_id": {"format": "opaque", "id": "f67e39a0a4d34d56b3aa1bc4cff0069f"},
        "events": {"https://schemas.openid.net/secevent/ssf/event-type/verification":
        {"state": "VGhpcyBpcyBhbiBleGFtcGxlIHN0YXRlIHZhbHVlLgo="}}}""",
        Heard.VERIFIED,
        None,
    ),
    "SSF, stream updated": (
        """{"jti": "123456", "iss": "https://transmitter.example.com", "aud": "receiver.example.com",
        "iat": 1493856000, "sub_id": {"format": "opaque", "id": "f67e39a0a4d34d56b3aa1bc4cff0069f"},
        "events": {"https://schemas.openid.net/secevent/ssf/event-type/stream-updated":
        {"status": "paused", "reason": "Internal error"}}}""",
        Heard.IGNORED,
        None,
    ),
    "CAEP, session": (
        """{"iss": "https://idp.example.com/123456789/", "jti": "24c63fb56e5a2d77a6b512616ca9fa24",
        "iat": 1615305159, "aud": "https://sp.example.com/caep", "txn": "8675309",
        "sub_id": {"format": "opaque", "id": "dMTlD|1600802906337.16|16008.16"},
        "events": {"https://schemas.openid.net/secevent/caep/event-type/session-revoked":
        {"event_timestamp": 1615304991}}}""",
        Heard.APPLIED,
        {"sid": "dMTlD|1600802906337.16|16008.16"},
    ),
    "CAEP, session of a user": (
        """{"iss": "https://idp.example.com/123456789/", "jti": "24c63fb56e5a2d77a6b512616ca9fa24",
        "iat": 1615305159, "aud": "https://sp.example.com/caep", "txn": "8675309",
        "sub_id": {"format": "complex", "session": {"format": "opaque", "id": "dMTlD|1600802906337.16|16008.16"},
        "user": {"format": "iss_sub", "iss": "https://idp.example.com/123456789/",
        "sub": "99beb27c-c1c2-4955-882a-e0dc4996fcbc"}, "tenant": {"format": "opaque", "id": "123456789"}},
        "events": {"https://schemas.openid.net/secevent/caep/event-type/session-revoked":
        {"initiating_entity": "policy", "reason_admin": {"en": "Landspeed Policy Violation: C076E82F"},
        "event_timestamp": 1615304991}}}""",
        Heard.APPLIED,
        {"sid": "dMTlD|1600802906337.16|16008.16"},
    ),
    "CAEP, user and device": (
        """{"iss": "https://idp.example.com/123456789/", "jti": "24c63fb56e5a2d77a6b512616ca9fa24",
        "iat": 1615305159, "aud": "https://sp.example.com/caep", "txn": "8675309",
        "sub_id": {"format": "complex", "user": {"format": "iss_sub",
        "iss": "https://idp.example.com/123456789/", "sub": "jane.smith@example.com"},
        "device": {"format": "iss_sub", "iss": "https://idp.example.com/123456789/",
        "sub": "e9297990-14d2-42ec-a4a9-4036db86509a"}, "tenant": {"format": "opaque", "id": "123456789"}},
        "events": {"https://schemas.openid.net/secevent/caep/event-type/session-revoked":
        {"initiating_entity": "policy", "event_timestamp": 1615304991}}}""",
        Heard.APPLIED,
        {"subject": "jane.smith@example.com"},
    ),
    "CAEP, token claims": (
        """{"iss": "https://idp.example.com/987654321/", "jti": "9afce1e4e642b165fcaacdd0e7aa4903",
        "iat": 1615305159, "aud": "https://sp.example2.net/caep", "txn": "8675309",
        "sub_id": {"format": "jwt_id", "iss": "https://idp.example.com/987654321/",
        "jti": "f61t6e20zdo3px56gepu8rzlsp4c1dpc0fx7"},
        "events": {"https://schemas.openid.net/secevent/caep/event-type/token-claims-change":
        {"event_timestamp": 1615304991, "claims": {"role": "ro-admin"}}}}""",
        Heard.APPLIED,
        {"token_id": "f61t6e20zdo3px56gepu8rzlsp4c1dpc0fx7"},
    ),
    "CAEP, SAML assertion": (
        """{"iss": "https://idp.example.com/987654321/", "jti": "dae94fed5f459881efa38b65c6772ddc",
        "iat": 1615305159, "aud": "https://sp.example2.net/caep", "txn": "8675309",
        "sub_id": {"format": "saml_assertion_id", "issuer": "https://idp.example.com/987654321/",
        "assertion_id": "_a75adf55-01d7-dbd8372ebdfc"},
        "events": {"https://schemas.openid.net/secevent/caep/event-type/token-claims-change":
        {"event_timestamp": 1615304991, "claims": {"role": "ro-admin"}}}}""",
        Heard.IGNORED,
        None,
    ),
    "RISC, credential compromise": (
        """{"iss": "https://idp.example.com/3456790/", "jti": "756E69717565206964656E746966696572",
        "iat": 1508184845, "aud": "https://sp.example2.net/caep", "sub_id": {"format": "iss_sub",
        "iss": "https://idp.example.com/3456790/", "sub": "joe.smith@example.com"},
        "events": {"https://schemas.openid.net/secevent/risc/event-type/credential-compromise":
        {"credential_type": "password"}}}""",
        Heard.APPLIED,
        {"subject": "joe.smith@example.com"},
    ),
}


@pytest.mark.parametrize("name", FIGURES)
async def test_an_example_of_a_specification_is_heard_as_it_is_meant(name: str) -> None:
    figure, heard, of_token = FIGURES[name]
    claims = json.loads(figure)
    now = claims["iat"] + 10
    keys = PublishedKeys(now=now)
    signals = Signals(Transmitter(claims["iss"], claims["aud"]), keys, clock=lambda: now)
    hearing = await signals.hear(event_token(**claims))
    assert (hearing.heard, hearing.token_id) == (heard, claims["jti"])
    told = access_token(issuer=claims["iss"], issued_at=claims["iat"] - 3_600, **(of_token or {}))
    assert signals.judge(told) is (Verdict.UNKNOWN if of_token is None else Verdict.REVOKED)

"""The end-user's program: signs in in the browser, and buys something."""

from __future__ import annotations

import sys

import httpx2
from addresses import ISSUER, SHOP, SHOP_URL

from valetkey.client import BearerAuth, KeptTokens, MemoryTokenStore, OAuthClient, sign_in


def buy(item: str) -> httpx2.Response:
    """Sign in, buy, and sign out."""
    with OAuthClient(ISSUER, "buyer") as client:
        tokens = KeptTokens(client, MemoryTokenStore())
        tokens.keep(sign_in(client, "shop:buy stock:reserve", resource=SHOP).tokens)
        answer = httpx2.post(f"{SHOP_URL}/buy/{item}", auth=BearerAuth(tokens, SHOP_URL))
        tokens.sign_out()
    return answer


if __name__ == "__main__":
    print(buy(sys.argv[1] if len(sys.argv) > 1 else "tea").text)

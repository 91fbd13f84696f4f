"""Where everybody is: each program reads the same four addresses, which the environment may change."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

ISSUER: Final = os.environ.get("ISSUER", "http://localhost:8500")
SHOP_URL: Final = os.environ.get("SHOP_URL", "http://localhost:8501")
ORDERS_URL: Final = os.environ.get("ORDERS_URL", "http://localhost:8502")
STOCK_URL: Final = os.environ.get("STOCK_URL", "http://localhost:8503")

# What the APIs are called in tokens; it need not be where they listen.
SHOP: Final = "https://shop.example.com"
ORDERS: Final = "https://orders.example.com"
STOCK: Final = "https://stock.example.com"

STATE: Final = Path(__file__).parent / "state"


def port_of(url: str) -> int:
    """Return the port that a program with this address listens on."""
    return urlsplit(url).port or 80

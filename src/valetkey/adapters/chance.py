"""The one place where the server reads the clock and draws chance: a Fresh for each request."""

from __future__ import annotations

import os
import time
from typing import Final

from valetkey.authorization_server.fresh import Fresh
from valetkey.oauth.types import NumericDate

_SEED_OCTETS: Final = 64


def draw_fresh() -> Fresh:
    """Return the time of now and a seed from the operating system: the FreshSource of the server."""
    return Fresh(NumericDate(int(time.time())), os.urandom(_SEED_OCTETS))

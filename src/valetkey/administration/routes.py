"""The rows of the administrative calls: each endpoint is one that admits whom its scope names, and nobody else."""

from __future__ import annotations

from typing import Final

from valetkey.administration import api_key_calls
from valetkey.administration.admission import Admitted, Call
from valetkey.authorization_server import paths
from valetkey.authorization_server.route import Accepts, Cache, Cors, Csrf, Face, Route


def _row(methods: frozenset[str], path: str, scope: str, call: Call) -> Route:
    return Route(
        methods,
        path,
        Admitted(scope, call),
        Cache.NO_STORE,
        Cors.NONE,
        Csrf.NOT_NEEDED,
        Face.ADMINISTRATOR,
        Accepts.JSON,
    )


_KEYS, _KEY = paths.API_KEYS, paths.API_KEYS + "/{key_id}"

CALLS: Final[tuple[Route, ...]] = (
    _row(frozenset({"GET", "POST"}), _KEYS, api_key_calls.SCOPE, api_key_calls.keys),
    _row(frozenset({"GET", "PATCH"}), _KEY, api_key_calls.SCOPE, api_key_calls.key),
    _row(frozenset({"POST"}), _KEY + "/rotate", api_key_calls.SCOPE, api_key_calls.rotation),
    _row(frozenset({"POST"}), _KEY + "/revoke", api_key_calls.SCOPE, api_key_calls.revocation),
)

"""What `valetkey doctor --online` sees: an issuer's documents, fetched as a client would fetch them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import httpx2

from valetkey.administration.doctor.of_publication import Answer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_SECONDS: Final = 10.0


def look(addresses: Iterable[str]) -> Mapping[str, Answer]:
    """Return what each address answers; redirects are not followed, because clients do not follow them either."""
    with httpx2.Client(timeout=_SECONDS, follow_redirects=False) as client:
        return {address: _answer(client, address) for address in addresses}


def _answer(client: httpx2.Client, address: str) -> Answer:
    try:
        response = client.get(address, headers={"accept": "application/json", "origin": "https://app.invalid"})
    except httpx2.HTTPError as error:
        return Answer(None, f"nobody answers: {str(error) or type(error).__name__}")
    headers = {name.lower(): value for name, value in response.headers.items()}
    try:
        return Answer(response.status_code, headers=headers, document=response.json())
    except ValueError:
        return Answer(response.status_code, headers=headers)

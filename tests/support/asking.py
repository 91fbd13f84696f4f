"""Requests as a guard sees them."""

from valetkey.resource_server import RequestView


def asking(
    *authorization: str, method: str = "GET", target: str = "/", address: str = "203.0.113.7"
) -> RequestView:
    """Return a request with these `Authorization` headers."""
    headers = [(b"host", b"api.example"), *((b"authorization", value.encode("latin-1")) for value in authorization)]
    return RequestView(method, target, headers, "api.example", address)


def bearing(token: str) -> RequestView:
    """Return a request that presents `token`."""
    return asking(f"Bearer {token}")

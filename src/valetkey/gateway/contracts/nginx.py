"""The contract with nginx: `auth_request`, which passes 2xx, denies with 401 and 403, and fails at all else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from valetkey.gateway.contracts.contract import Source, Sources, document_of, identity_pairs, read_headers
from valetkey.oauth.http import NO_STORE, HttpResponse
from valetkey.resource_server.decision import Allow, AllowAnonymous

if TYPE_CHECKING:
    from valetkey.oauth.http import HttpRequest
    from valetkey.resource_server.decision import BadRequest, Decision, Headers
    from valetkey.resource_server.request import RequestView

STATUS: Final = "x-valetkey-status"
BODY: Final = "x-valetkey-body"


@dataclass(frozen=True, slots=True)
class NginxContract:
    """Carries a refusal in the headers of a 403: the shipped snippet writes its status and body from there."""

    name: str
    sources: Sources
    shortcomings: tuple[str, ...]

    def read(self, asked: HttpRequest) -> RequestView | BadRequest:
        """Return the request that the headers named by `sources` speak of."""
        return read_headers(asked, self.sources)

    def write(self, decision: Decision, identity: Headers) -> HttpResponse:
        """Return 200 with the headers for the API and for the client, or 403 with the refusal in its headers.

        Also a challenge goes as 403: nginx itself copies `WWW-Authenticate` of a 401, and the client got it twice.
        """
        handed = identity_pairs(decision, identity)
        if isinstance(decision, Allow | AllowAnonymous):
            return HttpResponse(200, (*handed, *decision.headers, *NO_STORE))
        refusal = ((STATUS, str(decision.status)), (BODY, document_of(decision).decode("ascii")))
        return HttpResponse(403, (*refusal, *decision.headers))


NGINX: Final = NginxContract(
    "nginx",
    Sources(
        method=Source("X-Valetkey-Method", "$request_method"),
        scheme=Source("X-Valetkey-Scheme", "$scheme"),
        host=Source("X-Valetkey-Host", "$http_host"),
        target=Source("X-Valetkey-Target", "$request_uri"),
        address=Source("X-Valetkey-Address", "$remote_addr"),
    ),
    (
        "nginx turns every answer but 2xx, 401 and 403 into 500: refusals go as 403 with their status in a header.",
        "The snippet writes status, headers and body of a refusal from the headers of that 403.",
        "A decision service that is down or slow is a 500 inside nginx; the snippet makes it 503.",
        "What a client sends under our names is removed name by name: nginx knows no prefixes.",
    ),
)

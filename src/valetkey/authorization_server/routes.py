"""THE MATRIX: one row an endpoint; what a response may do (cache, CORS, CSRF) is said only here."""

from __future__ import annotations

from typing import Final

from valetkey.authorization_server import paths
from valetkey.authorization_server.endpoints import (
    account,
    authorize,
    client_configuration,
    consent,
    device,
    device_authorization,
    introspection,
    jwks,
    login,
    logo,
    logout,
    metadata,
    one_time_code,
    registration,
    revocation,
    revocation_events,
    select_account,
    session_frame,
    signals_configuration,
    status_list,
    stream_events,
    stream_status,
    stream_subjects,
    stream_verification,
    streams,
    token,
    userinfo,
)

# What the rows are made of stands in a file of its own for its length.
from valetkey.authorization_server.route import Accepts as Accepts  # noqa: PLC0414 - re-exported
from valetkey.authorization_server.route import Cache as Cache  # noqa: PLC0414 - re-exported
from valetkey.authorization_server.route import Cors as Cors  # noqa: PLC0414 - re-exported
from valetkey.authorization_server.route import Csrf as Csrf  # noqa: PLC0414 - re-exported
from valetkey.authorization_server.route import Endpoint as Endpoint  # noqa: PLC0414 - re-exported
from valetkey.authorization_server.route import Face as Face  # noqa: PLC0414 - re-exported
from valetkey.authorization_server.route import Pace as Pace  # noqa: PLC0414 - re-exported
from valetkey.authorization_server.route import Route as Route  # noqa: PLC0414 - re-exported

ROUTES: Final[tuple[Route, ...]] = (
    Route(
        frozenset({"GET", "POST"}),  # RFC6749-3.1/get OIDCC-3.1.2.1/get-and-post
        paths.AUTHORIZATION,
        authorize.respond,
        Cache.NO_STORE,
        Cors.NONE,  # RFC9700-2.6/no-cors OAUTH21-3.1/no-cors
        Csrf.SAFE,
        Face.PERSON,
        Accepts.FORM,
        pace=Pace.PAGE,
    ),
    Route(
        frozenset({"GET", "POST"}),
        paths.LOGIN,
        login.respond,
        Cache.NO_STORE,
        Cors.NONE,
        Csrf.FORM_TOKEN,
        Face.PERSON,
        Accepts.FORM,
        pace=Pace.ATTEMPT,
    ),
    Route(
        frozenset({"GET", "POST"}),
        paths.CONSENT,
        consent.respond,
        Cache.NO_STORE,
        Cors.NONE,
        Csrf.FORM_TOKEN,
        Face.PERSON,
        Accepts.FORM,
        pace=Pace.PAGE,
    ),
    Route(
        frozenset({"GET", "POST"}),
        paths.SELECT_ACCOUNT,
        select_account.respond,
        Cache.NO_STORE,
        Cors.NONE,
        Csrf.FORM_TOKEN,
        Face.PERSON,
        Accepts.FORM,
        pace=Pace.PAGE,
    ),
    Route(
        frozenset({"GET", "POST"}),
        paths.ONE_TIME_CODE,
        one_time_code.respond,
        Cache.NO_STORE,
        Cors.NONE,
        Csrf.FORM_TOKEN,
        Face.PERSON,
        Accepts.FORM,
        pace=Pace.ATTEMPT,
    ),
    Route(
        frozenset({"GET", "POST"}),  # OIDCRIL-2/get-and-post
        paths.END_SESSION,
        logout.respond,
        Cache.NO_STORE,
        Cors.NONE,
        Csrf.FORM_TOKEN,
        Face.PERSON,
        Accepts.FORM,
        pace=Pace.PAGE,
    ),
    Route(
        frozenset({"GET"}),
        paths.CHECK_SESSION,
        session_frame.respond,
        Cache.NO_STORE,
        Cors.NONE,
        Csrf.SAFE,
        Face.PERSON,
        pace=Pace.PAGE,
    ),
    Route(
        frozenset({"GET", "POST"}),
        paths.ACCOUNT,
        account.respond,
        Cache.NO_STORE,
        Cors.NONE,
        Csrf.FORM_TOKEN,
        Face.PERSON,
        Accepts.FORM,
        pace=Pace.ATTEMPT,
    ),
    Route(
        frozenset({"GET", "POST"}),
        paths.DEVICE,
        device.respond,
        Cache.NO_STORE,
        Cors.NONE,
        Csrf.FORM_TOKEN,
        Face.PERSON,
        Accepts.FORM,
        pace=Pace.ATTEMPT,
    ),
    Route(
        frozenset({"POST"}),
        paths.DEVICE_AUTHORIZATION,
        device_authorization.respond,
        Cache.NO_STORE,
        Cors.CLIENT,
        Csrf.NOT_NEEDED,
        Face.MACHINE,
        Accepts.FORM,
    ),
    Route(
        frozenset({"POST"}),
        paths.TOKEN,
        token.respond,
        Cache.NO_STORE,  # RFC6749-5.1/no-store
        Cors.CLIENT,
        Csrf.NOT_NEEDED,
        Face.MACHINE,
        Accepts.FORM,
    ),
    Route(
        frozenset({"POST"}),
        paths.INTROSPECTION,
        introspection.respond,
        Cache.NO_STORE,
        Cors.NONE,
        Csrf.NOT_NEEDED,
        Face.MACHINE,
        Accepts.FORM,
    ),
    Route(
        frozenset({"POST"}),
        paths.REVOCATION,
        revocation.respond,
        Cache.NO_STORE,
        Cors.CLIENT,
        Csrf.NOT_NEEDED,
        Face.MACHINE,
        Accepts.FORM,
    ),
    Route(
        frozenset({"POST"}),  # RFC7591-3/post
        paths.REGISTRATION,
        registration.respond,
        Cache.NO_STORE,
        # It reads no cookie, and what it adds no end-user has allowed anything: a page may register itself.
        Cors.ANY,
        Csrf.NOT_NEEDED,
        Face.MACHINE,
        Accepts.JSON,
        pace=Pace.REGISTRATION,
    ),
    Route(
        frozenset({"GET", "PUT", "DELETE"}),
        paths.REGISTRATION + "/{client_id}",
        client_configuration.respond,
        Cache.NO_STORE,
        Cors.ANY,
        Csrf.NOT_NEEDED,
        Face.MACHINE,
        Accepts.JSON,
        pace=Pace.REGISTRATION,
    ),
    Route(
        frozenset({"GET", "POST"}),  # OIDCC-5.3/get-and-post
        paths.USERINFO,
        userinfo.respond,
        Cache.NO_STORE,
        Cors.CLIENT,
        Csrf.NOT_NEEDED,
        Face.MACHINE,
        Accepts.FORM,
    ),
    Route(
        frozenset({"GET"}),
        paths.OPENID_CONFIGURATION,  # OIDCD-4
        metadata.respond,
        Cache.PUBLIC_SHORT,
        Cors.ANY,
        Csrf.SAFE,
        Face.MACHINE,
        path_inserted=True,
        pace=Pace.FREE,
    ),
    Route(
        frozenset({"GET"}),
        paths.SERVER_METADATA,  # RFC8414-3/well-known
        metadata.respond,
        Cache.PUBLIC_SHORT,
        Cors.ANY,
        Csrf.SAFE,
        Face.MACHINE,
        path_inserted=True,
        pace=Pace.FREE,
    ),
    Route(
        frozenset({"GET"}),
        paths.JWKS,
        jwks.respond,
        Cache.PUBLIC_SHORT,
        Cors.ANY,
        Csrf.SAFE,
        Face.MACHINE,
        pace=Pace.FREE,
    ),
    Route(
        frozenset({"GET"}),
        paths.LOGOS + "/{client}",
        logo.respond,
        Cache.PUBLIC_SHORT,
        Cors.NONE,
        Csrf.SAFE,
        Face.MACHINE,
        pace=Pace.PAGE,
    ),
    Route(
        frozenset({"GET"}),  # TSL-8.1/get
        paths.STATUS_LISTS + "/{list}",
        status_list.respond,
        Cache.PUBLIC_MOMENT,  # its claim ttl says the same
        Cors.ANY,
        Csrf.SAFE,
        Face.MACHINE,
        pace=Pace.FREE,
    ),
    Route(
        frozenset({"POST"}),
        paths.REVOCATION_EVENTS,
        revocation_events.respond,
        Cache.NO_STORE,
        Cors.NONE,
        Csrf.NOT_NEEDED,
        Face.MACHINE,
        Accepts.JSON,
    ),
    Route(
        frozenset({"GET"}),
        paths.SIGNALS_CONFIGURATION,  # OIDSSF-7.2/location
        signals_configuration.respond,
        Cache.PUBLIC_SHORT,
        Cors.ANY,
        Csrf.SAFE,
        Face.MACHINE,
        path_inserted=True,
    ),
    *(
        Route(
            frozenset(methods),
            path,
            endpoint,
            Cache.NO_STORE,
            Cors.NONE,
            Csrf.NOT_NEEDED,
            Face.MACHINE,
            Accepts.JSON,
        )
        for methods, path, endpoint in (
            (("GET", "POST", "PATCH", "PUT", "DELETE"), paths.STREAMS, streams.respond),
            (("GET", "POST"), paths.STREAM_STATUS, stream_status.respond),
            (("POST",), paths.STREAM_SUBJECTS_ADD, stream_subjects.respond),
            (("POST",), paths.STREAM_SUBJECTS_REMOVE, stream_subjects.respond),
            (("POST",), paths.STREAM_VERIFICATION, stream_verification.respond),
            (("POST",), paths.STREAM_EVENTS + "/{stream}", stream_events.respond),
        )
    ),
)
"""The rows of this room; `server.py` joins them with those of the other rooms."""

"""The running program with limits of its file: its workers count together in Valkey, and go on without it."""

from collections import Counter
from pathlib import Path

from support.limiting import valkey_server
from support.lines import Question
from support.production_server import running_production
from support.serve import SECRET

MACHINE = Question.form("/token", {"grant_type": "client_credentials"}, ("machine", SECRET))
FIVE = """
[limits]
endpoints = "5/1h"
failed_clients = "off"
exempt = []
"""


def test_the_workers_of_a_server_count_together_and_each_alone_while_the_store_is_gone(tmp_path: Path) -> None:
    with valkey_server() as valkey:  # covers: RAT-01, RAT-04
        url = valkey.connection_url
        environ = {"VALETKEY_VALKEY__URL": url}
        with running_production(tmp_path, workers=2, environ=environ, further=FIVE) as server:
            replies = [reply for _ in range(6) for reply in server.ask(MACHINE)]
            assert Counter(reply.status for reply in replies) == {200: 5, 429: 7}
            assert 600 < int(dict(replies[-1].headers)["retry-after"]) <= 720
            assert all(reply.status == 200 for reply in server.ask(Question("GET", "/jwks.json")))
            valkey.terminate()
            alone = [reply for _ in range(6) for reply in server.ask(MACHINE)]
            assert Counter(reply.status for reply in alone) == {200: 10, 429: 2}
            log = (tmp_path / "serve.log").read_text()
    assert log.count('"limits.unavailable"') == 2
    assert '"request.limited"' in log
    assert url not in log

"""The lines of the migration page, left and right, do the same: what one library makes, the other takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import joserfc.jwe
import joserfc.jwk
import joserfc.jws
import joserfc.jwt
import jwt as pyjwt
import pytest

from support.documents.markdown import Cell, columns, read_page
from support.documents.python_blocks import PythonSession
from support.documents.running import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PAGE = ROOT / "docs" / "how-to" / "migrate-from-pyjwt-python-jose-joserfc.md"
PEERS: Mapping[str, Mapping[str, Any]] = {
    "PyJWT": {"pyjwt": pyjwt},
    "joserfc": {
        "rfc_jwt": joserfc.jwt,
        "rfc_jws": joserfc.jws,
        "rfc_jwe": joserfc.jwe,
        "rfc_jwk": joserfc.jwk,
    },
}


def pairs(peer: str) -> Iterator[tuple[Cell, Cell]]:
    """The rows of the table of a library: its line, and ours."""
    text = PAGE.read_text("utf-8")
    (head,) = [line for line in text.splitlines() if line.startswith(f"| {peer} (")]
    left = head.strip("| ").rsplit(" | ", 1)[0]
    return zip(columns(text, left), columns(text, "valetkey", below=left), strict=True)


@pytest.fixture
def session() -> Iterator[PythonSession]:
    with PythonSession(PAGE) as session:
        first = next(block for block in read_page(PAGE).blocks if block.language == "python")
        session.run(first.source, first.line)
        yield session


@pytest.mark.parametrize("peer", PEERS)
def test_the_lines_of_a_library_and_ours_take_what_the_other_makes(peer: str, session: PythonSession) -> None:
    names = session.module.__dict__
    names.update(PEERS[peer])
    rows = list(pairs(peer))
    assert len(rows) > 10
    for theirs, ours in rows:
        session.run(ours.source, ours.line)
        session.run(theirs.source, theirs.line)
    if peer == "PyJWT":
        assert (
            pyjwt.decode(names["token"], names["secret"], algorithms=["HS256"], audience="you") == names["claims"]
        )
        made = pyjwt.encode(names["claims"], names["secret"], algorithm="HS256")
    else:
        made = joserfc.jwt.encode({"alg": "HS256", "typ": "JWT"}, names["claims"], names["rfc_key"])
    verifier = names["Verifier"](issuer="https://me.example", audience="you", typ="JWT", algorithms=["HS256"])
    unnamed = names["JwkSet"]((names["Jwk"].from_secret(names["secret"], algorithm="HS256"),))
    assert verifier.verify(made, unnamed).claims == names["claims"]


@pytest.mark.parametrize("peer", PEERS)
def test_every_error_that_the_page_names_exists(peer: str) -> None:
    modules = [pyjwt, pyjwt.exceptions] if peer == "PyJWT" else [joserfc.errors]
    ours = __import__("valetkey.jose", fromlist=["errors"])
    text = PAGE.read_text("utf-8")
    for cell in columns(text, f"{peer} raises"):
        for name in cell.source.splitlines():
            assert any(hasattr(module, name) for module in modules), name
    for cell in columns(text, "valetkey raises", below=f"{peer} raises"):
        for name in cell.source.splitlines():
            assert name == "claim" or issubclass(getattr(ours, name), ours.JoseError), name

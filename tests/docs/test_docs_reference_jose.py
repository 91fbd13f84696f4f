"""The reference page of the toolkit leaves nothing out, and writes signatures as the source does."""

from __future__ import annotations

import pkgutil

import pytest
from tools import reference_jose

from valetkey import jose
from valetkey.jose.algorithms import CONTENT_ENCRYPTIONS, SIGNATURE_ALGORITHMS
from valetkey.jose.lints import LINTS

TOLD = [module for modules in reference_jose.SECTIONS.values() for module in modules]


def test_every_module_of_the_toolkit_is_told_or_said_to_be_internal() -> None:
    modules = {module.name for module in pkgutil.iter_modules(jose.__path__)}
    assert modules == {*TOLD, *reference_jose.INTERNAL}
    assert reference_jose.INTERNAL.isdisjoint(TOLD)


def test_every_name_that_is_kept_from_the_page_exists() -> None:
    names = {f"{module}.{told.name}" for module in TOLD for told in reference_jose.public_names(module)}
    assert names >= reference_jose.SHARED


def test_what_the_package_offers_stands_on_the_page() -> None:
    page = reference_jose.page()
    for name in set(jose.__all__) - {"jwe", "jwe_json", "jws", "jws_json", "jwt"}:
        assert f".{name}`\n" in page or f"| `{name}` |" in page or f";`{name}` |" in page, name
    for code in (*SIGNATURE_ALGORITHMS, *CONTENT_ENCRYPTIONS, *LINTS):
        assert f"| `{code}` |" in page


@pytest.mark.parametrize(
    ("module", "name", "signature"),
    [
        ("jwt", "sign", "sign(claims: Mapping[str, object], key: Jwk, *, typ: str) -> str"),
        (
            "jwt",
            "VerifiedJwt",
            "class VerifiedJwt(claims: Mapping[str, object], header: Mapping[str, object], key: Jwk)",
        ),
        ("jwk_set", "SkippedKey", "class SkippedKey(position: int, kid: str | None, reason: str)"),
    ],
)
def test_a_signature_is_that_of_the_source(module: str, name: str, signature: str) -> None:
    assert signature in [told.signature for told in reference_jose.public_names(module)]
    assert name in signature


def test_a_long_signature_has_a_parameter_a_line() -> None:
    signature = "f(first: dict[str, tuple[int, int]], second: " + "x" * 80 + ", *, third: int = 1) -> int"
    assert reference_jose.wrapped(signature).splitlines() == [
        "f(",
        "    first: dict[str, tuple[int, int]],",
        "    second: " + "x" * 80 + ",",
        "    *,",
        "    third: int = 1,",
        ") -> int",
    ]
    assert reference_jose.wrapped("f() -> None") == "f() -> None"

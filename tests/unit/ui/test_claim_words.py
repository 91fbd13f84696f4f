"""What a client wants to know claim by claim, in the words of the pages."""

from dataclasses import replace

import pytest

from support.sample_pages import CONSENT, ISSUER, REQUEST_ID, SINGLE_CLAIMS, TENANT
from valetkey.authorization_server.pages import ConsentScope, Page
from valetkey.authorization_server.standard_claims import STANDARD_CLAIMS
from valetkey.ui.render import Renderer
from valetkey.ui.scope_list import consent_groups
from valetkey.ui.words import CLAIM_WORDS, OTHER_CLAIM, SCOPE_WORDS


def messages(scopes: tuple[str, ...], claims: tuple[str, ...]) -> list[str | None]:
    groups = consent_groups((ConsentScope(name, None, None) for name in scopes), claims)
    return [right.message for group in groups for right in group.rights]


def test_every_standard_claim_has_words() -> None:
    assert CLAIM_WORDS.keys() == STANDARD_CLAIMS.keys()


def test_one_sentence_stands_there_once() -> None:
    found = messages(("openid", "email"), ("email_verified", "family_name", "given_name", "birthdate"))
    assert found == [
        SCOPE_WORDS["openid"].text,
        SCOPE_WORDS["email"].text,
        CLAIM_WORDS["given_name"].text,
        CLAIM_WORDS["birthdate"].text,
    ]


def test_what_an_operator_keeps_besides_is_named_each_by_itself() -> None:
    assert messages((), ("team", "department")) == [OTHER_CLAIM, OTHER_CLAIM]


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ("See your name", "See your date of birth", "See what is kept about you as")),
        ("de", ("Ihren Namen sehen", "Ihr Geburtsdatum sehen", "gespeichert ist")),
    ],
)
def test_the_consent_page_says_so_in_the_persons_language(language: str, words: tuple[str, ...]) -> None:
    view = replace(CONSENT, scopes=(), claims=(*SINGLE_CLAIMS, "<i>"))
    response = Renderer().render(
        Page(view), tenant=TENANT, issuer=ISSUER, accept_language=language, request_id=REQUEST_ID
    )
    page = response.body.decode()
    assert all(sentence in page for sentence in words)
    assert "urn:example:membership-number" in page
    assert "<i>" not in page

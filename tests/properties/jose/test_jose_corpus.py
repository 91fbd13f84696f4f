"""Every input that the fuzzer ever found worth keeping is shown to the toolkit again."""

from pathlib import Path

from fuzz.toolkit import show_one_input

CORPUS = Path(__file__).parents[3] / "fuzz" / "corpus"


def test_nothing_but_the_typed_errors_escapes_for_any_input_of_the_corpus() -> None:
    inputs = sorted(path for path in CORPUS.iterdir() if path.is_file())
    for path in inputs:
        show_one_input(path.read_bytes())
    assert len(inputs) > 100

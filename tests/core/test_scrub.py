"""No text has the secret in it, in any spelling in which servers and drivers repeat one; other text stays."""

import base64
import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from whalefall_pipeline.core.scrub import SCRUBBED, build_scrubber
from whalefall_pipeline.core.text import make_visible

SPELLINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "SQL literal": lambda text: text.replace("'", "''"),
    "SQL identifier": lambda text: text.replace('"', '""'),
    "escaped": lambda text: text.replace("\\", "\\\\").replace("'", "\\'"),
    "Python": lambda text: repr(text)[1:-1],
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON of any letters": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "percent": lambda text: quote(text, safe=""),
    "percent of a path": quote,
    "percent of a form": quote_plus,
    "percent, small": lambda text: quote(text, safe="").replace("%C3%BC", "%c3%bc"),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 of a URL": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "hexadecimal": lambda text: text.encode().hex(),
    "made visible": make_visible,
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("secret", ["hush-hush", "it's \"p@ss/w%rd\\", "größer\bals\tdas", "a\nb\x1b[2J c"])
def test_a_secret_is_taken_out_in_every_spelling(spelling: str, secret: str) -> None:
    text = f"refused: user=ana password={SPELLINGS[spelling](secret)}; try again"
    assert build_scrubber(secret)(text) == f"refused: user=ana password={SCRUBBED}; try again"


@pytest.mark.parametrize(
    ("before", "first", "last"), [("", 0, 37), ("u", 2, 38), ("us", 3, 40), ("ana", 4, 41), ("ana:", 6, 42)]
)
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_all_that_is_the_secrets_of_a_longer_base64_text_is_taken_out(
    before: str, first: int, last: int, encode: Callable[[bytes], bytes]
) -> None:
    """A character that holds bits of its neighbours too stays."""
    secret = "correct?horse~battery?staple"
    coded = encode(f"{before}{secret}:more".encode()).decode()
    assert build_scrubber(secret)(f"Basic {coded}") == f"Basic {coded[:first]}{SCRUBBED}{coded[last:]}"


@pytest.mark.parametrize(("secret", "left"), [("battery", f"dW{SCRUBBED}l+bW9yZQ=="), ("batter", "dWJhdHRlcn5tb3Jl")])
def test_a_few_characters_of_a_longer_base64_text_are_not_taken_for_the_secret(secret: str, left: str) -> None:
    coded = base64.b64encode(f"u{secret}~more".encode()).decode()
    assert build_scrubber(secret)(coded) == left


def test_a_short_secret_leaves_other_words_whole() -> None:
    assert build_scrubber("a")("a bad answer: a") == f"{SCRUBBED} bad answer: {SCRUBBED}"
    assert build_scrubber("")("as it was") == "as it was"


@given(st.text(min_size=4), st.text(), st.text())
def test_what_is_left_does_not_hold_the_secret(secret: str, before: str, after: str) -> None:
    assume(secret not in SCRUBBED and secret not in before + after)
    found = build_scrubber(secret)(f"{before}{secret}{after}")
    assert SCRUBBED in found
    assert secret not in found.replace(SCRUBBED, "\0\0\0\0")

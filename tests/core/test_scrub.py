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
@pytest.mark.parametrize("secret", ["hush-hush", "it's \"p@ss/w%rd\\", "größer als\tdas", "a\nb\x1b[2J c"])
def test_a_secret_is_taken_out_in_every_spelling(spelling: str, secret: str) -> None:
    text = f"refused: user=ana password={SPELLINGS[spelling](secret)}; try again"
    assert build_scrubber(secret)(text) == f"refused: user=ana password={SCRUBBED}; try again"


@pytest.mark.parametrize("before", ["", "u", "us", "ana:"])
def test_a_secret_inside_a_longer_base64_text_is_taken_out(before: str) -> None:
    secret = "correct horse battery staple"
    coded = base64.b64encode(f"{before}{secret}:more".encode()).decode()
    assert SCRUBBED in build_scrubber(secret)(f"Basic {coded}")


def test_a_short_secret_leaves_other_words_whole() -> None:
    assert build_scrubber("a")("a bad answer: a") == f"{SCRUBBED} bad answer: {SCRUBBED}"
    assert build_scrubber("")("as it was") == "as it was"


@given(st.text(min_size=4), st.text(), st.text())
def test_what_is_left_does_not_hold_the_secret(secret: str, before: str, after: str) -> None:
    assume(secret not in SCRUBBED and secret not in before + after)
    found = build_scrubber(secret)(f"{before}{secret}{after}")
    assert SCRUBBED in found
    assert secret not in found.replace(SCRUBBED, "\0\0\0\0")

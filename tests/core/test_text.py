"""What is shown hides nothing: laws for any text, and the characters that terminals obey."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whalefall_pipeline.core.text import is_unicode, is_visible, make_visible, neutralise, undo_neutralise

ANY_TEXT = st.text(
    st.characters(codec=None, categories=None) | st.sampled_from("\x1b\x9b\u202e\u2066\u200b\ud800\n\t\\")
)
BIDIRECTIONAL = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI", "BN", "B", "S"}


@given(ANY_TEXT)
def test_nothing_that_is_shown_is_hidden_or_steers(text: str) -> None:
    shown = make_visible(text)
    assert not {unicodedata.category(char) for char in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert not {unicodedata.bidirectional(char) for char in shown} & BIDIRECTIONAL
    assert "\n" not in shown
    shown.encode()


@given(ANY_TEXT)
def test_what_is_shown_is_shown_the_same_again(text: str) -> None:
    shown = make_visible(text)
    assert make_visible(shown) == shown
    assert is_visible(text) == (shown == text)


@given(
    st.text(
        st.characters(categories=("L", "N", "P", "S", "Zs", "Mc"), exclude_characters="\u115f\u1160\u3164\uffa0\u2800")
    )
)
def test_text_that_can_be_seen_stays_as_it_is(text: str) -> None:
    assert make_visible(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ana", "ana"),
        (r"a\nb", r"a\nb"),
        ("müller 王 ё", "müller 王 ё"),
        ("a\nb\tc\rd", r"a\nb\tc\rd"),
        ("\x00\x07\x1b[2J\x7f", r"\x00\x07\x1b[2J\x7f"),
        ("\x9b2J\x85", r"\x9b2J\x85"),
        ("user\u202etxt.exe", r"user\u202etxt.exe"),
        ("a\u200bb\u2060c\ufeff\u00ad", r"a\u200bb\u2060c\ufeff\xad"),
        ("\u2028\u2029", r"\u2028\u2029"),
        ("\ud83d", r"\ud83d"),
        ("\U000e0001\U000e0100", r"\U000e0001\U000e0100"),
        ("\u3164\u034f\ufe0f", r"\u3164\u034f\ufe0f"),
        ("\ufe00\ufe10\U000e01ef", "\\ufe00\ufe10\\U000e01ef"),
    ],
)
def test_escapes_are_as_a_programmer_writes_them(text: str, shown: str) -> None:
    assert make_visible(text) == shown


@pytest.mark.parametrize(
    ("text", "is_text"), [("", True), ("ana é 王 \ue000\U0001f600", True), ("a\udcff", False), ("\ud800", False)]
)
def test_what_can_be_written_as_utf_8_is_unicode(text: str, is_text: bool) -> None:
    assert is_unicode(text) is is_text


@given(ANY_TEXT)
def test_unicode_is_what_can_be_written_as_utf_8(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        assert not is_unicode(text)
    else:
        assert is_unicode(text)


CELLS = st.text(st.sampled_from("a'=+-@;\t\r\n \uff1d\ufeff") | st.characters(codec="utf-8"), max_size=8)


@given(CELLS)
def test_a_cell_comes_back_from_what_was_made_of_it(cell: str) -> None:
    assert undo_neutralise(neutralise(cell)) == cell


@given(CELLS)
def test_only_what_neutralise_would_write_is_undone(cell: str) -> None:
    undone = undo_neutralise(cell)
    assert undone == cell or neutralise(undone) == cell


@pytest.mark.parametrize(
    ("cell", "undone"),
    [
        ("'=1", "=1"),
        ("a;'=1", "a;=1"),
        ("'\tx", "\tx"),
        *((same, same) for same in ("'a", "it's", "''=1", "'=1;=2", "=1")),
    ],
)
def test_an_apostrophe_of_somebody_elses_stays(cell: str, undone: str) -> None:
    assert undo_neutralise(cell) == undone

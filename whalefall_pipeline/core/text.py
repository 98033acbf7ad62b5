"""Text of servers, names and files, made fit to be shown: nothing in it moves a cursor or hides."""

import re
import unicodedata

_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Controls (line breaks and tabs too), format characters (all bidirectional ones), surrogates, line separators."""
_IGNORABLE = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0\u2800"
    + "".join(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
)
"""Letters, marks and symbols that show nothing: Unicode's Default_Ignorable_Code_Point outside Cf, and a blank."""
_STARTS = r"(?=[\s\u0000-\u0020\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20])"
FORMULA = re.compile(rf"(^|[;\t\r\n]){_STARTS}|^(?=[\t\r\n])")
"""Where a spreadsheet begins a formula, full-width signs and what it skips before them included (OWASP, CSV Injection).

Some split lines at semicolons, by their locale, so a formula can begin after one too.
"""
_SIGNS = re.compile(r"[\t\r\n=+\-@\uff1d\uff0b\uff0d\uff20]")
"""What no formula is without; most cells have none, and looking for one takes a tenth of looking for a formula."""
NEUTRALISED = re.compile(rf"(^|[;\t\r\n])'{_STARTS}|^'(?=[\t\r\n])")
"""Where `neutralise` puts its apostrophes."""
_MENTION = re.compile(
    r"@(?=(?:everyone|here|channel|all|room|team)\b)|(?<![\w'\"`%.-])@(?=[\w&!])|(?<=<)@",
    re.IGNORECASE,
)
"""Where chats read that somebody, or everybody, is called: at a word's begin, or, for everybody, anywhere."""
_TAG = re.compile(r"<(?=[@!#&/?:A-Za-z\uff20])")
"""Where Slack, Discord or HTML begin something that is no text."""
_LINK = re.compile(r"\](?=\()")
_SHORT = {"\t": r"\t", "\n": r"\n", "\r": r"\r"}
_NOT_ASCII_TEXT = re.compile(r"[^ -~]")


def make_visible(text: str) -> str:
    r"""Return the text with each character that can't be seen as an escape: `\n`, `\x1b`, `\u202e`, `\U000e0001`.

    Text without such characters comes back as it is, backslashes included, and so does what this function returned.
    For terminals, logs and error lines: it is not reversible, so files and other programs get the text itself.
    """
    return _NOT_ASCII_TEXT.sub(_to_visible, text)


def neutralise(cell: str) -> str:
    """Return a cell as text to any spreadsheet: an apostrophe before what it would take for a formula's start."""
    return FORMULA.sub(lambda found: f"{found[0]}'", cell) if _SIGNS.search(cell) else cell


def undo_neutralise(cell: str) -> str:
    """Return the text that `neutralise` made this cell of, and any other cell as it is."""
    text = NEUTRALISED.sub(lambda found: found[1] or "", cell)
    return text if neutralise(text) == cell else cell


def make_inert(text: str) -> str:
    """Return a line for people that calls nobody and holds no tag or link, wherever it is shown: chats, mails, pages.

    Signs that would begin one become their full-width twins, which look alike. An address such as `app@10.0.0.1` stays
    as it is. Like `make_visible` it is for people alone.
    """
    return _LINK.sub("] ", _TAG.sub("\uff1c", _MENTION.sub("\uff20", text)))


def is_visible(text: str) -> bool:
    """Return whether every character of the text can be seen."""
    return make_visible(text) == text


def is_unicode(text: str) -> bool:
    """Return whether the text can be written as UTF-8; bytes that are none come into Python as lone surrogates."""
    return not any(0xD800 <= ord(char) <= 0xDFFF for char in text)


def _to_visible(found: re.Match[str]) -> str:
    char = found[0]
    if unicodedata.category(char) not in _HIDDEN_CATEGORIES and char not in _IGNORABLE:
        return char
    if char in _SHORT:
        return _SHORT[char]
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"

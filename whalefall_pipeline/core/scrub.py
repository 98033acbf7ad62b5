"""Takes a secret out of text of servers and drivers, in the spellings in which they repeat one."""

import base64
import json
import re
from collections.abc import Callable, Iterator
from html import escape
from urllib.parse import quote, quote_plus

from whalefall_pipeline.core.text import make_visible

SCRUBBED = "(secret)"
SHORT = 4
"""A shorter secret is taken out as a word of its own only, or it would be told by the holes in all other words."""
CODED = 8
"""Characters that a part of a longer base64 text must have to be taken for the secret's."""


def build_scrubber(secret: str) -> Callable[[str], str]:
    """Return a function that puts `(secret)` in the place of the secret: as it is, quoted, escaped or encoded."""
    if not secret:
        return str
    spellings = sorted({*_list_spellings(secret)}, key=len, reverse=True)
    pattern = "|".join(map(re.escape, spellings))
    if len(secret) < SHORT:
        pattern = rf"(?<!\w)(?:{pattern})(?!\w)"
    compiled = re.compile(pattern)
    return lambda text: compiled.sub(SCRUBBED, text)


def _list_spellings(secret: str) -> Iterator[str]:
    for text in (secret, make_visible(secret)):
        yield text
        yield text.replace("'", "''")
        yield text.replace('"', '""')
        yield text.replace("\\", "\\\\").replace("'", "\\'")
        yield text.replace("\\", "\\\\").replace('"', '\\"')
    yield repr(secret)[1:-1]
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield escape(secret)
    percent = (quote(secret, "", errors="replace"), quote(secret, errors="replace"))
    for encoded in (*percent, quote_plus(secret, errors="replace")):
        yield encoded
        yield re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), encoded)
    yield from _list_codes(secret.encode(errors="replace"))


def _list_codes(secret: bytes) -> Iterator[str]:
    """Yield the secret in hexadecimal and base64; of the latter also what it is in the middle of a longer text."""
    yield secret.hex()
    yield secret.hex().upper()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        whole = encode(secret).decode()
        yield whole
        yield whole.rstrip("=")
        for before, first in enumerate((0, 2, 3)):  # that many characters hold bits of what is before it
            last = (before + len(secret)) * 8 // 6
            part = encode(b"\0" * before + secret).decode()[first:last]
            if len(part) >= CODED:
                yield part

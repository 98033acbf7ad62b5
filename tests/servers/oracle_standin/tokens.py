"""Splits a statement of Oracle's into words, and reads them one by one."""

import re

_TOKEN = re.compile(r"""\s*(?:("[^"]+")|('(?:[^']|'')*')|([A-Za-z][\w$#]*)|(\d+)|([(),.=]))""")


class OracleError(Exception):
    """What the server would refuse, with its code."""


class Words:
    """The words of one statement; a quoted name keeps its case, any other word is upper-case."""

    def __init__(self, statement: str) -> None:
        self._words: list[str] = []
        at = 0
        text = statement.rstrip()
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None:
                raise OracleError(f"ORA-00911: invalid character at {text[at:]!r}")
            quoted, string, *_ = found.groups()
            self._words.append(found[0].strip() if quoted or string else found[0].strip().upper())
            at = found.end()
        self._at = 0

    @property
    def is_done(self) -> bool:
        """Whether all words are read."""
        return self._at == len(self._words)

    def peek(self, *words: str) -> bool:
        """Whether these words come next."""
        return self._words[self._at : self._at + len(words)] == list(words)

    def take(self, *words: str) -> bool:
        """Read these words if they come next, and say whether they did."""
        if not self.peek(*words):
            return False
        self._at += len(words)
        return True

    def expect(self, *words: str) -> None:
        """Read these words, or refuse the statement."""
        if not self.take(*words):
            raise OracleError(f"ORA-00900: {' '.join(words)} expected before {' '.join(self._words[self._at :])!r}")

    def next(self) -> str:
        """Read any word."""
        if self.is_done:
            raise OracleError("ORA-00900: the statement ends too early")
        self._at += 1
        return self._words[self._at - 1]

    def name(self) -> str:
        """Read a name."""
        word = self.next()
        if word[0] == '"':
            return word[1:-1]
        if not word[0].isalpha():
            raise OracleError(f"ORA-00903: {word!r} is no name")
        return word

    def is_quoted(self) -> bool:
        """Whether the next word is a quoted name."""
        return not self.is_done and self._words[self._at][0] == '"'

    def names(self) -> list[str]:
        """Read names with commas between them."""
        found = [self.name()]
        while self.take(","):
            found.append(self.name())
        return found

    def phrase(self, *ends: str) -> str:
        """Read words up to one of `ends` (or a comma or bracket), joined by spaces."""
        found: list[str] = []
        while not self.is_done and not self.peek(",") and not self.peek("(") and not any(map(self.peek, ends)):
            found.append(self.next())
        return " ".join(found)

    def end(self) -> None:
        """Refuse what is left."""
        if not self.is_done:
            raise OracleError(f"ORA-00933: not properly ended at {' '.join(self._words[self._at :])!r}")

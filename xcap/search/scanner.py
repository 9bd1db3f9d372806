"""Reading the text of a query from left to right. Pure."""

import re
from typing import Final, NoReturn

from xcap.errors import ConstraintFailure
from xcap.nodes.selector import QNAME

MAX_DEPTH: Final = 16
"""How deep parentheses, predicates and constructors may nest."""
MAX_PARTS: Final = 128
"""Steps, conditions and templates in one query."""
SHOWN: Final = 40
"""Characters of a query that an error repeats."""

SPACE: Final = re.compile(r"(?:[ \t\r\n]+|\(:(?:[^:]|:(?!\)))*:\))*")
"""White space and comments that do not nest."""
NAME: Final = re.compile(QNAME)
WORD: Final = re.compile(r"[A-Za-z][A-Za-z-]*(?![\w.:-])")
STRING: Final = re.compile(r'"((?:[^"]|"")*)"|\'((?:[^\']|\'\')*)\'')
NUMBER: Final = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,15})?(?![\w.])")
REFERENCE: Final = re.compile(r"&([^;&]{1,10});|&")
ENTITIES: Final = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
CHARACTER: Final = re.compile(r"#(?:([0-9]{1,7})|x([0-9A-Fa-f]{1,6}))")
XML_CHARACTER: Final = re.compile("[\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Scanner:
    """A place in the text of a query. All failures are ConstraintFailure (409)."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self._depth = 0
        self._parts = 0

    def accept(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """What matches `pattern` after white space, taken; or None, and nothing is taken."""
        return self._take(pattern.match(self._text, self._next()))

    def accept_here(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """What matches `pattern` at once, white space or not."""
        return self._take(pattern.match(self._text, self._position))

    def accept_mark(self, mark: str) -> bool:
        """Whether `mark` comes next; then it is taken."""
        start = self._next()
        if not self._text.startswith(mark, start):
            return False
        self._position = start + len(mark)
        return True

    def accept_word(self, word: str) -> bool:
        """Whether the whole word `word` comes next; then it is taken."""
        before = self._position
        found = self.accept(WORD)
        if found is not None and found[0] == word:
            return True
        self._position = before
        return False

    def expect_mark(self, mark: str) -> None:
        if not self.accept_mark(mark):
            self.fail(f"{mark} is wanted")

    def expect_word(self, word: str) -> None:
        if not self.accept_word(word):
            self.fail(f'"{word}" is wanted')

    def string(self) -> str | None:
        """The value of a string literal, if one comes next."""
        found = self.accept(STRING)
        if found is None:
            return None
        quote = found[0][0]
        return self.unescape(found[0][1:-1].replace(quote * 2, quote))

    def expect_string(self) -> str:
        value = self.string()
        return self.fail("a string literal is wanted") if value is None else value

    def unescape(self, text: str) -> str:
        """`text` with entity and character references resolved."""
        return REFERENCE.sub(self._character, text) if "&" in text else text

    def expect_end(self) -> None:
        if self._next() < len(self._text):
            self.fail("the end of the query is wanted")

    def deeper(self) -> None:
        """Enter what may hold its like; `count` what is in it, and `shallower` after it."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self.fail(f"it may not nest deeper than {MAX_DEPTH} levels")

    def shallower(self) -> None:
        self._depth -= 1

    def count(self) -> None:
        """Count one part of the query."""
        self._parts += 1
        if self._parts > MAX_PARTS:
            self.fail(f"a query may not have more than {MAX_PARTS} parts")

    def fail(self, reason: str) -> NoReturn:
        """Refuse the query."""
        rest = self._text[self._position :].strip()[:SHOWN]
        where = f"before {rest!r}" if rest else "at its end"
        raise ConstraintFailure(f"the query is not understood {where}: {reason}")

    def _next(self) -> int:
        """Where white space and comments end."""
        found = SPACE.match(self._text, self._position)
        return found.end() if found else self._position

    def _take(self, found: re.Match[str] | None) -> re.Match[str] | None:
        if found is not None:
            self._position = found.end()
        return found

    def _character(self, found: re.Match[str]) -> str:
        name = found[1] or ""
        if name in ENTITIES:
            return ENTITIES[name]
        number = CHARACTER.fullmatch(name)
        code = int(number[1] or number[2], 10 if number[1] else 16) if number else 0
        character = chr(code) if code <= 0x10FFFF else ""
        if not XML_CHARACTER.fullmatch(character):
            self.fail(f"{found[0]} is no reference to a character")
        return character

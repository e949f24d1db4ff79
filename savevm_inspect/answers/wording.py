"""One wording of an error: a format string of QEMU's, found in a line again, with what it leaves open.

No regular expression is made of a format, and nothing is tried in more than one way: literals are searched from left
to right, numbers end where their digits end, text ends where the next literal begins.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

_CONVERSION: Final = re.compile(r"%[-+ #0]*\d*(?:\.\*|\.\d+)?(?:hh|h|ll|l|z)?([a-zA-Z])")
_WORD: Final = re.compile(r"[A-Za-z_]{2,}")
_NUMBERS: Final = {
    "d": re.compile(r"-?[0-9]+"),
    "u": re.compile(r"[0-9]+"),
    "x": re.compile(r"[0-9a-fA-F]+"),
    "p": re.compile(r"0x[0-9a-fA-F]+|\(nil\)"),
    "c": re.compile(r"."),
}
_LINK: Final = ": "
"""Between the errors of a chain, and after the name of a program."""

_TRIES: Final = 8
"""How many times the first literal is searched in one line."""

_CUT_LEAST: Final = 12
_CUT_ENOUGH: Final = 24
"""Of a line that was cut so many characters of literals must be there at least, and half of all, or that many."""


_SHORT: Final = 12
"""A wording with fewer characters of literals must be all that a program says, or all of a chain's link."""


class Conversion(NamedTuple):
    """What a format leaves open: the letter of its type."""

    type: str

    def end(self, line: str, pos: int, following: str) -> int:
        """Where what begins at a position of a line ends; -1 if nothing of its type begins there.

        Args:
            line: where.
            pos: the position.
            following: the literal after it; empty if it is the last of a wording.
        """
        before = line.find(following, pos) if following else -1
        if self.type not in _NUMBERS:  # of the last one the rest of the chain is no part
            return before if following else line.find(_LINK, pos) if _LINK in line[pos:] else len(line)
        digits = _NUMBERS[self.type]
        if before >= 0 and digits.fullmatch(
            line, pos, before
        ):  # the literal may begin with a letter that is a digit, too
            return before
        found = digits.match(line, pos)
        return found.end() if found else -1


@dataclass(frozen=True, slots=True)
class Match:
    """Where a wording was found in a line.

    Attributes:
        wording: it.
        start: position of its first literal.
        end: where its last literal, or number, ends.
        values: what it leaves open, in its order.
        literal: how many characters of its literals were found.
        cut: whether its beginning or end is missing.
    """

    wording: "Wording"
    start: int
    end: int
    values: tuple[str, ...]
    literal: int
    cut: bool


@dataclass(frozen=True)
class Wording:
    """A wording.

    Attributes:
        key: of its row.
        versions: of QEMU, or the program that says it.
        file: the upstream file.
        function: the function that reports it, empty if that is not known.
        format: as QEMU has it; ``__func__`` and literals of the call are filled in.
    """

    key: str
    versions: tuple[str, ...]
    file: str
    function: str
    format: str

    @cached_property
    def pieces(self) -> tuple[str | Conversion, ...]:
        """Literals and what is open between them."""
        pieces: list[str | Conversion] = []
        form = " ".join(self.format.split()).removesuffix(":")  # where another error is appended
        end = 0
        for found in _CONVERSION.finditer(form):
            if found.start() > end:
                pieces.append(form[end : found.start()])
            pieces.append(Conversion(found[1]))
            end = found.end()
        return (*pieces, form[end:]) if form[end:] else tuple(pieces)

    @cached_property
    def lead(self) -> Conversion | None:
        """What is open before its first literal."""
        return self.pieces[0] if isinstance(self.pieces[0], Conversion) else None

    @cached_property
    def tail(self) -> tuple[str | Conversion, ...]:
        """Its pieces from the first literal on."""
        return self.pieces[1:] if self.lead else self.pieces

    @cached_property
    def literal(self) -> int:
        """How many characters of it are literal."""
        return sum(len(piece) for piece in self.pieces if isinstance(piece, str))

    @cached_property
    def words(self) -> frozenset[str]:
        """Its words, as :func:`words` finds them in each line that it is in: not those that touch what is open."""
        form = _CONVERSION.sub("\0", self.format)
        found = _WORD.finditer(f" {form} ")
        return frozenset(each[0] for each in found if "\0" not in f" {form} "[each.start() - 1 : each.end() + 1])

    def find(self, line: str) -> Match | None:
        """Find it in a line, whole.

        Args:
            line: with single spaces.
        """
        first = str(self.tail[0])
        start = line.find(first)
        for _ in range(_TRIES):
            if start < 0:
                return None
            match = self._match(line, start)
            if match:
                return match
            start = line.find(first, start + 1)
        return None

    def find_cut(self, line: str) -> Match | None:
        """Find it in a line that begins or ends within it.

        Args:
            line: with single spaces.
        """
        matches = [self._match(line, start, cut=True) for start in self._starts(line)]
        enough = min(max(_CUT_LEAST, self.literal // 2), _CUT_ENOUGH)
        return max(
            (match for match in matches if match and match.literal >= enough),
            key=lambda match: match.literal,
            default=None,
        )

    def _starts(self, line: str) -> Iterator[int]:
        """Where it may start in a line; at a negative position if its first characters are missing."""
        first = str(self.tail[0])
        if first in line:
            yield line.find(first)
        for missing in range(len(first)):
            if line.startswith(first[missing:]) or first[missing:].startswith(line):
                yield -missing
                return

    def _match(self, line: str, start: int, *, cut: bool = False) -> Match | None:
        """Match it where its first literal starts.

        Args:
            line: where.
            start: position of the first literal; negative if so many of its characters are missing.
            cut: whether the line may end before the wording does.
        """
        values = []
        if self.lead and start >= 0:
            before = line[:start].rpartition(_LINK)[2].strip()
            if not before or self.lead.end(before, 0, "") != len(before):
                return None
            values.append(before)
        literal = 0
        pos = start
        for piece, following in zip(self.tail, (*self.tail[1:], ""), strict=True):
            if cut and pos >= len(line):
                break
            if isinstance(piece, str):
                wanted = piece[-pos:] if pos < 0 else piece
                pos = max(pos, 0)
                there = line[pos : pos + len(wanted)]
                if there != wanted and not (cut and there and wanted.startswith(there)):
                    return None
                pos += len(there)
                literal += len(there)
                continue
            end = piece.end(line, pos, following if isinstance(following, str) else "")
            if end < 0 and cut and piece.type not in _NUMBERS:
                end = len(line)
            if end < 0:
                return None
            values.append(line[pos:end].strip())
            pos = end
        if self.literal < _SHORT and line[pos:] and not line.startswith(_LINK, pos):
            return None
        missing = start < 0 or literal < self.literal
        return Match(self, max(start, 0), pos - self._open_end(values), tuple(values), literal, missing)

    def _open_end(self, values: list[str]) -> int:
        """How many characters of open text end it; another wording may lie within those."""
        last = self.pieces[-1]
        return len(values[-1]) if isinstance(last, Conversion) and last.type not in _NUMBERS and values else 0


def words(line: str) -> list[str]:
    """The words of a line: runs of letters and underscores."""
    return _WORD.findall(line)

"""What error lines of a migration mean: lines in, rows of the table out, with the values that the lines hold."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from ..errors import printable
from ..markup import html_table
from . import table
from .row import Row
from .wording import Match, Wording, words

if TYPE_CHECKING:
    from ..container.source import SourceLike
    from ..reader.stream import Stream
    from .blame import Blamed

_NAMES_DEVICE: Final = "device-load-failed"
_FEATURES: Final = "virtio-features"
"""The error that names the device in whose state others were found, and the one whose bits have names."""

_LINE_LENGTH: Final = 4096
"""What is longer is cut; QEMU's lines are a few hundred characters."""

_CUT_LINES: Final = 200
_ERRORS_MOST: Final = 100
"""In how many lines halves of wordings are searched, and how many different errors are explained."""

_NEAR_LEAST: Final = 0.25
_NEAR_WORDS: Final = 2
_NEAR_MOST: Final = 2
"""What part of a wording's words a line must share for it to be near, how many at least; and how many are named."""

_ENCODED_LINE_END: Final = re.compile(r"&#10;|(?:\\r)?\\n")
"""How XML and JSON logs write the ends of lines that they quote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedError:
    """An error that was found in a line.

    Attributes:
        row: what it means.
        wording: in whose words.
        values: what the line says, by name.
        line: the line.
        line_number: which one, from 1.
        cut: whether only a part of the wording is there.
        names: of the feature bits that the destination lacks; empty for other errors.
        blamed: the bytes of the stream that it is about, if a stream was given and they can be found.
    """

    row: Row
    wording: Wording
    values: Mapping[str, str]
    line: str
    line_number: int
    cut: bool
    names: str = ""
    blamed: "tuple[Blamed, ...]" = ()

    def __str__(self) -> str:
        said = ", ".join(f"{name} {value}" for name, value in self.values.items())
        return printable(self.row.key + (f" ({said})" if said else ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownLine:
    """A line that nobody is known to say.

    Attributes:
        line: it.
        line_number: which one, from 1.
        near: wordings that share words with it, the nearest first.
    """

    line: str
    line_number: int
    near: tuple[Wording, ...]

    def __str__(self) -> str:
        near = " or ".join(f"{each.format.strip()!r} ({each.key})" for each in self.near)
        shown = self.line if len(self.line) <= 100 else f"{self.line[:100]}..."
        return printable(f"{shown!r} is unknown; {f'nearest is {near}' if near else 'nothing that is known is near'}")


@dataclass(frozen=True, slots=True)
class Explanation:
    """What lines of a log mean.

    Attributes:
        errors: the errors that were found, each once, in the order of the lines.
        unknown: lines that nobody is known to say; only if no error was found.
    """

    errors: tuple[ExplainedError, ...]
    unknown: tuple[UnknownLine, ...]

    @property
    def reasons(self) -> tuple[ExplainedError, ...]:
        """The errors that say why; if none does, all that there are."""
        return tuple(each for each in self.errors if not each.row.context) or self.errors

    @property
    def contexts(self) -> tuple[ExplainedError, ...]:
        """The errors that only say what failed, where others say why."""
        return tuple(each for each in self.errors if each not in self.reasons)

    def __str__(self) -> str:
        return "\n".join(f"{each}: {each.row.cause}" for each in self.reasons) or "\n".join(map(str, self.unknown))

    def _repr_html_(self) -> str:
        rows = ((str(each), each.row.cause, each.row.remedy) for each in self.reasons)
        return html_table("what the lines mean", ("error", "cause", "remedy"), rows)


def explain(text: str, stream: "Stream | SourceLike | None" = None) -> Explanation:
    """Say what error lines of a migration mean.

    Args:
        text: one line or many, of QEMU's log, libvirt's or the kernel's; prefixes and half lines do no harm.
        stream: the stream that was refused, or where it is; then errors name the bytes that they are about.

    Returns:
        The errors with cause and remedy; if there are none, the lines with what is nearest.

    Raises:
        SavevmError: the stream can't be opened.
    """
    explanation = _named(_explain(text))
    if stream is None:
        return explanation
    from ..reader.stream import Stream, open_stream  # noqa: PLC0415 - a line alone needs no reader

    if isinstance(stream, Stream):
        return _with_bytes(explanation, stream)
    with open_stream(stream, strict=False) as opened:
        return _with_bytes(explanation, opened)


def _device(explanation: Explanation) -> str:
    """The device that the lines name, in whose state the other errors were found."""
    return next((each.values["idstr"] for each in explanation.errors if each.row.key == _NAMES_DEVICE), "")


def _named(explanation: Explanation) -> Explanation:
    """The same errors with the names of the feature bits that the destination lacks."""
    if all(each.row.key != _FEATURES for each in explanation.errors):
        return explanation
    from .blame import missing_features  # noqa: PLC0415

    device = _device(explanation)
    errors = (replace(each, names=missing_features(each.values, device)) for each in explanation.errors)
    return replace(explanation, errors=tuple(errors))


def _with_bytes(explanation: Explanation, stream: "Stream") -> Explanation:
    """The same errors with the bytes that they are about."""
    from .blame import blame  # noqa: PLC0415

    device = _device(explanation)
    errors = (replace(each, blamed=blame(stream, each.row.key, each.values, device)) for each in explanation.errors)
    return replace(explanation, errors=tuple(errors))


def _explain(text: str) -> Explanation:
    errors: dict[tuple[str, tuple[str, ...]], ExplainedError] = {}
    unknown: dict[str, UnknownLine] = {}
    for number, line in _lines(text):
        matches = _found(line)
        if not matches and len(unknown) < _CUT_LINES:
            if line not in unknown:
                matches = _found_cut(line)
            if not matches:
                unknown.setdefault(line, UnknownLine(line=line, line_number=number, near=_near(line)))
        for match in matches:
            if len(errors) < _ERRORS_MOST:
                errors.setdefault((match.wording.key, match.values), _explained(match, line, number))
    return Explanation(tuple(errors.values()), () if errors else tuple(unknown.values()))


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines that say anything, with their numbers, in single spaces."""
    for number, line in enumerate(text.splitlines(), 1):
        for part in _ENCODED_LINE_END.split(line):
            shown = " ".join(part[:_LINE_LENGTH].split())
            if shown:
                yield number, shown


def _found(line: str) -> list[Match]:
    """The wordings in a line from left to right; where two overlap, the one that has more literal characters."""
    index = table.by_rarest_word()
    candidates = {wording.format: wording for word in ("", *words(line)) for wording in index.get(word, ())}
    matches = [match for match in (wording.find(line) for wording in candidates.values()) if match]
    taken: list[Match] = []
    for match in sorted(matches, key=lambda match: -match.literal):
        if all(match.end <= other.start or match.start >= other.end for other in taken):
            taken.append(match)
    return sorted(taken, key=lambda match: match.start)


def _found_cut(line: str) -> list[Match]:
    """The wording that a line begins or ends within, if it can be but one."""
    candidates = {wording.format: wording for word in words(line) for wording in table.by_word().get(word, ())}
    matches = [match for match in (wording.find_cut(line) for wording in candidates.values()) if match]
    most = max((match.literal for match in matches), default=0)
    best = [match for match in matches if match.literal == most]
    return best[:1] if len({match.wording.key for match in best}) == 1 else []


def _near(line: str) -> tuple[Wording, ...]:
    """The wordings that share most of their words with a line; a word counts more the fewer have it."""
    index = table.by_word()
    said = set(words(line))
    sharing = Counter(wording for word in said for wording in index.get(word, ()))
    parts = {
        wording: _weight(wording.words & said) / _weight(wording.words)
        for wording, count in sharing.items()
        if count >= _NEAR_WORDS
    }
    nearest = sorted(parts, key=lambda wording: (-parts[wording], wording.format))
    return tuple(wording for wording in nearest[:_NEAR_MOST] if parts[wording] >= _NEAR_LEAST)


def _weight(some: Iterable[str]) -> float:
    """Of words; one weighs less the more wordings have it."""
    index = table.by_word()
    return sum(1 / len(index[word]) for word in some)


def _explained(match: Match, line: str, number: int) -> ExplainedError:
    row = table.rows()[match.wording.key]
    values = dict(zip(row.values, match.values, strict=False))
    return ExplainedError(row=row, wording=match.wording, values=values, line=line, line_number=number, cut=match.cut)

"""The table of errors: wordings by key, and a row for each key.

``wordings.tsv`` is listed from QEMU's sources (tests/answers/upstream/list_errors.py), ``around.tsv`` is written by
hand: what libvirt, the kernel and other parts of QEMU say around a migration. The rows are in ``causes``.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.resources import files
from typing import Final

from .row import Row
from .wording import Wording

_LISTS: Final = ("wordings.tsv", "around.tsv")
CAUSES: Final = ("stream", "state", "devices", "ram", "multifd", "postcopy", "start", "around")


@cache
def rows() -> Mapping[str, Row]:
    """The rows by their keys."""
    modules = (import_module(f".causes.{name}", __package__) for name in CAUSES)
    return {row.key: row for module in modules for row in module.ROWS}


@cache
def wordings() -> tuple[Wording, ...]:
    """All wordings; one that several functions have is there once, with the versions of all."""
    merged: dict[tuple[str, str], Wording] = {}
    for each in _listed():
        known = merged.setdefault((each.key, each.format), each)
        if known is not each:
            versions = dict.fromkeys((*known.versions, *each.versions))
            merged[each.key, each.format] = Wording(
                each.key, tuple(versions), known.file, known.function or each.function, each.format
            )
    return tuple(merged.values())


def _listed() -> Iterator[Wording]:
    for name in _LISTS:
        lines = files(__package__).joinpath(name).read_text(encoding="utf-8").splitlines()
        for line in lines[1:]:
            key, versions, file, function, form = line.split("\t")
            yield Wording(key, tuple(versions.split()), file, function, form)


@cache
def by_word() -> Mapping[str, tuple[Wording, ...]]:
    """The wordings that hold a word, by word."""
    found: dict[str, list[Wording]] = {}
    for wording in wordings():
        for word in wording.words:
            found.setdefault(word, []).append(wording)
    return {word: tuple(each) for word, each in found.items()}


@cache
def by_rarest_word() -> Mapping[str, tuple[Wording, ...]]:
    """Each wording under one of its words, the one that fewest others have; those without a word under ``""``.

    A line that holds a wording holds its rarest word, so few wordings are tried in a line.
    """
    count = Counter(word for wording in wordings() for word in wording.words)
    found: dict[str, list[Wording]] = {}
    for wording in wordings():
        rarest = min(wording.words, key=lambda word: (count[word], -len(word), word), default="")
        found.setdefault(rarest, []).append(wording)
    return {word: tuple(each) for word, each in found.items()}

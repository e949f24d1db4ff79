"""The engine, driven by real traces, does what QEMU did, but for what the table of differences explains.

``SAVEVM_CAPTURES`` names another folder of captures than the repository's, whose largest trace is not kept there;
``python -m tests.engine.traces.compare FOLDER`` counts.
"""

import os
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from savevm_inspect.rules.threads import Side

from .compare import Capture, Comparison, Emitted, captures_in, compare, compare_capture, courses_of
from .differences import DIFFERENCES_FROM_10_2, Difference
from .truth import read_truth

FOLDER = Path(os.environ.get("SAVEVM_CAPTURES", Path(__file__).parents[2] / "captures"))
CAPTURES = captures_in(FOLDER)

Courses = dict[Side, tuple[Emitted, Emitted]]

compared = cache(compare_capture)


@pytest.mark.parametrize("capture", CAPTURES, ids=str)
def test_no_difference_is_left_unexplained(capture: Capture) -> None:
    made = compared(capture)
    assert [line for each in made.values() for line in each.unexplained] == []
    assert all(each.events > 40 for each in made.values())


def test_every_version_and_every_kind_is_there() -> None:
    kinds = {
        version: {each.kind for each in CAPTURES if each.version == version} for version in ("7.2", "10.0", "11.1")
    }
    always = {"precopy", "xbzrle", "multifd", "postcopy", "tofile", "bgsnap", "cancel"}
    assert all(always <= each for each in kinds.values())
    assert "switchover-ack" in kinds["10.0"] & kinds["11.1"]
    assert "postcopy-recover" in kinds["11.1"]
    both = [capture for capture in CAPTURES if len(compared(capture)) == len(Side)]
    assert len(both) >= 15


@pytest.mark.parametrize(
    "row", DIFFERENCES_FROM_10_2, ids=lambda row: f"{'+'.join(row.versions)}-{row.side}-{row.event}"
)
def test_every_row_explains_something_in_every_version_that_it_names(row: Difference) -> None:
    for version in row.versions:
        named = [each for each in CAPTURES if each.version == version and (not row.kinds or each.kind in row.kinds)]
        times = sum(compared(each)[row.side].applied[row] for each in named if row.side in compared(each))
        assert times or not named, version


@pytest.fixture(scope="module")
def courses() -> tuple[Capture, Courses]:
    """What engine and QEMU did in a postcopy of 7.2, which differs most."""
    capture = next(each for each in CAPTURES if str(each) == "7.2-postcopy")
    return capture, courses_of(read_truth(capture.path), capture.version, capture.kind)


def _compare(capture: Capture, side: Side, ours: Emitted, theirs: Emitted) -> Comparison:
    return compare(ours, theirs, version=capture.version, kind=capture.kind, side=side)


@pytest.mark.parametrize("side", list(Side))
def test_every_event_counts(side: Side, courses: tuple[Capture, Courses]) -> None:
    """An event less on either side, or two that change order, is found."""
    capture, each = courses
    ours, theirs = each[side]
    assert not _compare(capture, side, ours, theirs).unexplained
    for index in range(len(theirs)):
        assert _compare(capture, side, ours, [*theirs[:index], *theirs[index + 1 :]]).unexplained
    for index, (one, other) in enumerate(pairwise(theirs)):
        if one[0] is other[0] and one != other:
            swapped = [*theirs[:index], other, one, *theirs[index + 2 :]]
            assert _compare(capture, side, ours, swapped).unexplained


def test_without_the_table_older_and_newer_versions_differ(
    courses: tuple[Capture, Courses],
) -> None:
    """7.2's destination sends SHUT in another thread; its source does just what the engine does as 7.2."""
    _, each = courses
    differs = {
        side: bool(compare(ours, theirs, version="10.2", kind="postcopy", side=side).unexplained)
        for side, (ours, theirs) in each.items()
    }
    assert differs == {Side.SOURCE: False, Side.DESTINATION: True}

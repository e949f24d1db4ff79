"""A log of pages is a list of rows, however its memory grows and shrinks."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from savevm_inspect.payload import page_log
from savevm_inspect.payload.page_log import PAGE_DTYPE, PAGE_ROW, PageLog

verbs = st.sampled_from(["extend", "reserve", "expect", "trim", "move", "hold"])
steps = st.lists(st.tuples(verbs, st.integers(0, 60)), max_size=25)


def row(number: int) -> tuple[int, ...]:
    return (number, 1, number + 2, 3, 1, 5, 6, 7)


@given(steps)
def test_what_was_logged_is_kept(course: list[tuple[str, int]]) -> None:
    log, expected = PageLog(), list[tuple[int, ...]]()
    held: list[tuple[Any, list[Any]]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page_log, "_SPARE_ROWS", 3)
        patch.setattr(page_log, "_RELEASED_ROWS", 10)
        patch.setattr(page_log, "_MOST_EXPECTED_ROWS", 40)
        for number, (step, count) in enumerate(course):
            rows = [row(1000 * number + each) for each in range(count)]
            if step == "extend":
                log.extend(b"".join(PAGE_ROW.pack(*each) for each in rows))
                expected += rows
            elif step == "reserve":
                log.reserve(count)[: count // 2] = np.array(rows[: count // 2], PAGE_DTYPE)
                log.commit(count // 2)
                expected += rows[: count // 2]
            elif step == "expect":
                log.expect(count)
            elif step == "trim":
                log.trim()
            elif step == "move":
                target = np.zeros(min(count, len(log)), PAGE_DTYPE)
                log.move_last(target)
                assert target.tolist() == expected[len(expected) - len(target) :]
                del expected[len(expected) - len(target) :]
                held.clear()  # what a view showed after the last row may be written over
            else:
                held.append((log.rows, log.rows.tolist()))
            assert len(log) == len(expected)
            assert log.rows.tolist() == expected
            for rows_held, before in held:
                assert rows_held.tolist() == before

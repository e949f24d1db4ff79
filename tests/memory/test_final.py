"""Which sending of a page counts: the last one, unless the page was discarded after it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from savevm_inspect.memory import final
from savevm_inspect.memory.final import Discard, FinalPages
from savevm_inspect.memory.page_table import PageTable
from savevm_inspect.payload.page_log import PAGE_ROW, PageKind, PageLog
from savevm_inspect.payload.ram_blocks import RamBlock

PAGE = 1024
BLOCKS = [RamBlock("pc.ram", 40 * PAGE), RamBlock("vga", 9 * PAGE), RamBlock("huge", 1 << 50)]

page = st.tuples(st.sampled_from(range(3)), st.integers(0, 8), st.sampled_from([0, 1, 2]))
discard = st.tuples(st.sampled_from(range(4)), st.integers(0, 9), st.integers(0, 40))
steps = st.lists(st.one_of(page, st.tuples(st.just("discard"), discard)), max_size=40)


def put(log: PageLog, block: int, number: int, kind: int, epoch: int = 0) -> None:
    log.extend(PAGE_ROW.pack(1000 + len(log), PAGE, number * PAGE, block, kind, 0, 0, epoch))


@given(steps, st.booleans(), st.sampled_from([1, 3, 1 << 18]))
def test_the_last_sending_that_was_not_discarded_counts(
    course: list[tuple[object, ...]], dense: bool, step: int
) -> None:
    blocks = BLOCKS[:2] if dense else BLOCKS
    log, discards, expected = PageLog(), [], dict[tuple[int, int], int]()
    chains = dict[int, list[int]]()
    sent = dict[tuple[int, int], int]()
    for each in course:
        if each[0] == "discard":
            block, first, count = each[1]  # type: ignore[misc]
            name = BLOCKS[block].name if block < 3 else "no such block"
            discards.append(Discard(name, first * PAGE, count * PAGE, len(log)))
            expected = {
                key: row for key, row in expected.items() if key[0] != block or not first <= key[1] < first + count
            }
            continue
        block, number, kind = int(each[0]), int(each[1]), int(each[2])  # type: ignore[call-overload]
        if block >= len(blocks):
            continue
        before = sent.get((block, number))
        chains[len(log)] = [*(chains[before] if kind == PageKind.XBZRLE and before is not None else []), len(log)]
        sent[block, number] = expected[block, number] = len(log)
        put(log, block, number, kind)
    final._STEP_ROWS, kept = step, final._STEP_ROWS
    try:
        found = FinalPages(log.rows, blocks, PAGE, discards)
    finally:
        final._STEP_ROWS = kept
    assert (found._keys is None) == dense
    for index in range(len(blocks)):
        rows = {number: row for (block, number), row in expected.items() if block == index}
        numbers, last = found.between(index, 0, 1 << 60)
        assert dict(zip(numbers.tolist(), last.tolist(), strict=True)) == rows
        assert numbers.tolist() == sorted(rows)
        assert found.count(index) == len(rows)
        some, _ = found.between(index, 2, 5)
        assert some.tolist() == [number for number in sorted(rows) if 2 <= number < 5]
        assert [each for numbers, _ in found.steps(index) for each in numbers.tolist()] == sorted(rows)
    for row, chain in chains.items():
        assert found.history(row) == chain


def test_pages_that_were_not_sent_again_are_counted() -> None:
    log = PageLog()
    for number in (0, 1, 2):
        put(log, 0, number, PageKind.NORMAL)
    discards = [Discard("pc.ram", PAGE, 3 * PAGE, 3), Discard("pc.ram", 0, 2 * PAGE, 3)]
    put(log, 0, 1, PageKind.ZERO)
    found = FinalPages(log.rows, BLOCKS[:2], PAGE, discards)
    assert found.not_sent_again == 3, "0, 2, and 3, which never was sent"
    assert found.between(0, 0, 40)[0].tolist() == [1]
    assert found.missing == 40 + 9 - 1


def test_many_discards_of_everything_take_no_longer_than_one() -> None:
    log = PageLog()
    discards = []
    for number in range(3000):
        put(log, 0, number % 40, PageKind.NORMAL)
        discards += [Discard("pc.ram", 0, 40 * PAGE, len(log))] * 10
    ranges = [(0, 40, each.rows_before) for each in discards]
    assert list(final._last_of_ranges(ranges)) == [(0, 40, 3000)]
    assert FinalPages(log.rows, BLOCKS[:1], PAGE, discards).count(0) == 0


@given(st.lists(st.lists(st.integers(0, 5), max_size=12).map(sorted), min_size=2, max_size=4), st.integers(1, 7))
def test_channels_are_ordered_by_epoch_and_then_as_they_are_given(epochs: list[list[int]], seed: int) -> None:
    logs, expected = [], []
    for channel, each in enumerate(epochs):
        log = PageLog()
        for place, epoch in enumerate(each):
            put(log, 0, (place * seed + channel) % 40, PageKind.NORMAL, epoch)
            expected.append((epoch, channel, place))
        logs.append(log)
    cut = Discard("pc.ram", 0, PAGE, len(epochs[0]), epoch=3)
    wanted = [(epochs[channel][place], *logs[channel].rows[place].tolist()) for _, channel, place in sorted(expected)]
    table = PageTable.from_logs(logs, BLOCKS, PAGE, [cut])
    assert [(row[7], *row) for row in table.rows.tolist()] == wanted
    assert table.discards[0].rows_before == len(epochs[0]) + sum(epoch < 3 for each in epochs[1:] for epoch in each)
    assert not any(map(len, logs)), "taken over"


def test_what_is_moved_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("savevm_inspect.payload.page_log._RELEASED_ROWS", 100)
    logs = []
    for channel in range(2):
        log = PageLog()
        for number in range(5000):
            put(log, channel, number % 9, PageKind.NORMAL, number // 1000)
        logs.append(log)
    PageTable.from_logs(logs, BLOCKS, PAGE)
    assert all(len(log._rows) < 200 for log in logs)

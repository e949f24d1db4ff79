"""The guest: every write is in the dirty log, and time in pieces is the same as time in one."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from savevm_inspect.engine.machine.guest import Guest, GuestBlock, Workload
from savevm_inspect.errors import SavevmError

PAGE = 256
workloads = st.builds(
    Workload,
    writes_per_s=st.integers(0, 500),
    first_page=st.integers(0, 20),
    hot_pages=st.integers(0, 20),
    sequential=st.booleans(),
    stops_after_us=st.none() | st.integers(0, 2_000_000),
)


def guest(workload: Workload, seed: int = 0, pages: int = 16, filled: float = 0.5) -> Guest:
    blocks = [GuestBlock("ram", pages * PAGE, PAGE), GuestBlock("rom", PAGE, PAGE)]
    made = Guest(blocks, page_size=PAGE, workload=workload, seed=seed, filled=filled)
    made.running = True
    return made


@given(workloads, st.integers(0, 99), st.lists(st.integers(0, 2_000_000), max_size=8))
def test_time_in_pieces_does_what_time_in_one_does(workload: Workload, seed: int, times: list[int]) -> None:
    at_once, in_pieces = guest(workload, seed), guest(workload, seed)
    at_once.catch_up(2_000_000)
    for time in [*sorted(times), 2_000_000]:
        in_pieces.catch_up(time)
    for one, other in zip(at_once.blocks, in_pieces.blocks, strict=True):
        assert one.memory == other.memory
        assert (one.dirty_log == other.dirty_log).all()


@given(workloads, st.lists(st.integers(0, 2_000_000), max_size=6))
def test_the_log_holds_exactly_the_pages_that_changed(workload: Workload, times: list[int]) -> None:
    made = guest(workload)
    block = made.blocks[0]
    for _ in pairwise(sorted([0, *times])):
        before = bytes(block.memory)
        list(block.collect_dirty())
        made.catch_up(max(times))
        changed = {page for page in range(block.num_pages) if before[page * PAGE :][:PAGE] != block.page(page)}
        # Every write counts up, so that none leaves a page as it was.
        assert set(block.collect_dirty().tolist()) == changed
        assert not any(block.dirty_log)


@given(workloads)
def test_writes_stay_where_they_belong(workload: Workload) -> None:
    made = guest(workload)
    pages: list[int] = []
    made.on_write.append(pages.append)
    made.catch_up(1_000_000)
    first = min(workload.first_page, 15)
    last = min(first + (workload.hot_pages or 16), 16)
    assert all(first <= page < last for page in pages)
    ran_us = min(1_000_000, 1_000_000 if workload.stops_after_us is None else workload.stops_after_us)
    assert len(pages) == workload.writes_per_s * ran_us // 1_000_000


def test_a_stopped_guest_writes_nothing_and_does_not_catch_up_later() -> None:
    made = guest(Workload(writes_per_s=1000))
    made.running = False
    made.catch_up(1_000_000)
    assert not any(made.blocks[0].dirty_log)
    made.running = True
    made.catch_up(1_000_000)
    assert not any(made.blocks[0].dirty_log)
    made.catch_up(1_100_000)
    assert any(made.blocks[0].dirty_log)


@pytest.mark.parametrize(("filled", "zero_pages"), [(0.0, 16), (1.0, 0)])
def test_filled_is_the_share_of_pages_that_hold_something(filled: float, zero_pages: int) -> None:
    block = guest(Workload(), filled=filled).blocks[0]
    assert sum(not any(block.page(page)) for page in range(block.num_pages)) == zero_pages


@given(st.integers(-10, 4 * PAGE), st.binary(max_size=3 * PAGE))
def test_a_write_outside_its_block_is_refused(addr: int, data: bytes) -> None:
    block = GuestBlock("b", 3 * PAGE, PAGE)
    if addr < 0 or addr + len(data) > 3 * PAGE:
        with pytest.raises(SavevmError, match="leave block 'b'"):
            block.write(addr, data)
        assert not any(block.memory)
    else:
        block.write(addr, data)
        assert bytes(block.memory) == bytes(addr) + data + bytes(3 * PAGE - addr - len(data))
        touched = set(range(addr // PAGE, (addr + len(data) - 1) // PAGE + 1)) if data else set()
        assert set(block.collect_dirty().tolist()) == touched


def test_a_block_is_made_of_whole_pages() -> None:
    with pytest.raises(SavevmError, match="no multiple"):
        GuestBlock("b", PAGE + 1, PAGE)

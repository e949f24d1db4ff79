"""Time and memory grow with the input, no faster: of each kind of record, field, event, log line, packet n, 2n, 4n.

The exponent is how processor time, and the peak of Python's memory, grow from n to 4n: 1 is linear, 2 is quadratic. A
table of all is printed at the end of a run; ``pytest tests/test_growth.py -k KIND`` measures one.
"""

import gc
import math
import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pytest

import savevm_inspect as si
from savevm_inspect.errors import SavevmError
from savevm_inspect.kaitai import compare
from savevm_inspect.stream.cursor import Cursor
from savevm_inspect.stream.events import read_events
from savevm_inspect.stream.return_path import read_return_path
from savevm_inspect.trace.lines import read_lines
from savevm_inspect.views.perfetto import perfetto_events
from savevm_inspect.views.summary import summary
from savevm_inspect.vmstate.schema import parse_description

from . import growing_inputs as make

MOST: Final = 1.3
SMALL_SECONDS: Final = 0.01
"""What takes no longer at 4n is not measured; noise would be."""
SMALL_BYTES: Final = 1 << 20
RUNS: Final = 2
ROUNDS: Final = 12
"""How often what looks too steep is measured again, after longer and longer pauses: on a busy machine caches are
somebody else's for seconds, and the longest input meets that most often. What is quadratic stays quadratic."""
PAUSE_SECONDS: Final = 0.25


def read(data: bytes, channels: Sequence[bytes] = ()) -> None:
    """All that can be asked of a stream."""
    with si.open_stream(data, channels=channels, strict=False) as opened:
        summary(opened)
        for each in opened:
            try:
                len(each.fields)
            except SavevmError:
                continue
        si.name_bytes(opened)
        assert len(opened.history.pages) == len(opened.pages)
        for image in opened.memory.values():
            try:
                image.read(1 << 12)
            except SavevmError:
                continue


def compare_packets(files: tuple[bytes, bytes]) -> None:
    with si.open_stream(files[0], channels=[files[1]]) as opened:
        assert compare(opened)["packets"]


def compare_stream(data: bytes) -> None:
    with si.open_stream(data) as opened:
        compare(opened)


@dataclass(frozen=True, slots=True)
class Kind:
    """What grows.

    Attributes:
        n: the smallest number of it.
        make: makes an input with so many.
        work: what is measured with it.
    """

    n: int
    make: Callable[[int], Any]
    work: Callable[[Any], object] = read


KINDS: Final[dict[str, Kind]] = {
    "commands": Kind(600, make.commands),
    "capabilities": Kind(4000, make.capabilities),
    "FULL sections": Kind(400, make.full_sections),
    "sections without footers": Kind(400, make.sections_without_footers),
    "described sections": Kind(300, make.described_sections),
    "sections of one name": Kind(300, make.sections_of_one_name),
    "fake footers": Kind(10000, make.fake_footers),
    "fake sections after damage": Kind(1000, make.fake_sections),
    "started sections": Kind(400, make.started_sections),
    "parts of spapr/htab": Kind(400, make.htab_parts),
    "parts of dirty-bitmap": Kind(400, make.bitmap_parts),
    "bitmaps": Kind(1000, make.bitmaps),
    "zeros after the end": Kind(32 << 20, make.zeros_after_the_end),
    "bytes of a section": Kind(4 << 20, make.a_long_section),
    "zeros where pages are": Kind(1 << 20, make.zeros_for_pages),
    "RAM blocks": Kind(300, make.blocks),
    "zero pages": Kind(10000, make.zero_pages),
    "irregular pages": Kind(2000, make.irregular_pages),
    "pages sent again": Kind(10000, make.pages_sent_again),
    "differences to one page": Kind(1000, make.differences),
    "RAM sections": Kind(400, make.ram_parts),
    "POSTCOPY_RUN and pages": Kind(1000, make.postcopy_runs),
    "discards": Kind(800, make.discards),
    "fields": Kind(1000, make.fields),
    "fields of one name": Kind(1000, make.equal_fields),
    "elements of an array": Kind(20000, make.array),
    "structs": Kind(1000, make.structs),
    "fields of no bytes": Kind(500, make.fields_of_no_bytes),
    "subsections": Kind(500, make.subsections),
    "fields of an unknown type": Kind(1000, make.unknown_types),
    "empty objects": Kind(30000, make.empty_objects, parse_description),
    "event lines": Kind(800, make.event_lines, lambda lines: list(read_events(lines))),
    "calls that never return": Kind(1000, make.calls_that_never_return, lambda events: list(perfetto_events(events))),
    "nested calls": Kind(1000, make.nested_calls, lambda events: list(perfetto_events(events))),
    "calls in a timeline": Kind(400, make.nested_calls, make.walk_timeline),
    "log lines": Kind(2000, make.log_lines, lambda buffer: list(read_lines(buffer))),
    "letters of a log line": Kind(1000, make.long_words, lambda buffer: list(read_lines(buffer))),
    "letters of an event's arguments": Kind(500, make.arguments, make.match_arguments),
    "return path messages": Kind(1500, make.messages, lambda data: list(read_return_path(Cursor(memoryview(data))))),
    "multifd packets": Kind(300, make.packets, lambda files: read(files[0], [files[1]])),
    "multifd packets, compared": Kind(100, make.packets, compare_packets),
    "commands, compared": Kind(300, make.commands, compare_stream),
    "FULL sections, compared": Kind(100, make.described_sections, compare_stream),
}


def seconds(kind: Kind, given: Any) -> float:
    """Processor time, the least of some runs; the collector's is not counted, which other objects decide."""
    found = []
    for _ in range(RUNS):
        gc.collect()
        gc.disable()
        try:
            start = time.process_time()
            kind.work(given)
            found.append(time.process_time() - start)
        finally:
            gc.enable()
    return min(found)


def peak_bytes(kind: Kind, given: Any) -> int:
    gc.collect()
    tracemalloc.start()
    try:
        kind.work(given)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def exponent(first: float, last: float, small: float) -> float:
    """How a figure grows from n to 4n; 0 if it is too small to tell."""
    return math.log(max(last, small) / max(first, small / 4), 4) if last > small else 0.0


@pytest.mark.parametrize("name", KINDS)
def test_time_and_memory_are_linear(name: str, record_property: Callable[[str, object], None]) -> None:
    kind = KINDS[name]
    inputs = [kind.make(times * kind.n) for times in (1, 2, 4)]
    kind.work(inputs[0])  # imports, caches
    times = [seconds(kind, each) for each in inputs]
    for each_round in range(ROUNDS):
        if exponent(times[0], times[-1], SMALL_SECONDS) <= MOST:
            break
        time.sleep(each_round * PAUSE_SECONDS)
        times = [min(before, seconds(kind, each)) for before, each in zip(times, inputs, strict=True)]
    peaks = [peak_bytes(kind, each) for each in (inputs[0], inputs[-1])]
    in_time = exponent(times[0], times[-1], SMALL_SECONDS)
    in_memory = exponent(peaks[0], peaks[-1], SMALL_BYTES)
    row = (
        f"growth | {name:32} | {kind.n:>8} "
        f"| {' | '.join(f'{each * 1000:8.1f} ms' for each in times)} | {in_time:4.2f} "
        f"| {' | '.join(f'{each / 1024:9.0f} KiB' for each in peaks)} | {in_memory:4.2f}"
    )
    record_property("summary", row)
    assert in_time <= MOST, row
    assert in_memory <= MOST, row

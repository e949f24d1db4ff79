"""Time and memory grow with the input, no faster: of each kind of record, field, event, log line, packet n, 2n, 4n.

The exponent is how processor time, and the peak of Python's memory, grow from n to 4n: 1 is linear, 2 is quadratic. A
table of all is printed at the end of a run; ``pytest tests/test_growth.py -k KIND`` measures one.
"""

import gc
import json
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
from savevm_inspect.payload.multifd_writer import MultifdWriter
from savevm_inspect.payload.ram import RamWriter
from savevm_inspect.payload.ram_blocks import RamBlock
from savevm_inspect.rules.threads import Side, Thread
from savevm_inspect.stream.cursor import Cursor
from savevm_inspect.stream.events import Event, EventKind, Origin, read_events
from savevm_inspect.stream.return_path import read_return_path
from savevm_inspect.stream.writer import Writer
from savevm_inspect.trace.lines import read_lines
from savevm_inspect.trace.table import MEANINGS
from savevm_inspect.views.perfetto import perfetto_events
from savevm_inspect.views.summary import summary
from savevm_inspect.vmstate.schema import parse_description

MOST: Final = 1.3
SMALL_SECONDS: Final = 0.01
"""What takes no longer at 4n is not measured; noise would be."""
SMALL_BYTES: Final = 1 << 20
RUNS: Final = 2
ROUNDS: Final = 3
"""How often what looks too steep is measured again: the machine may have had something else to do."""
PAGE: Final = 4096


def be(number: int, length: int = 4) -> bytes:
    return number.to_bytes(length)


def counted(text: str) -> bytes:
    return bytes((len(text),)) + text.encode()


HEADER: Final = b"QEVM" + be(3) + b"\7" + be(4) + b"test"


def section(
    kind: int, section_id: int, payload: bytes, idstr: str = "x", version: int = 1, instance: int = 0
) -> bytes:
    """A section of a kind (1 START, 2 PART, 3 END, 4 FULL) with its footer."""
    head = bytes((kind,)) + be(section_id)
    if kind in (1, 4):
        head += counted(idstr) + be(instance) + be(version)
    return head + payload + b"\x7e" + be(section_id)


def stream(*parts: bytes, end: bytes = b"\0") -> bytes:
    return HEADER + b"".join(parts) + end


def command(number: int, argument: bytes = b"") -> bytes:
    return b"\x08" + be(number, 2) + be(len(argument), 2) + argument


def described(devices: Sequence[dict[str, Any]]) -> bytes:
    text = json.dumps({"page_size": PAGE, "devices": devices}).encode()
    return b"\0\6" + be(len(text)) + text


def device(fields: Sequence[dict[str, Any]], name: str = "x", instance: int = 0) -> dict[str, Any]:
    return {"name": name, "instance_id": instance, "vmsd_name": name, "version": 1, "fields": list(fields)}


def ram(write: Callable[[RamWriter], object], blocks: Sequence[RamBlock], *between: bytes) -> bytes:
    """A stream with a RAM section of what is written."""
    parts = []
    for kind, fill in ((1, lambda f: f.put_block_list(list(blocks))), (3, write)):
        out = bytearray()
        writer = RamWriter(Writer(out.extend))
        fill(writer)
        writer.put_eos()
        parts.append(section(kind, 2, bytes(out), "ram", 4))
    return stream(parts[0], *between, parts[1])


# Streams ------------------------------------------------------------------------------------------------------


def commands(n: int) -> bytes:
    return stream(*(command(2, be(number)) for number in range(n)))


def capabilities(n: int) -> bytes:
    listed = be(n) + counted("xbzrle") * n
    return (
        b"QEVM" + be(3) + b"\7" + be(4) + b"test\5" + counted("configuration/capabilities") + be(1) + listed + b"\0"
    )


def full_sections(n: int) -> bytes:
    return stream(*(section(4, number, b"\1\2\3\4", f"device{number}") for number in range(n)))


def sections_without_footers(n: int) -> bytes:
    return stream(*(section(4, number + 1, b"\1\2\3\4", f"device{number}")[:-5] for number in range(n)))


def described_sections(n: int) -> bytes:
    field = {"name": "a", "type": "uint32", "size": 4}
    names = [f"device{number}" for number in range(n)]
    parts = (section(4, number, b"\1\2\3\4", name) for number, name in enumerate(names))
    return stream(*parts, end=described([device([field], name) for name in names]))


def sections_of_one_name(n: int) -> bytes:
    field = {"name": "a", "type": "uint32", "size": 4}
    return stream(*(section(4, k, b"\1\2\3\4") for k in range(n)), end=described([device([field])] * n))


def fake_footers(n: int) -> bytes:
    return stream(section(4, 1, (b"\x7e" + be(1) + b"\xee\xee\xee") * n))


def fake_sections(n: int) -> bytes:
    """Damage, and after it much that looks like sections."""
    return stream(b"\xee" + (b"\4" + be(9) + counted("abcdef") + be(0) + be(1)) * n)


def started_sections(n: int) -> bytes:
    return stream(*(section(1, k, be(20), "spapr/htab", instance=k) for k in range(n)))


def htab_parts(n: int) -> bytes:
    part = section(2, 3, be(0) + be(0) + be(1, 2) + be(0, 2) + bytes(16) + bytes(8))
    return stream(section(1, 3, be(20), "spapr/htab"), part * n)


def bitmap_parts(n: int) -> bytes:
    start = b"\x1c" + counted("disk") + counted("bitmap") + be(65536) + b"\0" + b"\1"
    return stream(section(1, 3, start, "dirty-bitmap"), section(2, 3, b"\x42" + be(0, 8) + be(128) + b"\1") * n)


def bitmaps(n: int) -> bytes:
    starts = b"".join(b"\x1c" + counted("disk") + counted(f"b{k}") + be(65536) + b"\0" for k in range(n))
    return stream(section(1, 3, starts + b"\1", "dirty-bitmap"))


def zeros_after_the_end(n: int) -> bytes:
    return stream(end=b"\0" + bytes(n))


def a_long_section(n: int) -> bytes:
    return stream(section(4, 1, b"\1" * n))


def zeros_for_pages(n: int) -> bytes:
    """RAM that no page size fits."""
    start = section(1, 2, be(PAGE + 4, 8) + counted("a") + be(PAGE, 8) + be(16, 8), "ram", 4)
    return stream(start, b"\2" + be(2) + bytes(n))


def blocks(n: int) -> bytes:
    listed = [RamBlock(f"b{number}", PAGE) for number in range(n)]
    return ram(lambda f: [f.put_zero_page(block.name, 0) for block in listed], listed)


def zero_pages(n: int) -> bytes:
    return ram(lambda f: [f.put_zero_page("a", k * PAGE) for k in range(n)], [RamBlock("a", n * PAGE)])


def irregular_pages(n: int) -> bytes:
    two = [RamBlock("a", n * PAGE), RamBlock("b", n * PAGE)]
    return ram(lambda f: [f.put_zero_page("ab"[k % 2], k * PAGE) for k in range(n)], two)


def pages_sent_again(n: int) -> bytes:
    return ram(lambda f: [f.put_zero_page("a", 0) for _ in range(n)], [RamBlock("a", PAGE)])


def differences(n: int) -> bytes:
    def write(f: RamWriter) -> None:
        f.put_page("a", 0, b"\1" * PAGE)
        for _ in range(n):
            f.put_xbzrle_page("a", 0, b"\0\1\2")

    return ram(write, [RamBlock("a", PAGE)])


def ram_parts(n: int) -> bytes:
    out = bytearray()
    f = RamWriter(Writer(out.extend))
    f.put_zero_page("a", 0)
    f.put_eos()
    return ram(lambda _: None, [RamBlock("a", PAGE)], section(2, 2, bytes(out)) * n)


def postcopy_runs(n: int) -> bytes:
    whole = ram(lambda f: [f.put_zero_page("a", k * PAGE) for k in range(n)], [RamBlock("a", n * PAGE)])
    return whole[:-1] + command(5) * n + b"\0"


def discards(n: int) -> bytes:
    one = command(6, b"\0" + counted("a")[:1] + b"a\0" + be(0, 8) + be(PAGE, 8))
    return ram(lambda f: [f.put_zero_page("a", k * PAGE) for k in range(n)], [RamBlock("a", n * PAGE)], one * n)


# Fields -------------------------------------------------------------------------------------------------------


def of_fields(fields: Sequence[dict[str, Any]], payload: bytes) -> bytes:
    return stream(section(4, 1, payload), end=described([device(fields)]))


def fields(n: int) -> bytes:
    return of_fields([{"name": f"f{k}", "type": "uint32", "size": 4} for k in range(n)], bytes(4 * n))


def equal_fields(n: int) -> bytes:
    return of_fields([{"name": "f", "type": "uint32", "size": 4}] * n, bytes(4 * n))


def array(n: int) -> bytes:
    return of_fields([{"name": "f", "type": "uint32", "array_len": n, "size": 4}], bytes(4 * n))


def structs(n: int) -> bytes:
    inner = {"vmsd_name": "s", "version": 1, "fields": [{"name": "a", "type": "uint32", "size": 4}]}
    return of_fields([{"name": "s", "type": "struct", "array_len": n, "size": 4, "struct": inner}], bytes(4 * n))


def fields_of_no_bytes(n: int) -> bytes:
    nothing = [{"name": f"z{k}", "type": "buffer", "size": 0} for k in range(n)]
    inner = {"vmsd_name": "s", "version": 1, "fields": [{"name": "a", "type": "uint8", "size": 1}, *nothing]}
    return of_fields([{"name": "s", "type": "struct", "array_len": n, "size": 1, "struct": inner}], bytes(n))


def subsections(n: int) -> bytes:
    each = {"vmsd_name": "x/sub", "version": 1, "fields": [{"name": "a", "type": "uint32", "size": 4}]}
    payload = (b"\5" + counted("x/sub") + be(1) + bytes(4)) * n
    return stream(section(4, 1, payload), end=described([device([]) | {"subsections": [each] * n}]))


def unknown_types(n: int) -> bytes:
    return of_fields([{"name": f"f{k}", "type": "nobody's", "size": 4} for k in range(n)], bytes(4 * n))


def empty_objects(n: int) -> bytes:
    return b'{"page_size": 4096, "devices": [], "x": [' + b'{"a":{}},' * n + b"{}]}"


# Other inputs -------------------------------------------------------------------------------------------------


def event(seq: int, **more: Any) -> Event:
    chosen = {"event": EventKind.LOG, "side": Side.SOURCE, "thread": Thread.MIGRATION, "origin": Origin.TRACE} | more
    return Event(seq=seq, time_us=seq, observed=True, **chosen)


def event_lines(n: int) -> list[str]:
    return [event(k, name="x", idstr="device").to_json() for k in range(n)]


def calls_that_never_return(n: int) -> list[Event]:
    calls = [event(k, event=EventKind.CALL, call_id=k, handler="save_setup") for k in range(n)]
    return calls + [event(n + k, event=EventKind.RETURN, call_id=-1 - k) for k in range(n)]


def nested_calls(n: int) -> list[Event]:
    calls = [event(k, event=EventKind.CALL, call_id=k, handler="save_setup") for k in range(n)]
    return calls + [event(n + k, event=EventKind.RETURN, call_id=n - 1 - k) for k in range(n)]


def walk_timeline(events: list[Event]) -> None:
    timeline = si.Timeline(events)
    timeline.phases()
    for index in range(0, len(events), 50):
        timeline.call_at(index)


def log_lines(n: int) -> memoryview:
    return memoryview(b"1234@1700000000.123456:savevm_section_start ram, section_id 2\n" * n)


def long_words(n: int) -> memoryview:
    lines = ("qemu" * (n // 4), "a_" * (n // 2) + "!", "a" * n, "./" * (n // 2), "1@" * (n // 2))
    return memoryview("\n".join(lines).encode())


def arguments(n: int) -> list[str]:
    said = (", section_id 1", "1", ": 1d", " -> 1", "type=a idstr=", " instance_id=1", "(pre = 1 post=1)", ", ", " ")
    return [(each * n)[:n] + "!" for each in said]


def match_arguments(texts: list[str]) -> None:
    for meaning in MEANINGS.values():
        for text in texts:
            try:
                meaning.keys(text)
            except ValueError:
                continue


def messages(n: int) -> bytes:
    return (be(2, 2) + be(4, 2) + be(1)) * n


def packets(n: int) -> tuple[bytes, bytes]:
    out = bytearray()
    f = MultifdWriter(Writer(out.extend), page_size=1 << 16)
    f.put_initial_packet(0, bytes(16))
    for number in range(n):
        f.put_sync(number)
    start = section(1, 2, be((1 << 16) | 4, 8) + counted("a") + be(1 << 16, 8) + be(16, 8), "ram", 4)
    flushes = section(3, 2, be(0x200, 8) * n + be(16, 8))
    page_bits = b"\5" + counted("configuration/target-page-bits") + be(1) + be(16)
    return HEADER + page_bits + start + flushes + b"\0", bytes(out)


# What is measured ----------------------------------------------------------------------------------------------


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
    "commands": Kind(600, commands),
    "capabilities": Kind(4000, capabilities),
    "FULL sections": Kind(400, full_sections),
    "sections without footers": Kind(400, sections_without_footers),
    "described sections": Kind(300, described_sections),
    "sections of one name": Kind(300, sections_of_one_name),
    "fake footers": Kind(10000, fake_footers),
    "fake sections after damage": Kind(1000, fake_sections),
    "started sections": Kind(400, started_sections),
    "parts of spapr/htab": Kind(400, htab_parts),
    "parts of dirty-bitmap": Kind(400, bitmap_parts),
    "bitmaps": Kind(1000, bitmaps),
    "zeros after the end": Kind(32 << 20, zeros_after_the_end),
    "bytes of a section": Kind(4 << 20, a_long_section),
    "zeros where pages are": Kind(1 << 20, zeros_for_pages),
    "RAM blocks": Kind(300, blocks),
    "zero pages": Kind(10000, zero_pages),
    "irregular pages": Kind(2000, irregular_pages),
    "pages sent again": Kind(10000, pages_sent_again),
    "differences to one page": Kind(1000, differences),
    "RAM sections": Kind(400, ram_parts),
    "POSTCOPY_RUN and pages": Kind(1000, postcopy_runs),
    "discards": Kind(800, discards),
    "fields": Kind(1000, fields),
    "fields of one name": Kind(1000, equal_fields),
    "elements of an array": Kind(20000, array),
    "structs": Kind(1000, structs),
    "fields of no bytes": Kind(500, fields_of_no_bytes),
    "subsections": Kind(500, subsections),
    "fields of an unknown type": Kind(1000, unknown_types),
    "empty objects": Kind(30000, empty_objects, parse_description),
    "event lines": Kind(800, event_lines, lambda lines: list(read_events(lines))),
    "calls that never return": Kind(1000, calls_that_never_return, lambda events: list(perfetto_events(events))),
    "nested calls": Kind(1000, nested_calls, lambda events: list(perfetto_events(events))),
    "calls in a timeline": Kind(400, nested_calls, walk_timeline),
    "log lines": Kind(2000, log_lines, lambda buffer: list(read_lines(buffer))),
    "letters of a log line": Kind(1000, long_words, lambda buffer: list(read_lines(buffer))),
    "letters of an event's arguments": Kind(500, arguments, match_arguments),
    "return path messages": Kind(1500, messages, lambda data: list(read_return_path(Cursor(memoryview(data))))),
    "multifd packets": Kind(300, packets, lambda files: read(files[0], [files[1]])),
    "multifd packets, compared": Kind(100, packets, compare_packets),
    "commands, compared": Kind(300, commands, compare_stream),
    "FULL sections, compared": Kind(100, described_sections, compare_stream),
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
    for _ in range(ROUNDS):
        if exponent(times[0], times[-1], SMALL_SECONDS) <= MOST:
            break
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

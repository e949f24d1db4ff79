"""Inputs of every kind, of n records, fields, lines or packets, for the test of growth."""

import json
from collections.abc import Callable, Sequence
from typing import Any, Final

import savevm_inspect as si
from savevm_inspect.payload.multifd_writer import MultifdWriter
from savevm_inspect.payload.ram import RamWriter
from savevm_inspect.payload.ram_blocks import RamBlock
from savevm_inspect.rules.threads import Side, Thread
from savevm_inspect.stream.events import Event, EventKind, Origin
from savevm_inspect.stream.writer import Writer
from savevm_inspect.trace.table import MEANINGS

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

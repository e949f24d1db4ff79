"""Every byte of a stream has a name, once."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import savevm_inspect as si
from savevm_inspect.engine.front import record_scenario
from savevm_inspect.memory.unpack import UNPACKED_CHANNEL
from savevm_inspect.reader.stream import Stream
from savevm_inspect.span import Span
from savevm_inspect.stream import records
from savevm_inspect.stream.records import Framing, MultifdPacket, Record
from savevm_inspect.views.bytes import ByteNames, _name, name_bytes
from savevm_inspect.views.named import NamedBytes

CAPTURES = Path(__file__).parents[1] / "captures"
STREAMS = sorted(path.name for kind in ("*.mig.xz", "*.ch0.fwd.xz") for path in CAPTURES.glob(kind))
WITH_CHANNELS = [
    "s-7.2-multifd-zstd",
    "t-11.1-multifd",
    "s-11.1-postcopy-preempt",
    "trace-pc-10.0-postcopy-recover",
]

Unpack = Callable[[str], Path]


def check_cover(stream: Stream, names: list[NamedBytes]) -> None:
    assert names[0].span.offset == stream.offset
    assert names[-1].span.end == stream.offset + stream.size_bytes + stream.after_end_bytes
    assert all(one.span.end == two.span.offset for one, two in pairwise(names))
    assert all(each.span.length > 0 and each.name for each in names)


def is_of_the_main_channel(problem: Exception) -> bool:
    return getattr(problem, "section", "") != "all channels"


@pytest.mark.parametrize("name", STREAMS)
def test_the_names_cover_a_real_stream_without_gap_or_overlap(name: str) -> None:
    with si.open_stream(CAPTURES / name, strict=False) as stream:
        names = name_bytes(stream)
        check_cover(stream, names)
        assert any(each.name == "not read" for each in names) == any(
            is_of_the_main_channel(each) for each in stream.problems
        )
        opaque = sum(each.span.length for each in names if each.name.endswith("/opaque"))
        inferred = sum(each.payload.length for each in stream.sections if each.framing is Framing.INFERRED)
        assert opaque == inferred


@pytest.mark.parametrize("scenario", ["none", "quickstart"])
def test_the_names_cover_what_the_engine_wrote(tmp_path: Path, scenario: str) -> None:
    with si.open_stream(record_scenario(scenario, tmp_path / scenario)) as stream:
        check_cover(stream, name_bytes(stream))


def check_every_channel(stream: Stream) -> None:
    """Each channel's names lie without gap or overlap, from its first byte to its last."""
    names: dict[int, list[NamedBytes]] = {}
    for each in name_bytes(stream):
        names.setdefault(each.span.channel, []).append(each)
        assert each.span.length > 0
        assert each.name
    lengths = {number: len(data) for number, data in stream.buffers.items() if number < UNPACKED_CHANNEL and data}
    assert set(names) == set(lengths)
    for number, runs in names.items():
        assert runs[0].span.offset == (stream.offset if number == 0 else 0)
        assert runs[-1].span.end == lengths[number]
        assert all(one.span.end == two.span.offset for one, two in pairwise(runs))
        opaque = [each for each in runs if each.name == "not read"]
        wrong = {getattr(each, "channel", 0) for each in stream.problems if is_of_the_main_channel(each)}
        assert bool(opaque) == (number in wrong)


def test_every_record_has_names() -> None:
    everything = [each for each in vars(records).values() if isinstance(each, type)]
    kinds = [each for each in everything if issubclass(each, Record) and each is not Record]
    assert len(kinds) > 10
    for kind in kinds:
        assert _name.dispatch(kind) is not _name.dispatch(Record), f"no names for a {kind.__name__}"


@pytest.mark.parametrize("name", WITH_CHANNELS)
def test_the_names_cover_every_channel(capture_options: Callable[[str], dict[str, Any]], name: str) -> None:
    with si.open_stream(**capture_options(name), strict=False) as stream:
        assert len({record.span.channel for record in stream.records}) > 1
        check_every_channel(stream)


def test_a_packet_is_named_by_its_fields(capture_options: Callable[[str], dict[str, Any]]) -> None:
    with si.open_stream(**capture_options("t-11.1-multifd")) as stream:
        names = ByteNames(stream)
        packets = [record for record in stream.records if isinstance(record, MultifdPacket)]
        assert packets
        for packet in packets:
            said = {run.name.removeprefix("multifd packet/"): run for run in names.of(packet)}
            assert said["packet_num"].meaning == str(packet.packet_num)
            assert said["normal_pages"].meaning == str(packet.normal_pages)
            assert said["zero_pages"].meaning == str(packet.zero_pages)
            for name, pages in (("normal", packet.normal_pages), ("zero", packet.zero_pages)):
                run = said.get(f"offset, {name} pages")
                assert (run.span.length if run else 0) == 8 * pages
            assert (said["pages"].span == packet.data) if packet.data.length else ("pages" not in said)


def test_page_names_say_where_pages_lie_though_nothing_tells_their_size(tmp_path: Path) -> None:
    with si.open_stream(record_scenario("cancel-active", tmp_path / "run"), strict=False) as stream:
        assert not stream.page_size_from
        first = {each.span.offset: each for each in name_bytes(stream) if each.name == "ram/page"}
        assert first
        rows = stream.pages.rows[stream.pages.rows["channel"] == 0]
        places = {int(row["offset"]): int(row["addr"]) for row in rows}
        for offset, run in first.items():
            assert run.meaning.startswith(f"{places[offset]:#x} of ")
        check_every_channel(stream)


@pytest.mark.parametrize("name", ["none-7.2", "none-10.0", "none-11.1"])
def test_fields_keep_their_own_bytes(capture_path: Unpack, name: str) -> None:
    with si.open_stream(capture_path(name)) as stream:
        spans = {each.name: each.span for each in name_bytes(stream)}
        for device in stream.devices:
            for field in device.fields:
                assert spans[f"{device.idstr}/{field.path}"] == field.span


def test_every_page_lies_within_a_run_of_pages(capture_path: Unpack) -> None:
    with si.open_stream(capture_path("x86-7.2-paused")) as stream:
        runs = [each for each in name_bytes(stream) if each.name in ("ram/page", "ram/pages")]
        covered = sum(each.span.length for each in runs)
        contents = int(stream.pages.rows["length"].sum())
        assert covered >= contents
        starts = sorted(each.span.offset for each in runs)
        ends = {each.span.offset: each.span.end for each in runs}
        for row in stream.pages.rows[::97]:
            start = max(each for each in starts if each <= row["offset"])
            assert row["offset"] + row["length"] <= ends[start]


@settings(max_examples=60)
@given(data=st.data())
def test_a_stream_that_was_cut_is_covered_too(capture_path: Unpack, data: st.DataObject) -> None:
    whole = capture_path("none-11.1").read_bytes()
    cut = data.draw(st.integers(1, len(whole)))
    with si.open_stream(whole[:cut], strict=False) as stream:
        names = name_bytes(stream)
        check_cover(stream, names)
        unread = names[-1].span.length if names[-1].name == "not read" else 0
        assert stream.size_bytes - unread == sum(record.span.length for record in stream.records)


@settings(max_examples=100)
@given(offset=st.integers(0, 2000), value=st.integers(0, 255))
@example(offset=416, value=0)  # the mark of the description, which then is bytes after the end
def test_a_stream_that_was_changed_is_covered_or_refused(capture_path: Unpack, offset: int, value: int) -> None:
    raw = bytearray(capture_path("none-11.1").read_bytes())
    raw[offset % len(raw)] = value
    with si.open_stream(raw, strict=False) as stream:
        check_cover(stream, name_bytes(stream))


@settings(max_examples=60)
@given(data=st.data())
def test_what_a_span_touches_is_what_lies_there(capture_path: Unpack, data: st.DataObject) -> None:
    with si.open_stream(capture_path("none-7.2")) as stream:
        everything = name_bytes(stream)
        start = data.draw(st.integers(0, stream.size_bytes - 1))
        span = Span(offset=start, length=data.draw(st.integers(1, stream.size_bytes - start)))
        touched = [each for each in everything if each.span.offset < span.end and each.span.end > span.offset]
        assert ByteNames(stream).within(span) == touched


def test_an_offset_is_kept(tmp_path: Path, capture_path: Unpack) -> None:
    moved = tmp_path / "moved"
    moved.write_bytes(bytes(100) + capture_path("none-11.1").read_bytes())
    with si.open_stream(moved, offset=100) as stream:
        check_cover(stream, name_bytes(stream))

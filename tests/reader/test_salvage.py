"""Damage of any kind: what is there is named or refused with its offset, and what lies after it is still read."""

import lzma
import random
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import savevm_inspect as si
from savevm_inspect.errors import SavevmError, StreamError
from savevm_inspect.reader.stream import Stream
from savevm_inspect.stream.records import Broken, EndOfStream, Framing, Section, SectionKind

REPORTS = Path(__file__).parent.parent / "captures" / "reports"
DESCRIBED = ["both-pc-2.0.mig", "isapc-bare-7.2.mig", "two-user-netdevs-7.2.mig"]
BARE = ["neither-footers-nor-description-pc-2.0.mig", "xen.state"]
DATA = {name: lzma.decompress((REPORTS / f"{name}.xz").read_bytes()) for name in (*DESCRIBED, *BARE)}
FILLS = {
    "zeros": lambda data, _seed: bytes(len(data)),
    "ones": lambda data, _seed: b"\xff" * len(data),
    "turned": lambda data, _seed: bytes(value ^ 0x55 for value in data),
    "noise": lambda data, seed: random.Random(seed).randbytes(len(data)),
}


def sections_of(stream: Stream) -> list[Section]:
    return [section for section in stream.sections if section.kind is SectionKind.FULL]


def end_of(name: str) -> int:
    """Where the EOF record of a stream lies."""
    with si.open_stream(DATA[name]) as stream:
        return next(record.span.offset for record in stream.records if isinstance(record, EndOfStream))


SOUND: dict[str, tuple[Section, ...]] = {}
for _name, _data in DATA.items():
    with si.open_stream(_data) as _stream:
        SOUND[_name] = _stream.sections
ENDS = {name: end_of(name) for name in DATA}
CONFIRMED_AT = {
    name: [*(follower.payload.offset for follower in sections[1:]), sections[-1].span.end + 1]
    for name, sections in SOUND.items()
}
"""Of each section where what follows it has shown what it is: the next one's header, or the EOF record, ends."""


def damaged(name: str, start: int, end: int, fill: str) -> tuple[str, int, int, bytes]:
    """A stream, damaged from one offset to another."""
    data = DATA[name]
    return name, start, end, data[:start] + FILLS[fill](data[start:end], start) + data[end:]


@st.composite
def damages(draw: st.DrawFn, names: list[str]) -> tuple[str, int, int, bytes]:
    """A stream, and where it is damaged: from, to, and the whole of it."""
    name = draw(st.sampled_from(names))
    data = DATA[name]
    if draw(st.booleans()):
        start = draw(st.integers(0, len(data) - 1))
    else:  # where it hurts: about the header of a section
        start = draw(st.sampled_from(SOUND[name])).span.offset + draw(st.integers(-6, 24))
    end = min(len(data), start + draw(st.sampled_from([1, 2, 8, 64, 512, 4096])))
    return damaged(name, start, end, draw(st.sampled_from(sorted(FILLS))))


@settings(max_examples=150, deadline=None)
@given(damages(DESCRIBED))
@example(damaged("both-pc-2.0.mig", 11, 13, "zeros"))  # RAM's START takes the number of a device that follows
@example(damaged("two-user-netdevs-7.2.mig", 12, 13, "noise"))  # the machine's name swallows what follows
@example(damaged("two-user-netdevs-7.2.mig", 122, 634, "zeros"))  # a header and the description
@example(damaged("two-user-netdevs-7.2.mig", 23, 87, "turned"))  # the first section's name, and its footer
def test_what_comes_after_damage_is_read_and_marked(damage: tuple[str, int, int, bytes]) -> None:
    name, start, end, data = damage
    try:
        stream = si.open_stream(data, strict=False)
    except SavevmError as error:
        pytest.fail(f"refused as a whole: {error}")
    with stream:
        problems = [*stream.problems, *stream.account.problems]
        assert all(isinstance(each, StreamError) or "description" in str(each) for each in problems)
        if start < 8:
            assert stream.records or problems  # the header itself
        elif start < ENDS[name]:
            found = {section.span: section for section in sections_of(stream)}
            for sound, confirmed_at in zip(SOUND[name], CONFIRMED_AT[name], strict=True):
                # Without a description what follows a footer must confirm it, so it must be sound, too.
                sound_to = confirmed_at if end > ENDS[name] else sound.span.end
                if sound.kind is SectionKind.FULL and (sound_to <= start or sound.span.offset >= end):
                    assert sound.span in found
                    assert found[sound.span].head == sound.head
                    assert found[sound.span].payload == sound.payload
                    if end > ENDS[name]:
                        break  # the description is damaged, too: what it stated may be inferred
                    assert found[sound.span].framing is Framing.SCHEMA
            for record in stream.records:
                if isinstance(record, Broken):
                    after = [each for each in stream.sections if each.span.offset > record.span.offset]
                    assert all(each.salvaged for each in after)
                    assert record.lost.length > 0
        if not problems and not stream.remarks:
            assert [each.span for each in stream.sections] == [each.span for each in SOUND[name]]
            assert stream.account.accounted_bytes == stream.size_bytes


@settings(max_examples=75, deadline=None)
@given(damages(BARE))
def test_without_a_description_damage_is_still_named_or_in_the_content(damage: tuple[str, int, int, bytes]) -> None:
    _name, start, _end, data = damage
    with si.open_stream(data, strict=False) as stream:
        assert all(isinstance(each, StreamError) for each in stream.problems)
        assert stream.complete or stream.problems
        before = [record for record in stream.records if record.span.end <= start]
        assert sum(record.span.length for record in before) <= len(data)
        place = 0
        for record in stream.records:
            assert record.span.offset == place
            place = record.span.end


def test_strict_reading_stops_at_the_damage() -> None:
    data = lzma.decompress((REPORTS / "hole.mig.xz").read_bytes())
    with pytest.raises(StreamError, match="RAM flags 0x0") as caught:
        si.open_stream(data)
    assert caught.value.offset == 0x33A3F


def test_ram_before_a_hole_and_devices_after_it_are_usable() -> None:
    data = lzma.decompress((REPORTS / "hole.mig.xz").read_bytes())
    with si.open_stream(data, strict=False) as stream:
        (broken,) = (record for record in stream.records if isinstance(record, Broken))
        assert broken.lost.offset == 0x33A3F
        rows = stream.pages.rows
        assert (rows["offset"] < broken.lost.offset).any()
        assert not ((rows["offset"] >= broken.lost.offset) & (rows["offset"] < broken.lost.end)).any()
        devices = sections_of(stream)
        assert len(devices) > 20
        assert all(section.salvaged and section.framing is Framing.SCHEMA for section in devices)
        assert stream["cpu"].field("env.eip").value is not None
        assert not stream.complete
        assert stream.account.accounted_bytes == stream.size_bytes - broken.lost.length


def test_what_looks_like_many_sections_is_given_up() -> None:
    data = DATA["xen.state"]
    hostile = data[:0x37] + b"\xff" + b"\x04\0\0\1\0\5timer\0\0\0\0\0\0\0\2" * 20_000
    with si.open_stream(hostile, strict=False) as stream:
        assert stream.problems
        assert not stream.complete

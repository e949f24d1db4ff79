"""A stream that breaks: where, what is there, and how far each reading of it would go."""

from collections.abc import Callable
from pathlib import Path

import savevm_inspect as si
from savevm_inspect.reader.readings import find_breakage


def test_bytes_that_were_lost_are_found(capture_path: Callable[[str], Path]) -> None:
    data = bytearray(capture_path("x86-10.0-paused").read_bytes())
    with si.open_stream(bytes(data)) as stream:
        broken = stream["cpu"].sections[0]
        before = len([section for section in stream.sections if section.span.offset < broken.span.offset])
    del data[broken.payload.offset + 100 : broken.payload.offset + 107]
    with si.open_stream(bytes(data), strict=False) as stream:
        breakage = find_breakage(stream)
        assert breakage is not None
        assert len([section for section in stream.sections if not section.salvaged]) == before
    assert breakage.start == broken.span.offset
    assert breakage.head is not None
    assert breakage.head.idstr == "cpu"
    by_description, by_footer = breakage.readings
    assert (by_description.end, by_description.fits) == (broken.payload.end, False)
    assert (by_footer.end, by_footer.fits) == (broken.payload.end - 7, True)


def test_a_sound_stream_has_no_breakage(capture_path: Callable[[str], Path]) -> None:
    with si.open_stream(capture_path("none-11.1"), strict=False) as stream:
        assert find_breakage(stream) is None


def test_a_cut_is_the_end_of_the_file(capture_path: Callable[[str], Path]) -> None:
    data = capture_path("x86-10.0-paused").read_bytes()[:200_000]
    with si.open_stream(data, strict=False) as stream:
        breakage = find_breakage(stream)
    assert breakage is not None
    assert breakage.head is not None
    assert (breakage.head.idstr, breakage.readings) == ("ram", ())

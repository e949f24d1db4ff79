"""Lines of logs: every form of prefix, and bytes that are no log."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from savevm_inspect.trace.lines import CUT, LINE_LIMIT_BYTES, parse_line, read_lines

US = 1795395451061887


@pytest.mark.parametrize(
    ("text", "thread_id", "unix_us", "name", "arguments"),
    [
        (
            "28037@1795395451.061887:migrate_set_state new state setup",
            28037,
            US,
            "migrate_set_state",
            "new state setup",
        ),
        ("2026-11-23T00:57:31.061887Z savevm_state_header ", None, US, "savevm_state_header", ""),
        ("2026-11-23T01:57:31.061887+01:00 savevm_state_header", None, US, "savevm_state_header", ""),
        ("savevm_section_start ram, section_id 2", None, None, "savevm_section_start", "ram, section_id 2"),
        ("2026-11-31T00:57:31.061887Z savevm_state_header", None, None, "savevm_state_header", ""),
    ],
)
def test_every_form_of_prefix(text: str, thread_id: int, unix_us: int, name: str, arguments: str) -> None:
    line = parse_line(text)
    assert (line.thread_id, line.unix_us, line.name, line.arguments) == (thread_id, unix_us, name, arguments)


def test_what_qemu_says_itself_is_a_message() -> None:
    line = parse_line(
        "2026-11-23T00:57:31.061887Z qemu-system-x86_64: Unable to shutdown socket: Bad file descriptor"
    )
    assert (line.name, line.message) == ("", "Unable to shutdown socket: Bad file descriptor")
    assert line.unix_us == US


@given(data=st.binary(max_size=400))
def test_any_bytes_are_lines_and_no_word_is_lost(data: bytes) -> None:
    lines = list(read_lines(memoryview(data)))
    expected = [each for each in data.decode("utf-8", "backslashreplace").split("\n") if each and not each.isspace()]
    assert len(lines) == len(expected)
    for line, text in zip(lines, expected, strict=True):
        assert text.rstrip("\r").endswith(line.text) or line.text in text


@given(cuts=st.lists(st.integers(0, 3 * (1 << 20)), min_size=1, max_size=4))
def test_a_line_over_the_step_of_reading_is_one_line(cuts: list[int]) -> None:
    places = sorted(set(cuts))
    data = bytearray(b"x" * (places[-1] + 5))
    for place in places:
        data[place] = ord("\n")
    lines = list(read_lines(memoryview(bytes(data))))
    lengths = [len(each) for each in bytes(data).split(b"\n") if each]
    assert [len(line.text.removesuffix(CUT)) for line in lines] == [min(each, LINE_LIMIT_BYTES) for each in lengths]
    assert [line.text.endswith(CUT) for line in lines] == [each > LINE_LIMIT_BYTES for each in lengths]


def test_a_huge_line_takes_no_memory() -> None:
    data = memoryview(b"\0" * (64 << 20))
    tracemalloc.start()
    try:
        (line,) = read_lines(data)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()
    assert line.text.endswith(CUT)

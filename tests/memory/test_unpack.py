"""Pages that are not sent as they are: in whatever form, the last write wins; what is inconsistent is reported."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from savevm_inspect.errors import BadPayload
from savevm_inspect.memory.page_table import PageTable
from savevm_inspect.memory.rebuild import Memory
from savevm_inspect.payload import xbzrle
from savevm_inspect.payload.page_log import PageKind
from savevm_inspect.payload.ram import RamReader, RamWriter
from savevm_inspect.payload.ram_blocks import RamBlock
from savevm_inspect.stream.cursor import Cursor
from savevm_inspect.stream.records import SectionHead, SectionKind
from savevm_inspect.stream.writer import Writer

PAGE = 1024
PAGES = 4
BLOCK = RamBlock("pc.ram", PAGES * PAGE)
HEAD = SectionHead(section_id=2, idstr="ram", instance_id=0, version_id=4, kind=SectionKind.START)

sparse = st.lists(st.tuples(st.integers(0, PAGE - 1), st.integers(0, 255)), max_size=30)
writes = st.tuples(st.integers(0, PAGES - 1), sparse, st.sampled_from(list(PageKind)))


class Sender:
    """Sends pages as QEMU may, and knows what they are."""

    def __init__(self) -> None:
        self.out = bytearray()
        self.ram = RamWriter(Writer(self.out.extend))
        self.ram.put_block_list([BLOCK])
        self.pages = [bytes(PAGE)] * PAGES
        self.sent: set[int] = set()

    def send(self, number: int, content: bytes, kind: PageKind) -> None:
        addr, old = number * PAGE, self.pages[number]
        delta = xbzrle.encode(old, content)
        if not any(content):
            self.ram.put_zero_page("pc.ram", addr)
        elif kind is PageKind.COMPRESSED:
            self.ram.put_compressed_page("pc.ram", addr, zlib.compress(content))
        elif kind is PageKind.XBZRLE and number in self.sent and len(delta) <= PAGE:
            self.ram.put_xbzrle_page("pc.ram", addr, delta)
        else:
            self.ram.put_page("pc.ram", addr, content)
        self.sent.add(number)
        self.pages[number] = content

    def memory(self) -> Memory:
        self.ram.put_eos()
        data = memoryview(bytes(self.out))
        reader = RamReader(PAGE)
        reader.consume(Cursor(data), HEAD)
        return Memory({0: data}, PageTable.from_logs([reader.page_log], reader.blocks, PAGE))


@given(st.lists(writes, max_size=25))
def test_the_last_write_wins_whatever_way_it_was_sent(
    history: list[tuple[int, list[tuple[int, int]], PageKind]],
) -> None:
    sender = Sender()
    for number, changes, kind in history:
        content = bytearray(sender.pages[number])
        for place, value in changes:
            content[place] = value
        sender.send(number, bytes(content), kind)
    assert sender.memory()["pc.ram"].read() == b"".join(sender.pages)


@given(st.binary(min_size=PAGE, max_size=PAGE), sparse)
def test_a_difference_is_applied_as_it_was_taken(old: bytes, changes: list[tuple[int, int]]) -> None:
    new = bytearray(old)
    for place, value in changes:
        new[place] = value
    page = bytearray(old)
    xbzrle.decode(memoryview(xbzrle.encode(old, bytes(new))), page)
    assert page == new


@given(st.binary(max_size=60))
def test_any_bytes_are_a_difference_or_an_error(delta: bytes) -> None:
    page = bytearray(64)
    try:
        xbzrle.decode(memoryview(delta), page)
    except ValueError:
        assert len(page) == 64
    assert len(page) == 64


def send_raw(kind: PageKind, content: bytes, *, base: bool = True) -> Memory:
    sender = Sender()
    if base:
        sender.send(0, b"x" * PAGE, PageKind.NORMAL)
    put = sender.ram.put_xbzrle_page if kind is PageKind.XBZRLE else sender.ram.put_compressed_page
    put("pc.ram", 0, content)
    return sender.memory()


HOSTILE = {
    "a difference to nothing": (PageKind.XBZRLE, b"\0\1a", False, "of which nothing was sent before"),
    "a difference past the page": (PageKind.XBZRLE, b"\xff\x07\x02ab", True, "a run up to 1025 in a page of 1024"),
    "a difference that is cut": (PageKind.XBZRLE, b"\0\5ab", True, "a run that is cut"),
    "an empty run": (PageKind.XBZRLE, b"\0\0", True, "an empty run"),
    "a length without end": (PageKind.XBZRLE, b"\x80\x80\x01a", True, "a length that does not end"),
    "no zlib stream": (PageKind.COMPRESSED, b"abc", True, "no zlib stream"),
    "a bomb": (PageKind.COMPRESSED, zlib.compress(bytes(400_000)), True, "more than 1024 bytes, expected 1024"),
    "half a page": (PageKind.COMPRESSED, zlib.compress(b"x" * 512), True, "512 bytes, expected 1024"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_page_that_can_not_be_is_one_error_with_its_place(name: str) -> None:
    kind, content, base, message = HOSTILE[name]
    with pytest.raises(BadPayload, match=message):
        send_raw(kind, content, base=base)["pc.ram"].read()


@pytest.mark.parametrize("name", HOSTILE)
def test_every_page_that_can_not_be_is_found(name: str) -> None:
    kind, content, base, message = HOSTILE[name]
    image = send_raw(kind, content, base=base)["pc.ram"]
    assert [message in str(problem) for problem in image.problems()] == [True]

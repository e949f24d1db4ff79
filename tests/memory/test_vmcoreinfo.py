"""The guest's note: read where it is said to lie, else found; whatever a guest writes there is one error."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from savevm_inspect.errors import AddressError, NotFound
from savevm_inspect.memory.vmcoreinfo import read_vmcoreinfo, search_vmcoreinfo

SIZE = 1 << 16
TEXT = b"OSRELEASE=6.1.0\nPAGESIZE=4096\n"


class Memory:
    """As much of guest-physical memory as the note needs: all of it at 0, nothing after it."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def read_bytes(self, address: int, length: int) -> bytes:
        if not 0 <= address <= address + length <= len(self.content):
            raise AddressError("there is no memory")
        return self.content[address : address + length]

    def search(self, pattern: bytes) -> list[int]:
        return [at for at in range(len(self.content)) if self.content.startswith(pattern, at)]


def note(text: bytes = TEXT, order: str = "<", name: bytes = b"VMCOREINFO\0\0") -> bytes:
    head = struct.pack(f"{order}III", 11, len(text), 0)
    return head + name + text.ljust(-(-len(text) // 4) * 4, b"\0")


@given(st.integers(0, 5000), st.sampled_from("<>"), st.binary(max_size=300))
def test_it_is_read_where_it_lies_and_found_there(gpa: int, order: str, rest: bytes) -> None:
    whole = note(b"OSRELEASE=" + rest, order)
    memory = Memory(bytes(gpa) + whole + bytes(64))
    given = read_vmcoreinfo(memory, gpa, len(whole), order, "given")  # type: ignore[arg-type]
    found = search_vmcoreinfo(memory, order)  # type: ignore[arg-type]
    assert (given.gpa, given.note, given.source) == (gpa, whole, "given")
    assert (found.gpa, found.note, found.source) == (gpa, whole, "found in memory")
    assert given.text.encode("utf-8", "replace").startswith(b"OSRELEASE=")


WRONG = {
    "another name": (note(name=b"VMCOREDATA\0\0"), 500, "opens no such note of at most 500 bytes"),
    "longer than its room": (note(), 40, "opens no such note of at most 40 bytes"),
    "longer than memory": (note()[:12] + b"VMCOREINFO\0\0", 4096, r"none at gpa 0x0 \(given\): there is no memory"),
    "no room": (note(), 8, "8 bytes are no size of a note"),
    "a huge room": (note(), 1 << 32, "4294967296 bytes are no size of a note"),
    "nothing there": (b"", 500, "there is no memory"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_note_is_one_error(name: str) -> None:
    content, size, message = WRONG[name]
    with pytest.raises(NotFound, match=message):
        read_vmcoreinfo(Memory(content), 0, size, "<", "given")  # type: ignore[arg-type]


def test_text_that_only_looks_like_it_is_passed_over() -> None:
    text = b"VMCOREINFO\0\0OSRELEASE="
    memory = Memory(bytes(64) + text + bytes(64) + note())
    assert search_vmcoreinfo(memory, "<").gpa == 128 + len(text)  # type: ignore[arg-type]
    with pytest.raises(NotFound, match="there is none in the guest's memory"):
        search_vmcoreinfo(Memory(bytes(64) + text + bytes(64)), "<")  # type: ignore[arg-type]

"""ELF cores, read without the code under test, and written by the command line."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner

from savevm_inspect.cli import cli

PT_LOAD, PT_NOTE = 1, 4
STEP_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """A core, read without the code under test.

    Attributes:
        path: the file.
        head: its class, its byte order, its type and its machine.
        loads: offset, gpa and length of each segment of memory.
        notes: name, type and content of each note.
    """

    path: Path
    head: tuple[int, ...]
    loads: list[tuple[int, int, int]]
    notes: list[tuple[bytes, int, bytes]]

    @property
    def cpu_notes(self) -> list[tuple[bytes, int, bytes]]:
        """The notes without the guest's own, which QEMU finds only through a device."""
        return [each for each in self.notes if each[0] != b"VMCOREINFO\0"]

    def read(self, gpa: int, length: int) -> bytes:
        """Memory that may lie in several segments."""
        content = b""
        with self.path.open("rb") as file:
            while len(content) < length:
                at = gpa + len(content)
                offset, start, size = next(each for each in self.loads if each[1] <= at < each[1] + each[2])
                file.seek(offset + at - start)
                content += file.read(min(length - len(content), start + size - at))
        return content


def read_core(path: Path) -> Core:
    head = path.read_bytes()[:65536]
    assert head[:4] == b"\x7fELF"
    wide, order = head[4] == 2, "<" if head[5] == 1 else ">"
    place, size, count = (
        (*struct.unpack_from(f"{order}Q", head, 32), *struct.unpack_from(f"{order}HH", head, 54))
        if wide
        else (*struct.unpack_from(f"{order}I", head, 28), *struct.unpack_from(f"{order}HH", head, 42))
    )
    loads, notes = [], []
    for number in range(count):
        at = place + number * size
        if wide:
            kind, _, offset, _, gpa, length = struct.unpack_from(f"{order}IIQQQQ", head, at)
        else:
            kind, offset, _, gpa, length = struct.unpack_from(f"{order}IIIII", head, at)
        if kind == PT_LOAD:
            loads.append((offset, gpa, length))
        else:
            assert kind == PT_NOTE
            notes += split_notes(head[offset : offset + length], order)
    kind = (head[4], head[5], *struct.unpack_from(f"{order}HH", head, 16))
    return Core(path=path, head=kind, loads=sorted(loads, key=lambda each: each[1]), notes=notes)


def split_notes(content: bytes, order: str) -> Iterator[tuple[bytes, int, bytes]]:
    while content:
        name_bytes, length, kind = struct.unpack_from(f"{order}III", content)
        start = 12 + -(-name_bytes // 4) * 4
        yield content[12 : 12 + name_bytes], kind, content[start : start + length]
        content = content[start + -(-length // 4) * 4 :]


def export_core(stream: Path, output: Path) -> Path:
    """Let the command line write the core of a stream."""
    result = CliRunner().invoke(cli, ["ram", "export", str(stream), "--elf", "--output", str(output)])
    assert result.exit_code == 0, result.output
    return output

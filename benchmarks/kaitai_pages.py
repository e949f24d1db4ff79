"""How fast the Kaitai reading goes over pages, and how much memory it takes: pages as places against pages as copies.

    python benchmarks/kaitai_pages.py [--pages 100000] [--runs 3]

A stream of that many normal pages is written to a temporary file and read in three ways, each in its own process:

- *copies*: what ``formats/*.ksy`` compile to as they stand, on the runtime's own stream: the plain Kaitai reading;
- *places*: the same modules with the type that steps over a page, on the runtime's own stream;
- *mapped*: what ``savevm_inspect.kaitai.parse`` does: places, on a mapped file.

Memory is what Python's allocators hold for the tree, by tracemalloc, in a run of its own, since it slows down. The
pages of a mapped file are no part of it.
"""

import argparse
import gc
import json
import mmap
import struct
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kaitaistruct import KaitaiStream, KaitaiStruct

from savevm_inspect._ksy.compiled import qemu_migration_ram_record
from savevm_inspect._ksy.compiled.qemu_migration_envelope import QemuMigrationEnvelope
from savevm_inspect.kaitai.buffer_stream import BufferStream

PAGE_BYTES = 4096
HEAP_LIMIT_MB = 60
RATE_LIMIT = 0.8


class CopiedExtent(KaitaiStruct):
    """What ``formats/qemu_migration_extent.ksy`` compiles to."""

    def __init__(
        self, len_content: int, io: KaitaiStream, parent: KaitaiStruct | None = None, root: KaitaiStruct | None = None
    ) -> None:
        super().__init__(io)
        self._parent = parent
        self._root = root
        self.len_content = len_content
        self._read()

    def _read(self) -> None:
        self.content = self._io.read_bytes(self.len_content)


def write_stream(path: Path, pages: int) -> None:
    """Write a stream of one RAM block whose pages are all sent once, as they are."""
    section = struct.pack(">I", 2)
    with path.open("wb") as file:
        file.write(b"QEVM" + struct.pack(">I", 3))
        file.write(b"\1" + section + b"\3ram" + struct.pack(">II", 0, 4))
        file.write(struct.pack(">Q", pages * PAGE_BYTES | 0x04) + b"\6pc.ram" + struct.pack(">Q", pages * PAGE_BYTES))
        file.write(struct.pack(">Q", 0x10) + b"\x7e" + section + b"\2" + section)
        for number in range(pages):
            head = struct.pack(">Q", number * PAGE_BYTES | (0x28 if number else 0x08))
            file.write(head + (b"" if number else b"\6pc.ram") + bytes((number % 251 + 1,)) * PAGE_BYTES)
        file.write(struct.pack(">Q", 0x10) + b"\x7e" + section + b"\0")


def read_places(path: Path) -> Any:
    """The compiled modules with the type that steps over pages."""
    return QemuMigrationEnvelope(PAGE_BYTES, KaitaiStream(path.open("rb")))


def read_copies(path: Path) -> Any:
    """The compiled modules alone."""
    qemu_migration_ram_record.qemu_migration_extent.QemuMigrationExtent = CopiedExtent
    return read_places(path)


def read_mapped(path: Path) -> Any:
    """As the package reads: a mapped file."""
    with path.open("rb") as file:
        mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return QemuMigrationEnvelope(PAGE_BYTES, BufferStream(memoryview(mapping)))


WAYS: dict[str, Callable[[Path], Any]] = {"copies": read_copies, "places": read_places, "mapped": read_mapped}


def measure(way: str, path: Path, *, traced: bool) -> dict[str, float]:
    """Read a stream once, in this process."""
    gc.collect()
    if traced:
        tracemalloc.start()
    start = time.perf_counter()
    tree = WAYS[way](path)
    seconds = time.perf_counter() - start
    heap = tracemalloc.get_traced_memory()[0] if traced else 0
    pages = sum(record.kind.name == "page" for record in tree.records[1].body.payload.content.records)
    return {"seconds": seconds, "heap_mb": heap / 1e6, "pages": pages}


def in_its_own_process(way: str, path: Path, *, traced: bool) -> dict[str, float]:
    """Read a stream in a fresh process, so that no other run's memory counts."""
    command = [sys.executable, __file__, "--one", way, "--stream", str(path), *(["--traced"] if traced else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    result: dict[str, float] = json.loads(done.stdout)
    return result


def main() -> int:
    """Print the table; 1 if a limit is not kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3, help="of which the fastest counts")
    parser.add_argument("--one", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--stream", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--traced", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        print(json.dumps(measure(chosen.one, chosen.stream, traced=chosen.traced)))
        return 0
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        path = Path(folder) / "pages.mig"
        write_stream(path, chosen.pages)
        seconds: dict[str, list[float]] = {way: [] for way in WAYS}
        for _ in range(chosen.runs):  # in turns, so that a busy machine slows all of them
            for way in WAYS:
                run = in_its_own_process(way, path, traced=False)
                assert run["pages"] == chosen.pages
                seconds[way].append(run["seconds"])
        memory = {way: in_its_own_process(way, path, traced=True) for way in WAYS}
    rate = {way: chosen.pages / min(runs) for way, runs in seconds.items()}
    print(f"{chosen.pages} pages of {PAGE_BYTES} bytes, the fastest of {chosen.runs} runs")
    print("| pages are | pages a second | of the plain rate | heap held, MB |")
    print("|---|---|---|---|")
    for way in WAYS:
        part = rate[way] / rate["copies"]
        print(f"| {way} | {rate[way]:.0f} | {part:.0%} | {memory[way]['heap_mb']:.1f} |")
    per_page = HEAP_LIMIT_MB * chosen.pages / 100_000
    small = all(memory[way]["heap_mb"] < per_page for way in ("places", "mapped"))
    kept = small and all(each >= RATE_LIMIT * rate["copies"] for each in rate.values())
    print(f"limits: {RATE_LIMIT:.0%} of the plain rate, {per_page:.0f} MB: {'kept' if kept else 'NOT KEPT'}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())

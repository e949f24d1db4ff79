"""Pages are places, not copies: the same interface as what the format compiles to, in less memory."""

import gc
import tracemalloc
from concurrent.futures import ProcessPoolExecutor
from io import BytesIO
from multiprocessing import get_context
from pathlib import Path
from struct import pack
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kaitaistruct import EndOfStreamError, InvalidArgumentError, KaitaiStream

from savevm_inspect._ksy.compiled.qemu_migration_ram import QemuMigrationRam
from savevm_inspect._ksy.extent import QemuMigrationExtent

PAGE = 4096
RECORDS = 20_000
HEAP_BYTES_PER_PAGE = 600
"""100,000 pages have to fit into 60 MB."""


@given(st.binary(max_size=200), st.data())
def test_extent_steps_over_and_reads_late(data: bytes, draw: Any) -> None:
    place = draw.draw(st.integers(0, len(data)))
    length = draw.draw(st.integers(0, len(data) - place))
    stream = KaitaiStream(BytesIO(data))
    stream.seek(place)
    extent = QemuMigrationExtent(length, stream)
    assert (extent.ofs_content, stream.pos()) == (place, place + length)
    assert extent.content == data[place : place + length]
    assert stream.pos() == place + length


@pytest.mark.parametrize("length", [101, PAGE, 1 << 24, 1 << 62, 1 << 64])
def test_extent_beyond_the_end_is_refused_where_it_begins(length: int) -> None:
    stream = KaitaiStream(BytesIO(bytes(200)))
    stream.seek(100)
    with pytest.raises(EndOfStreamError, match=f"requested {length} bytes, but only 100"):
        QemuMigrationExtent(length, stream)
    assert stream.pos() == 100


def test_extent_in_a_file_that_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "cut"
    path.write_bytes(bytes(PAGE - 1))
    for length in (PAGE, 1 << 64):
        with path.open("rb") as file, pytest.raises(EndOfStreamError):
            QemuMigrationExtent(length, KaitaiStream(file))


def test_negative_extent_is_refused() -> None:
    with pytest.raises(InvalidArgumentError):
        QemuMigrationExtent(-1, KaitaiStream(BytesIO(bytes(8))))


def pages_of(path: Path) -> QemuMigrationRam:
    """What the file of :func:`test_pages_take_no_memory` holds; the file is left open, since pages are read late."""
    return QemuMigrationRam(PAGE, True, False, False, KaitaiStream(path.open("rb")))


def heap_bytes_of_pages(path: Path) -> int:
    """What reading them adds to the heap."""
    gc.collect()
    tracemalloc.start()
    ram = pages_of(path)
    held, _ = tracemalloc.get_traced_memory()
    assert len(ram.records) == RECORDS + 1
    ram.close()
    return held


def test_pages_take_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "ram"
    with path.open("wb") as file:
        file.write(pack(">Q", RECORDS * PAGE | 0x04) + b"\1a" + pack(">Q", RECORDS * PAGE))
        for number in range(RECORDS):
            name = b"" if number else b"\1a"
            file.write(pack(">Q", number * PAGE | (0x28 if number else 0x08)) + name)
            file.write(number.to_bytes(4, "big") * (PAGE // 4))
        file.write(pack(">Q", 0x10))
    # In a new process: how much an instance takes depends on what was done with earlier ones of its class.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as new_process:
        assert new_process.submit(heap_bytes_of_pages, path).result() < RECORDS * HEAP_BYTES_PER_PAGE
    with pages_of(path) as ram:
        for number in (0, 7, RECORDS - 1):
            assert ram.records[number].body.content == number.to_bytes(4, "big") * (PAGE // 4)

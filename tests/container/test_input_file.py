"""What is read of a file is its bytes, whatever becomes of it afterwards."""

import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import savevm_inspect as si
from savevm_inspect.container import input_file
from savevm_inspect.container.input_file import InputFile
from savevm_inspect.container.spool import STEP_BYTES

BLOCK = 4096
pieces = st.lists(st.tuples(st.integers(0, 40), st.binary(max_size=64)), max_size=6)


@pytest.fixture(params=[0, 1 << 30], ids=["on disk", "in memory"])
def limit(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(input_file, "COPIED_BYTES", request.param)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


@pytest.mark.usefixtures("limit")
@given(pieces=pieces, end=st.integers(0, 3 * BLOCK))
def test_a_copy_has_the_bytes_of_the_file(folder: Path, pieces: list[tuple[int, bytes]], end: int) -> None:
    path = folder / "sparse"
    with path.open("w+b") as file:
        for block, data in pieces:
            os.pwrite(file.fileno(), data, block * BLOCK)
        os.truncate(file.fileno(), os.fstat(file.fileno()).st_size + end)
    expected = path.read_bytes()
    with ExitStack() as resources, path.open("rb") as file:
        copied = InputFile(file, "sparse", resources, mapped=False)
        os.truncate(path, 0)
        copied.check_length()
        assert bytes(copied.view) == expected


@pytest.mark.usefixtures("limit")
def test_a_file_that_becomes_shorter_while_it_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "vm.mig"
    path.write_bytes(b"\1" * (2 * STEP_BYTES))
    pread = os.pread

    def cut(file: int, length: int, offset: int) -> bytes:
        data = pread(file, length, offset)
        os.truncate(path, STEP_BYTES)
        return data

    monkeypatch.setattr(os, "pread", cut)
    with pytest.raises(si.SavevmError, match="became shorter"), ExitStack() as resources, path.open("rb") as file:
        InputFile(file, path.name, resources, mapped=False)


@pytest.mark.usefixtures("limit")
def test_a_stream_outlives_its_file(tmp_path: Path, capture_path: Callable[[str], Path]) -> None:
    path = tmp_path / "vm.mig"
    path.write_bytes(capture_path("none-10.0").read_bytes())
    with si.open_stream(path) as stream:
        os.truncate(path, 0)
        assert stream["globalstate"].fields


def test_a_mapped_file_that_became_shorter_is_an_error_at_the_end(
    tmp_path: Path, capture_path: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(input_file, "COPIED_BYTES", 0)
    path = tmp_path / "vm.mig"
    path.write_bytes(capture_path("none-10.0").read_bytes())
    with pytest.raises(si.SavevmError, match="became shorter"), si.open_stream(path, mapped=True):
        os.truncate(path, path.stat().st_size - 1)

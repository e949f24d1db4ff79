"""A block written to a file: equal to what is read, sparse, and whole or not at all."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import savevm_inspect as si
from savevm_inspect.memory.extract import extract


def test_a_block_is_written_as_it_reads(capture_path: Callable[[str], Path], tmp_path: Path) -> None:
    places: list[int] = []
    with si.open_stream(capture_path("x86-10.0-paused")) as stream:
        for number, name in enumerate(stream.memory):
            output = tmp_path / str(number)
            extract(stream.memory[name], output, places.append)
            assert output.read_bytes() == stream.memory[name].read()
            assert output.stat().st_blocks * 512 <= max(output.stat().st_size, 4096)
        assert places == sorted(places) or len(stream.memory) > 1
        ram = tmp_path / "0"
        assert ram.stat().st_size == 16 << 20
        assert ram.stat().st_blocks * 512 < 4 << 20, "zero pages are holes"
    assert sorted(path.name for path in tmp_path.iterdir()) == [str(number) for number in range(number + 1)]


def test_a_file_that_was_there_is_replaced_whole(capture_path: Callable[[str], Path], tmp_path: Path) -> None:
    output = tmp_path / "bios"
    output.write_bytes(b"old")
    with si.open_stream(capture_path("x86-10.0-paused")) as stream:
        extract(stream.memory["pc.bios"], output, lambda _: None)
        assert output.read_bytes() == stream.memory["pc.bios"].read()


def test_nothing_is_left_of_a_write_that_failed(capture_path: Callable[[str], Path], tmp_path: Path) -> None:
    def interrupt(_done: int) -> None:
        raise KeyboardInterrupt

    output = tmp_path / "ram"
    with si.open_stream(capture_path("x86-10.0-paused")) as stream:
        with pytest.raises(KeyboardInterrupt):
            extract(stream.memory["pc.bios"], output, interrupt)
        assert not any(tmp_path.iterdir())
        with pytest.raises(si.SavevmError, match="No such file or directory"):
            extract(stream.memory["pc.bios"], tmp_path / "missing" / "bios", lambda _: None)


def test_a_full_disk_is_one_error(capture_path: Callable[[str], Path], tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with si.open_stream(capture_path("x86-10.0-paused")) as stream:
        import signal  # noqa: PLC0415 - only this test needs it

        before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
        try:
            with pytest.raises(si.SavevmError, match="File too large"):
                extract(stream.memory["pc.ram"], tmp_path / "ram", lambda _: None)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            signal.signal(signal.SIGXFSZ, before)
    assert not os.listdir(tmp_path)  # noqa: PTH208 - names are all that matters

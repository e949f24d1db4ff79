"""A block written to a file: equal to what is read, sparse, and whole or not at all."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import savevm_inspect as si
from savevm_inspect.memory.extract import extract


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from savevm_inspect.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


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


def test_what_is_missing_is_listed_when_a_part_is_asked_for(
    capture_path: Callable[[str], Path], tmp_path: Path
) -> None:
    whole = capture_path("x86-10.0-paused")
    with si.open_stream(whole) as stream:
        last = stream.memory["pc.ram"].final["offset"].max()
        expected = stream.memory["pc.ram"].read()
    cut, output = tmp_path / "cut", tmp_path / "ram"
    cut.write_bytes(whole.read_bytes()[: int(last) - 20_000])
    command = ("ram", "extract", cut, "--block", "pc.ram", "--output", output)
    refused = run(*command)
    assert refused.returncode == 1
    assert not output.exists()
    partial = run(*command, "--partial")
    assert partial.returncode == 0
    assert "Traceback" not in partial.stderr
    *_, line = partial.stdout.splitlines()
    start, after = (int(each, 16) for each in line.removesuffix(" never sent").split(" to "))
    assert after == (16 << 20) - 1
    extracted = output.read_bytes()
    assert extracted[:start] == expected[:start]
    assert not any(extracted[start:])
    assert run("ram", "extract", __file__, "--block", "x", "--output", output, "--partial").returncode == 1


def test_an_interrupt_is_one_line_and_leaves_nothing(capture_path: Callable[[str], Path], tmp_path: Path) -> None:
    script = (
        "import os, signal; from savevm_inspect.memory import extract; write = extract._write_at\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "def interrupted(*args): write(*args); os.kill(os.getpid(), signal.SIGINT)\n"
        "extract._write_at = interrupted\n"
        "from savevm_inspect.cli import main; main()"
    )
    source = capture_path("x86-10.0-paused")
    arguments = ("ram", "extract", str(source), "--block", "pc.bios", "--output", str(tmp_path / "ram"))
    result = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr.strip()) == (130, "savevm-inspect: interrupted")
    assert not any(tmp_path.iterdir())


def test_a_bitmap_that_points_past_the_end_is_one_error(capture_path: Callable[[str], Path], tmp_path: Path) -> None:
    data = bytearray(capture_path("x86-10.0-mapped").read_bytes())
    with si.open_stream(bytes(data)) as stream:
        mapped = [(block, block.mapped) for block in stream.blocks if block.mapped]
    block, place = next((block, place) for block, place in mapped if block.used_bytes // 4096 % 64)
    data[place.bitmap_offset + place.bitmap_bytes - 1] = 0x80
    with pytest.raises(si.SavevmError, match=f"the bitmap of block '{block.name}' has page"):
        si.open_stream(bytes(data))

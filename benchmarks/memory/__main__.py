"""How long it takes to read memory out of a stream, beside what else reads it, as Markdown tables of ratios.

    python benchmarks/memory FOLDER [--analyze scripts/analyze-migration.py] [--only NAME ...] [--keep]

In FOLDER real streams are made that are not there yet (11.8 GB; removed at the end unless ``--keep``), by a QEMU of
this machine. Everything is measured in turn, five times, so that what else the machine does meets all alike; the
median counts, by the clock and of the processor's time, which others that run beside it disturb less. Files are in
the page cache, and nothing of ours is kept from one run to the next.
"""

import argparse
import os
import resource
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

from touched_guest import GIB, make_stream

import savevm_inspect as si
from savevm_inspect.payload.ram import RamReader
from savevm_inspect.payload.ram_scan import Scanner
from savevm_inspect.reader.stream import Stream
from savevm_inspect.stream.cursor import Cursor

STREAMS = {
    "2 GiB, normal pages": {"ram_bytes": 2 * GIB},
    "2 GiB, normal and zero in turn": {"ram_bytes": 2 * GIB, "step_pages": 2},
    "8 GiB, normal pages": {"ram_bytes": 8 * GIB},
}
VOLATILITY = (
    "import sys, pathlib\n"
    "from volatility3.framework import contexts\n"
    "from volatility3.framework.layers import physical, qemu\n"
    "context = contexts.Context()\n"
    "context.config['base.location'] = pathlib.Path(sys.argv[1]).absolute().as_uri()\n"
    "context.add_layer(physical.FileLayer(context, 'base', 'base'))\n"
    "sys.exit(qemu.QemuStacker.stack(context, 'base') is None)\n"
)
"""What volatility3 does to see memory in a stream, and nothing after that."""

ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""Python may keep what it compiled, as it does of what is installed."""
OURS = [sys.executable, "-c", "from savevm_inspect.cli import main; main()"]


def medians(
    tasks: dict[str, Callable[[], object]], runs: int, *, warm: bool = False
) -> dict[str, tuple[float, float]]:
    """Seconds of each by the clock and of the processor, the medians of some runs in turn.

    Args:
        tasks: what to run.
        runs: how often.
        warm: run each once more before it is measured, so that the caches hold what it needs and not the others',
            and a file that is written gets memory that a virtual machine already has of its host.
    """
    clock: dict[str, list[float]] = {name: [] for name in tasks}
    processor: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(runs):
        for name, task in tasks.items():
            if warm:
                task()
            begin, used = time.perf_counter(), processor_seconds()
            task()
            clock[name].append(time.perf_counter() - begin)
            processor[name].append(processor_seconds() - used)
    return {name: (statistics.median(clock[name]), statistics.median(processor[name])) for name in tasks}


def processor_seconds() -> float:
    """What this process and its children used of the processor."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def process(*command: object) -> Callable[[], object]:
    """Runs a command to its end, its output thrown away."""
    return lambda: subprocess.run(list(map(str, command)), stdout=subprocess.DEVNULL, check=True, env=ENVIRONMENT)


def private_peak_bytes(*command: object) -> int:
    """The most memory that a command had for itself: all but what it maps of files (RssAnon)."""
    with subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL) as running:
        peak = 0
        while running.poll() is None:
            try:
                status = Path(f"/proc/{running.pid}/status").read_text(encoding="ascii")
            except OSError:
                break
            found = [line for line in status.splitlines() if line.startswith("RssAnon")]
            peak = max(peak, int(found[0].split()[1]) * 1024 if found else 0)
            time.sleep(0.002)
    return peak


# In this process ------------------------------------------------------------------------------------------


def loop(stream: Stream) -> int:
    """What one writes first: a loop of ``struct.unpack_from``, a tuple a page."""
    buffer, rows = stream.buffer, []
    names = {block.name.encode(): number for number, block in enumerate(stream.blocks)}
    for section in stream.sections:
        if section.idstr != "ram":
            continue
        offset, block = section.payload.offset, 0
        if section.kind == "start":
            offset = after_block_list(stream, offset)
        while True:
            (word,) = struct.unpack_from(">Q", buffer, offset)
            flags = word & 0xFFF
            offset += 8
            if flags & 0x10:
                break
            if not flags & 0x20:
                length = buffer[offset]
                block = names[bytes(buffer[offset + 1 : offset + 1 + length])]
                offset += 1 + length
            if flags & 0x08:
                rows.append((offset, word - flags, block, 1))
                offset += 4096
            elif flags & 0x02:
                rows.append((offset, word - flags, block, 0))
                offset += 1
            else:
                raise ValueError(f"flags {flags:#x}")
    return len(rows)


def after_block_list(stream: Stream, offset: int) -> int:
    """Where the pages of the START section begin."""
    return offset + 8 + sum(1 + len(block.name.encode()) + 8 for block in stream.blocks)


def table(stream: Stream, scanner: Scanner) -> int:
    """The page table, from the bytes."""
    reader = RamReader(stream.page_size, scanner=scanner)
    for section in stream.sections:
        if section.idstr == "ram":
            reader.consume(Cursor(stream.buffer, pos=section.payload.offset), section.head)
    return len(reader.page_log)


def in_process(path: Path, runs: int) -> Iterator[str]:
    """The page table against the loop, warm: every page was touched, and what is compiled is compiled."""
    with si.open_stream(path) as stream:
        scanners: tuple[Scanner, ...] = ("python", "numpy", "numba")
        tasks: dict[str, Callable[[], object]] = {"loop": lambda: loop(stream)}
        for scanner in scanners:
            tasks[scanner] = lambda scanner=scanner: table(stream, scanner)
        for task in tasks.values():
            task()
        pages = len(stream.pages)
        taken = medians(tasks, runs, warm=True)
    for what, kind in (("clock", 0), ("processor", 1)):
        each = {name: seconds[kind] for name, seconds in taken.items()}
        times = (f"{1e9 * each[name] / pages:.0f} ns, {each['loop'] / each[name]:.1f} x as fast" for name in tasks)
        yield f"| a page of {pages}, by the {what} | {' | '.join(times)} |"


# Whole processes ------------------------------------------------------------------------------------------


def whole(path: Path, analyze: Path | None, runs: int) -> Iterator[str]:
    """``info`` against ``cat`` and the peers, ``ram extract`` against ``cp``."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        copy, block = Path(folder) / "copy", Path(folder) / "block"
        extract = (*OURS, "ram", "extract", path, "--block", "pc.ram", "--output", block)
        copying, extracting = process("cp", path, copy), process(*extract)
        tasks: dict[str, Callable[[], object]] = {
            "cat": lambda: subprocess.run(f"cat '{path}' > /dev/null", shell=True, check=True),
            "info": process(*OURS, "info", path),
        }
        if analyze:
            tasks["analyze-migration.py"] = process(sys.executable, analyze, "-f", path)
        if find_spec("volatility3"):
            tasks["volatility3"] = process(sys.executable, "-c", VOLATILITY, path)
        writing = {
            "cp": lambda: (copying(), copy.unlink()),
            "extract": lambda: (extracting(), block.unlink()),
        }
        taken = medians(tasks, runs) | medians(writing, runs, warm=True)
        peaks = {"info": private_peak_bytes(*OURS, "info", path), "extract": private_peak_bytes(*extract)}
    for name, (clock, processor) in taken.items():
        base = "cp" if name in ("cp", "extract") else "cat"
        memory = f"{peaks[name] / 1e6:.0f} MB" if name in peaks else ""
        ratios = f"{clock / taken[base][0]:.2f} x {base} | {processor / taken[base][1]:.2f} x {base}"
        yield f"| {name} | {clock:.2f} s, {processor:.2f} s of the processor | {ratios} | {memory} |"


def main() -> None:
    """Make the streams, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--analyze", type=Path)
    parser.add_argument("--only", nargs="+", choices=list(STREAMS), default=list(STREAMS))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--keep", action="store_true")
    chosen = parser.parse_args()
    for name in chosen.only:
        path = chosen.folder / (name.replace(" ", "-").replace(",", "") + ".mig")
        if not path.exists():
            make_stream(path, **STREAMS[name])
        print(f"\n### {name}: {path.stat().st_size} bytes\n")
        print("| | loop | python | numpy | numba |\n|---|---|---|---|---|")
        print("\n".join(in_process(path, chosen.runs)))
        print("\n| | time | by the clock | by the processor | memory of its own |\n|---|---|---|---|---|")
        print("\n".join(whole(path, chosen.analyze, chosen.runs)), flush=True)
        if not chosen.keep:
            path.unlink()


if __name__ == "__main__":
    main()

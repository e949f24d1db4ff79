"""Three readings of one stream, of which none knows the others' results: they say the same of it, or refuse it.

Ours takes pages many at a time, the plain loop one at a time, and Kaitai's reading is compiled from the formats. Of a
mutated stream, one that is read whole is the same to all; no reading has an answer of its own.
"""

import os
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import savevm_inspect as si
from savevm_inspect.kaitai import Disagreement, compare
from savevm_inspect.payload import ram
from savevm_inspect.stream.records import EndOfStream

FACTOR = int(os.environ.get("SAVEVM_FUZZ_FACTOR", "1"))
KINDS = {"none-7.2": 250, "none-10.0": 150, "none-11.1": 150, "x86-10.0-paused": 40, "t-11.1-xbzrle": 6}
"""Captures, and how many mutated streams are made of each."""


def mutate(data: bytes, end: int, chance: random.Random) -> bytes:
    """Change a stream before its EOF record: bytes, numbers, and pieces of it that come twice, or not at all."""
    out = bytearray(data[:end])
    for _ in range(chance.choice((1, 1, 2, 4))):
        pos, other = chance.randrange(8, len(out)), chance.randrange(8, len(out))
        length = chance.randrange(1, 64)
        match chance.randrange(6):
            case 0:
                out[pos] = chance.randrange(256)
            case 1:
                out[pos] ^= 1 << chance.randrange(8)
            case 2:
                out[pos : pos + 4] = chance.choice((b"\xff" * 4, bytes(4), b"\0\0\0\1"))
            case 3:
                del out[pos : pos + length]
            case 4:
                out[pos:pos] = out[other : other + length]
            case _:
                out[pos : pos + length] = out[other : other + length]
    return bytes(out) + data[end:]


def read(data: bytes) -> tuple[Any, ...] | None:
    """What our reading says; ``None`` if it refuses the stream."""
    try:
        with si.open_stream(data) as stream:
            return stream.records, stream.blocks, stream.pages.rows.tobytes()
    except si.SavevmError:
        return None


def read_plainly(data: bytes, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, ...] | None:
    """What our reading says if nothing takes more than a page at a time."""

    class Plain(ram.RamReader):
        def __init__(self, page_size: int, capabilities: tuple[str, ...] = ()) -> None:
            super().__init__(page_size, capabilities, scanner="python")

    with monkeypatch.context() as patch:
        patch.setattr(ram, "RamReader", Plain)
        return read(data)


def compare_readings(data: bytes) -> str:
    """Hold Kaitai's reading against ours, which reads the stream; says who refused it."""
    with si.open_stream(data) as stream:
        try:
            compare(stream)
        except Disagreement:
            raise
        except si.SavevmError:
            return "refused by Kaitai"
    return "agreed"


@pytest.mark.parametrize("name", KINDS)
def test_readings_agree_or_refuse(
    name: str,
    capture_path: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    data = capture_path(name).read_bytes()
    with si.open_stream(data) as stream:
        end = next(record.span.offset for record in stream.records if isinstance(record, EndOfStream))
    counts: Counter[str] = Counter()
    chance = random.Random(f"{name} {FACTOR}")
    for _ in range(KINDS[name] * FACTOR):
        mutated = mutate(data, end, chance)
        ours = read(mutated)
        assert read_plainly(mutated, monkeypatch) == ours
        counts["refused by ours" if ours is None else compare_readings(mutated)] += 1
    record_property("summary", f"{name}: mutated streams {', '.join(f'{n} {what}' for what, n in counts.items())}")
    assert counts["agreed"]
    assert counts["refused by ours"]

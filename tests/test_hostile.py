"""Bytes of somebody else's: whatever they are, the answer is a stream or a SavevmError, soon and in little memory."""

import os
import random
import resource
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import savevm_inspect as si
from savevm_inspect.views.summary import summary

LIMIT_GROWTH_KIB = 256 << 10
LIMIT_SECONDS = 10.0

SMALL = {"none-7.2": 8000, "none-10.0": 2000, "none-11.1": 8500}
LARGE = {"x86-10.0-paused": 1000, "q35-stor-10.0": 250, "s390x-s390-ccw-virtio-11.1": 250}
FACTOR = int(os.environ.get("SAVEVM_FUZZ_FACTOR", "1"))
"""How many times the usual number of mutations; the long run sets it."""


def mutate(data: bytes, chance: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 4, 16))):
        place = chance.randrange(len(out))
        match chance.randrange(7):
            case 0:
                out[place] = chance.randrange(256)
            case 1:
                out[place] ^= 1 << chance.randrange(8)
            case 2:
                out[place : place + 4] = chance.choice((b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff", b"\0\0\0\1"))
            case 3:
                del out[place : place + chance.randrange(1, 64)]
            case 4:
                out[place:place] = out[place : place + chance.randrange(1, 64)]
            case 5:
                del out[max(place, 1) :]
            case _:
                start = chance.randrange(len(out))
                out[place : place + 8] = out[start : start + 8]
        if not out:
            return bytes(out)
    return bytes(out)


@pytest.mark.parametrize("name", [*SMALL, *LARGE])
def test_mutations_end_in_a_stream_or_an_error(
    name: str, capture_path: Callable[[str], Path], record_property: Callable[[str, object], None]
) -> None:
    data = capture_path(name).read_bytes()
    count = (SMALL | LARGE)[name] * FACTOR
    chance = random.Random(f"{name} {FACTOR}")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    streams = errors = 0
    slowest = 0.0
    for _ in range(count):
        mutated = mutate(data, chance)
        start = time.process_time()
        try:
            with si.open_stream(mutated, strict=chance.random() < 0.5) as stream:
                facts = summary(stream)
                assert facts["accounted_bytes"] <= facts["size_bytes"] == len(mutated) - facts["after_end_bytes"]
                for block in stream.memory.values():
                    block.read(1 << 16)
            streams += 1
        except si.SavevmError as error:
            assert "\n" not in str(error)  # noqa: PT017 - either outcome is right
            errors += 1
        slowest = max(slowest, time.process_time() - start)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    line = f"{name}: {count} mutations, {streams} streams, {errors} errors, slowest {slowest:.3f} s"
    record_property("summary", line)
    assert grown < LIMIT_GROWTH_KIB
    assert slowest < LIMIT_SECONDS

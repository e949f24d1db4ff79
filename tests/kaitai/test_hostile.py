"""Broken channels and containers end in an error of ours, soon, and in little memory."""

import os
import random
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from savevm_inspect.errors import SavevmError
from savevm_inspect.kaitai import parse

Options = Callable[[str], dict[str, Any]]

FACTOR = int(os.environ.get("SAVEVM_FUZZ_FACTOR", "1"))
SECONDS = 20
HEAP_BYTES = 64 << 20

KINDS = {
    "t-11.1-multifd": 4,
    "s-7.2-multifd-zstd": 4,
    "s-11.1-postcopy-preempt": 6,
    "trace-pc-10.0-postcopy-recover": 6,
    "t-10.0-libvirt-sparse": 4,
    "t-7.2-qcow2": 4,
    "x86-10.0-mapped": 4,
    "x86-7.2-novmdesc": 6,
    "t-7.2-compress-xbzrle": 4,
}
"""A capture of each kind, and how many broken ones are made of it."""


def break_bytes(data: bytes, chance: random.Random) -> bytes:
    """Change some bytes, near the start more often than elsewhere; sometimes cut the end off."""
    broken = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        place = chance.choice([chance.randrange(len(data)), chance.randrange(min(len(data), 2000))])
        broken[place] = chance.choice([0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)])
    if chance.random() < 0.3:
        del broken[chance.randrange(len(broken)) :]
    return bytes(broken)


def break_one(options: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """The same files, one of them broken."""
    files: list[Path] = [options["source"], *options["channels"], *options["resumed"]]
    if options["return_path"] is not None:
        files.append(options["return_path"])
    victim = chance.choice(files)
    broken = break_bytes(victim.read_bytes(), chance)

    def given(path: Any) -> Any:
        return broken if path == victim else path

    return options | {
        "source": given(options["source"]),
        "channels": [given(each) for each in options["channels"]],
        "resumed": [given(each) for each in options["resumed"]],
        "return_path": given(options["return_path"]),
    }


def outcome(options: dict[str, Any], *, strict: bool) -> str:
    """What reading ends in: the words of its refusal; anything but an error of ours is raised."""
    try:
        with parse(**options, strict=strict) as tree:
            return "; ".join(map(str, tree.problems))
    except SavevmError as error:
        return str(error)


@pytest.mark.parametrize("name", KINDS)
def test_a_broken_file_is_read_or_refused_in_words(name: str, capture_options: Options) -> None:
    options = capture_options(name)
    if name == "t-7.2-qcow2":
        options["snapshot"] = "1"
    chance = random.Random(name)
    found = []
    for number in range(KINDS[name] * FACTOR):
        broken = break_one(options, chance)
        start = time.process_time()
        found.append(outcome(broken, strict=bool(number % 2)))
        assert time.process_time() - start < SECONDS
    assert not any("\n" in words for words in found)
    assert any(found)


def head(length: int) -> bytes:
    return length.to_bytes(4, "big")


LIES = {
    "machine name": b"QEVM\0\0\0\3\7" + head(0x7FFFFFFF),
    "capabilities": b"QEVM\0\0\0\3\7" + head(4) + b"none\5\x1aconfiguration/capabilities" + head(1) + head(1 << 31),
    "package": b"QEVM\0\0\0\3\x08\0\7\0\4" + head(0xFFFFFFFF),
    "description": b"QEVM\0\0\0\3\0\6" + head(0xFFFFFF00) + b"{}",
    "bitmap": b"QEVM\0\0\0\3\1" + head(2) + b"\x0cdirty-bitmap" + head(0) + head(1) + b"\x40" + b"\xff" * 40,
    "attributes": b"QEVM\0\0\0\3\1" + head(2) + b"\x17s390-storage_attributes" + bytes(11) + b"\2" + b"\x7f" * 16,
    "hash table": b"QEVM\0\0\0\3\1" + head(2) + b"\x0aspapr/htab" + head(0) + head(1) + head(0) + b"\xff" * 8,
}
"""Streams that claim to hold more than they do."""


@pytest.mark.parametrize("stream", LIES.values(), ids=LIES)
def test_what_a_stream_claims_is_not_allocated(stream: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(SavevmError):
            parse(stream)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < HEAP_BYTES


@pytest.mark.parametrize("length", [0xFFFFFFFF, 1 << 30])
def test_what_a_multifd_packet_claims_is_not_allocated(length: int, capture_options: Options) -> None:
    options = capture_options("s-7.2-multifd-zstd")
    channel = bytearray(options["channels"][0].read_bytes())
    packet = channel.index(b"\x11\x22\x33\x44", 4)
    while not any(channel[packet + 16 : packet + 20]):  # a packet without pages is believed whatever it says
        packet = channel.index(b"\x11\x22\x33\x44", packet + 1)
    channel[packet + 20 : packet + 24] = head(length)
    tracemalloc.start()
    try:
        with pytest.raises(SavevmError):
            parse(**options | {"channels": [bytes(channel), options["channels"][1]]})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < HEAP_BYTES

"""Every kind of stream, of real QEMUs: complete, every byte owned, memory true; and what is missing is said."""

import hashlib
import json
import lzma
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import savevm_inspect as si
from savevm_inspect.reader.readings import find_breakage
from savevm_inspect.views.summary import summary

CAPTURES = Path(__file__).parent.parent / "captures"
ENTRIES = {each["name"]: each for each in json.loads((CAPTURES / "manifest.json").read_text())["captures"]}
KINDS = [name for name, entry in ENTRIES.items() if "kind" in entry and entry["kind"] != "cancelled"]
WITH_TRUTH = [
    name for name, entry in ENTRIES.items() if "truth.json" in entry["files"] and "qcow2" not in entry["files"]
]
MULTIFD = [name for name in KINDS if ENTRIES[name]["kind"] == "multifd"]

Unpack = Callable[..., Path]


def how_to_open(name: str, unpack: Unpack) -> dict[str, Any]:
    files = ENTRIES[name]["files"]
    main = next(kind for kind in ("mig", "save", "ch0.fwd") if kind in files)
    return {
        "source": unpack(name, main),
        "channels": [unpack(name, kind) for kind in sorted(files) if kind.endswith(".fwd") and kind != "ch0.fwd"],
        "return_path": unpack(name, "ch0.rev") if "ch0.rev" in files else None,
        "resumed": [unpack(f"{name}-resumed", "ch0.fwd")] if "resumed" in ENTRIES[name] else [],
        "offset": 0x1000 if ENTRIES[name].get("kind") == "file offset" else 0,
    }


@pytest.mark.parametrize("name", KINDS)
def test_every_byte_has_an_owner(name: str, capture_path: Unpack) -> None:
    with si.open_stream(**how_to_open(name, capture_path)) as stream:
        facts = summary(stream)
        assert all(image.missing_pages == 0 for image in stream.memory.values())
        for image in stream.memory.values():
            image.read()
    assert facts["complete"]
    assert facts["problems"] == []
    assert facts["accounted_bytes"] == facts["size_bytes"]
    assert bool(facts["opaque_bytes"]) == (facts["schema"] == "none")
    for section in facts["sections"]:
        assert section["decoded"] == (section["framing"] != "inferred")


@pytest.mark.parametrize("name", WITH_TRUTH)
def test_memory_is_that_of_the_stopped_guest(name: str, capture_path: Unpack) -> None:
    truth = json.loads(lzma.decompress((CAPTURES / f"{name}.truth.json.xz").read_bytes()))
    with si.open_stream(**how_to_open(name, capture_path)) as stream:
        memory = stream.memory[truth["block"]].read()
    assert hashlib.sha256(memory[: 640 << 10]).hexdigest() == truth["sha256_0_640k"]
    assert hashlib.sha256(memory[1 << 20 :]).hexdigest() == truth["sha256_1m_end"]


def test_a_cancelled_stream_is_cut(capture_path: Unpack) -> None:
    with si.open_stream(capture_path("trace-pc-10.0-cancel"), strict=False) as stream:
        assert not stream.complete
        assert [problem.offset for problem in stream.problems] == [stream.size_bytes]  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", MULTIFD)
def test_channels_may_be_given_in_any_order(name: str, capture_path: Unpack) -> None:
    options = how_to_open(name, capture_path)
    with si.open_stream(**options) as stream:
        expected = {block: image.read() for block, image in stream.memory.items()}
    options["channels"].reverse()
    with si.open_stream(**options) as stream:
        assert {block: image.read() for block, image in stream.memory.items()} == expected


def test_a_channel_that_is_missing_leaves_pages_unsent(capture_path: Unpack) -> None:
    options = how_to_open("t-11.1-multifd", capture_path)
    options["channels"] = options["channels"][:-1]
    with si.open_stream(**options, strict=False) as stream:
        assert stream.memory["pc.ram"].missing_pages > 0
        assert not stream.complete
    with pytest.raises(si.SavevmError, match="multifd packets: a channel is missing"):
        si.open_stream(**options)
    options["channels"] = []
    with pytest.raises(si.SavevmError, match="waits for multifd channels 5 times, but none was given"):
        si.open_stream(**options)


@pytest.mark.parametrize("name", MULTIFD)
def test_each_channel_is_missed(name: str, capture_path: Unpack) -> None:
    options = how_to_open(name, capture_path)
    channels = options.pop("channels")
    for missing in range(len(channels)):
        rest = channels[:missing] + channels[missing + 1 :]
        with pytest.raises(
            si.SavevmError, match=r"multifd packets: a channel is missing|multifd channels .*expected"
        ):
            si.open_stream(**options, channels=rest)


def test_a_channel_of_another_migration_is_a_problem(capture_path: Unpack) -> None:
    options = how_to_open("t-11.1-multifd", capture_path)
    options["channels"][0] = capture_path("s-7.2-multifd-zstd", "ch1.fwd")
    with si.open_stream(**options, strict=False) as stream:
        assert stream.problems
    with pytest.raises(si.SavevmError, match=r"SYNC packets|not in the block list"):
        si.open_stream(**options)


def test_a_multifd_channel_that_is_cut_is_a_problem(capture_path: Unpack) -> None:
    options = how_to_open("t-11.1-multifd", capture_path)
    options["channels"][1] = options["channels"][1].read_bytes()[:-100]
    with pytest.raises(si.SavevmError, match="channel 2"):
        si.open_stream(**options)


def test_a_broken_channel_without_its_resumption_is_cut(capture_path: Unpack) -> None:
    options = how_to_open("trace-pc-10.0-postcopy-recover", capture_path)
    options["resumed"] = []
    with pytest.raises(si.SavevmError, match="0 are left"):
        si.open_stream(**options)


def test_what_is_wrong_on_another_channel_says_on_which(capture_path: Unpack) -> None:
    options = how_to_open("trace-pc-10.0-postcopy-recover", capture_path)
    options["resumed"] = [options["resumed"][0].read_bytes()[:-1]]
    with si.open_stream(**options, strict=False) as stream:
        (problem,) = stream.problems
        number = max(record.span.channel for record in stream.records)
        assert str(problem).startswith(f"{len(options['resumed'][0]):#x} of channel {number}")
        assert find_breakage(stream) is None, "the main channel is sound"


HOSTILE = {
    "t-7.2-compress-xbzrle": 60,
    "t-11.1-multifd": 40,
    "s-7.2-multifd-zstd": 40,
    "s-11.1-postcopy-preempt": 60,
    "trace-pc-10.0-postcopy-recover": 40,
    "s-10.0-bitmaps": 40,
}


FACTOR = int(os.environ.get("SAVEVM_FUZZ_FACTOR", "1"))
"""How many times the usual number of mutations; the long run sets it."""


@pytest.mark.parametrize("name", HOSTILE)
def test_mutations_end_in_a_stream_or_an_error(name: str, capture_path: Unpack) -> None:
    options = how_to_open(name, capture_path)
    inputs = {"source": options.pop("source").read_bytes()}
    inputs |= {f"channel {number}": path.read_bytes() for number, path in enumerate(options.pop("channels"))}
    resumed = options["resumed"]
    back = options.pop("return_path")
    if back is not None:
        inputs["return path"] = back.read_bytes()
    chance = random.Random(name)
    for _ in range(HOSTILE[name] * FACTOR):
        mutated = {key: bytearray(data) for key, data in inputs.items()}
        for _ in range(chance.choice((1, 1, 4))):
            data = mutated[chance.choice(list(mutated))]
            # Most interesting bytes lie near the start of something, not within pages.
            place = chance.choice((chance.randrange(len(data)), chance.randrange(min(2000, len(data)))))
            data[place] = chance.choice((0, 0xFF, 0x7F, chance.randrange(256)))
            if chance.random() < 0.1:
                del data[place:]
        try:
            with si.open_stream(
                bytes(mutated["source"]),
                channels=[bytes(data) for key, data in mutated.items() if key.startswith("channel")],
                return_path=bytes(mutated["return path"]) if back is not None else None,
                resumed=resumed,
                strict=chance.random() < 0.5,
            ) as stream:
                facts = summary(stream)
                assert facts["accounted_bytes"] <= facts["size_bytes"]
                for image in stream.memory.values():
                    image.read(1 << 20)
        except si.SavevmError as error:
            assert "\n" not in str(error)  # noqa: PT017 - either outcome is right


@pytest.mark.parametrize("name", MULTIFD)
def test_a_channel_that_is_given_twice_is_a_problem(name: str, capture_path: Unpack) -> None:
    options = how_to_open(name, capture_path)
    options["channels"] = [options["channels"][0], *options["channels"][:-1]]
    with si.open_stream(**options, strict=False) as stream:
        said = [str(problem) for problem in stream.problems]
    assert any("expected each of 0 to" in problem for problem in said)
    assert any("came on two multifd channels" in problem for problem in said)

"""A share of the search that is the same every time, and that the search finds what there is to find."""

import json
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

import savevm_inspect as si
from savevm_inspect.errors import SavevmError

from . import search
from .inputs import devices, ram_streams, trace_logs
from .kinds import KINDS, Kind
from .mutations import mutate_bytes, mutate_json, mutate_json_lines, mutate_lines
from .search import Search, made, turns

SEED = 1
INPUTS = 3000
"""Over all kinds."""


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_inputs_are_read_or_refused(kind: str, record_property: Callable[[str, object], None]) -> None:
    found = Search(SEED)
    search.import_what_is_late()
    for number in range(max(10, INPUTS * KINDS[kind].share // 1000)):
        found.try_one(kind, number)
    count = found.counts[kind]
    record_property(
        "summary", f"fuzz | {kind:26} | {count.tried} inputs, {count.ended} read, {count.refused} refused"
    )
    assert not found.findings, found.findings[0].trace
    assert count.ended, "each was refused: nothing was tried"


def test_an_input_hangs_on_seed_and_number_alone() -> None:
    assert made("fields", 7, 3) == made("fields", 7, 3)
    assert made("fields", 7, 3) != made("fields", 8, 3)
    kinds = dict(zip(range(500), turns(7, list(KINDS)), strict=False))
    assert kinds == dict(zip(range(500), turns(7, list(KINDS)), strict=False))
    assert set(dict(kinds.values())) > {"fields", "trace logs"}


def fail(_files: object, _chance: Random) -> None:
    raise KeyError("foreign")


def spin(_files: object, _chance: Random) -> None:
    while True:
        pass


def say_two_lines(_files: object, _chance: Random) -> None:
    error = SavevmError("x")
    error.__class__ = type("Loud", (SavevmError,), {"__str__": lambda self: "one\ntwo"})
    raise error


@pytest.mark.parametrize(
    ("work", "what"),
    [(fail, "KeyError"), (spin, "TookTooLong"), (say_two_lines, "SavevmError of several")],
)
def test_what_must_not_be_is_found_and_kept(
    work: Callable[..., None], what: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if work is spin:
        monkeypatch.setattr(search, "LEAST_SECONDS", 0.2)
    monkeypatch.setitem(KINDS, "broken", Kind((lambda: ({"source": b"QEVM"},),), work, 1))  # type: ignore[misc]
    found = Search(SEED)
    finding = found.try_one("broken", 0)
    assert finding is not None
    assert finding.what.startswith(what)
    assert found.try_one("broken", 1) is None, "it failed in the same place"
    kept = finding.save(tmp_path)
    assert (kept / "source").read_bytes() == made("broken", SEED, 0)["source"]
    assert "--kind 'broken' --number 0" in (kept / "FOUND").read_text()


def test_an_input_that_takes_much_memory_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    peaks = iter((1 << 30, (1 << 30) + search.MOST_GROWTH_BYTES, 2 << 30, (2 << 30) + search.MOST_GROWTH_BYTES + 1))
    monkeypatch.setattr(search, "peak_bytes", lambda: next(peaks))
    found = Search(SEED)
    assert found.try_one("return path", 0) is None
    finding = found.try_one("return path", 1)
    assert finding is not None
    assert finding.what.startswith("MemoryError: 256 MiB more")


def test_what_is_cut_is_still_a_stream() -> None:
    for files in (*devices(), *ram_streams()):
        others = [data for name, data in files.items() if name.startswith("channel")]
        with si.open_stream(files["source"], channels=others, strict=False) as stream:
            assert len(stream.devices) > 0
            assert stream.description is not None
            assert not [each for each in stream.account.problems if "channel" not in str(each)]


def test_mutations_change_what_they_are_given() -> None:
    text = json.dumps({"a": [1, {"b": "c"}], "d": None}).encode()
    log = trace_logs()[0]["x.trace" if "x.trace" in trace_logs()[0] else next(iter(trace_logs()[0]))]
    for mutate, data in (
        (mutate_bytes, bytes(range(256))),
        (mutate_lines, log),
        (mutate_json, text),
        (mutate_json_lines, text + b"\n" + text),
    ):
        changed = sum(mutate(data, Random(number)) != data for number in range(100))
        assert changed > 80, mutate

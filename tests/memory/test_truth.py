"""Real captures: what is extracted, and what is read, is what the stopped source had."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import savevm_inspect as si
from savevm_inspect.memory.extract import extract

MIB = 1 << 20
CAPTURES = json.loads((Path(__file__).parents[1] / "captures/manifest.json").read_text())["captures"]
WITH_TRUTH = sorted(each["name"] for each in CAPTURES if "truth.json" in each["files"])


def hashes(memory: bytes) -> tuple[str, str]:
    return hashlib.sha256(memory[: 640 << 10]).hexdigest(), hashlib.sha256(memory[MIB:]).hexdigest()


@pytest.mark.parametrize("name", WITH_TRUTH)
def test_both_hashes_are_hit(
    name: str,
    capture_path: Callable[..., Path],
    capture_options: Callable[[str], dict[str, Any]],
    tmp_path: Path,
) -> None:
    truth = json.loads(capture_path(name, "truth.json").read_text())
    expected = truth["sha256_0_640k"], truth["sha256_1m_end"]
    snapshot = "1" if "qcow2" in name else None
    with si.open_stream(**capture_options(name), snapshot=snapshot) as stream:
        image = stream.memory[truth["block"]]
        assert hashes(image.read()) == expected
        image.seek(MIB)
        rest = hashlib.sha256()
        while piece := image.read(77_777):
            rest.update(piece)
        assert rest.hexdigest() == truth["sha256_1m_end"]
        extract(image, tmp_path / "ram", lambda _: None)
    assert hashes((tmp_path / "ram").read_bytes()) == expected


def test_every_kind_has_its_truth() -> None:
    assert len(WITH_TRUTH) >= 9

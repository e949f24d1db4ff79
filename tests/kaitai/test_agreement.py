"""Kaitai's reading and ours say the same of every capture: records, pages, values, places.

``SAVEVM_CAPTURES=FOLDER pytest tests/kaitai/test_agreement.py -s`` does it for another folder with a manifest, and
says how much was compared.
"""

import json
import lzma
import os
import re
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import savevm_inspect as si
from savevm_inspect.kaitai import Disagreement, compare
from savevm_inspect.kaitai.agreement import _Comparison
from savevm_inspect.stream.records import Section

CAPTURES = Path(os.environ.get("SAVEVM_CAPTURES", Path(__file__).parent.parent / "captures"))
MAIN = ("mig", "save", "qcow2", "ch0.fwd")
"""The kinds of file that a stream can begin in; a folder may have captures of which only other files are kept."""

ENTRIES = {
    each["name"]: each
    for each in json.loads((CAPTURES / "manifest.json").read_text())["captures"]
    if not set(MAIN).isdisjoint(each["files"])
}

REPORTS = sorted([*CAPTURES.glob("reports/*.xz"), *CAPTURES.glob("devices/virtio-*.xz")])


@pytest.fixture(scope="module")
def total() -> Iterator[Counter[str]]:
    """What all tests together have compared; printed at the end."""
    counts: Counter[str] = Counter()
    yield counts
    sys.stdout.write(f"\n{len(ENTRIES)} captures: {', '.join(f'{counts[each]} {each}' for each in sorted(counts))}\n")


@pytest.fixture
def opened(name: str, tmp_path: Path) -> Iterator[list[si.Stream]]:
    """The streams of a capture: one, or one for each snapshot of an image."""
    entry = ENTRIES[name]
    files = {kind: plain(file, tmp_path) for kind, file in entry["files"].items()}
    main = next(files[kind] for kind in MAIN if kind in files)
    options: dict[str, Any] = {
        "channels": [files[kind] for kind in sorted(files) if re.fullmatch(r"ch[1-9]\d*\.fwd", kind)],
        "return_path": files.get("ch0.rev"),
        "resumed": [plain(entry["resumed"]["ch0.fwd"], tmp_path)] if "resumed" in entry else [],
        "offset": 0x1000 if "offset=0x1000" in entry["what"] else 0,
        "strict": "cancel" not in name,
    }
    streams = [si.open_stream(main, **options, snapshot="1" if "qcow2" in files else None)]
    count = streams[0].source.facts.get("snapshots", 1)
    assert isinstance(count, int)
    streams += [si.open_stream(main, **options, snapshot=str(number)) for number in range(2, count + 1)]
    yield streams
    for stream in streams:
        stream.close()


def plain(name: str, folder: Path) -> Path:
    """A file of a capture, unpacked."""
    path = CAPTURES / name.removesuffix(".xz")
    if path.exists():
        return path
    path = folder / path.name
    with lzma.open(CAPTURES / name) as packed, path.open("wb") as file:
        shutil.copyfileobj(packed, file)
    return path


@pytest.mark.parametrize("name", ENTRIES)
def test_both_readings_agree(name: str, opened: list[si.Stream], total: Counter[str]) -> None:
    for stream in opened:
        counts = compare(stream)
        total.update(counts)
        kept = [each for each in stream.records if each.span.channel == 0]
        assert counts["records"] >= len(kept) - len(stream.inputs.resumed_cursors())
        assert counts["messages"] == len(stream.return_path)
        assert counts["blocks"] == len(stream.blocks)
        if not stream.problems and not stream.inputs.resumed_cursors():
            assert counts["pages"] == len(stream.pages)


@pytest.mark.parametrize("path", REPORTS, ids=lambda path: path.name)
def test_both_readings_agree_on_what_is_odd(path: Path, total: Counter[str]) -> None:
    """Damage, forks' additions, wrong descriptions: what our reader goes on with, Kaitai reads up to the damage."""
    with si.open_stream(path, strict=False, snapshot="1" if ".qcow2" in path.name else None) as stream:
        counts = compare(stream)
        total.update(counts)
        if not stream.problems:
            assert counts["records"] == len(stream.records)


@pytest.mark.parametrize("name", ["none-11.1"])
def test_another_record_is_a_disagreement(opened: list[si.Stream]) -> None:
    (stream,) = opened
    *others, last = stream.records
    for records in (others, [*others, replace(last, span=replace(last.span, length=last.span.length - 1))]):
        stream.records = tuple(records)
        with pytest.raises(Disagreement, match="record"):
            compare(stream)


@pytest.mark.parametrize("name", ["t-11.1-multifd", "x86-10.0-mapped"])
@pytest.mark.parametrize("column", ["offset", "length", "addr", "block", "kind"])
def test_another_page_is_a_disagreement(opened: list[si.Stream], column: str) -> None:
    (stream,) = opened
    rows = stream.pages.rows
    rows[column][len(rows) // 2] += 1
    with pytest.raises(Disagreement):
        compare(stream)


@pytest.mark.parametrize("name", ["x86-7.2-paused"])
def test_a_block_that_kaitai_alone_names_is_a_disagreement(
    opened: list[si.Stream], monkeypatch: pytest.MonkeyPatch
) -> None:
    (stream,) = opened
    others = tuple(replace(each, name=f"another {each.name}") for each in stream.blocks)
    monkeypatch.setattr(_Comparison, "_same", lambda *_: None)  # it also finds the list of blocks that is another
    monkeypatch.setattr(stream, "blocks", others)
    with pytest.raises(Disagreement, match="Kaitai says block 'pc"):
        compare(stream)


@pytest.mark.parametrize("name", ["s390x-s390-ccw-virtio-11.1"])
def test_another_value_is_a_disagreement(opened: list[si.Stream], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each number of a payload with a format of its own."""
    (stream,) = opened
    fields = [
        field
        for section in stream.sections
        if isinstance(section, Section) and section.framing == "payload" and section.idstr != "ram"
        for field in stream.decode(section)
        if isinstance(field.value, int)
    ]
    assert len(fields) > 5
    for wrong in (fields[0], fields[-1]):

        def changed(self: _Comparison, section: Section, wrong: Any = wrong) -> Any:
            for field in stream.decode(section):
                yield replace(field, value=field.value + 1) if field == wrong else field

        monkeypatch.setattr(_Comparison, "_fields", changed)
        with pytest.raises(Disagreement, match="Kaitai says"):
            compare(stream)

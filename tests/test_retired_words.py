"""The list of retired words: the project keeps to it, and each of its patterns finds what is planted."""

from pathlib import Path

import pytest

from .retired_words import DATA, ROOT, hits, hits_in, retired

PLANTED = {
    "a lane of its own": "lane",
    "HALT": "HALT",
    "nobody goes on": "nobody goes on",
    "a patient wait": "patient",
    "raise Refused(message)": "Refused(",
    "class Way(Enum):": "class Way",
    "it reckons the time": "reckon",
    "as the user told": "told",
    "def look_at(log):": "look_at",
    "a length can't be right": "can't be right",
    "the footer behind it": "behind",
    "raise Truncated(message, offset=place)": "offset=place",
    "a place in the stream": "place in the stream",
    "write at a place": "at a place",
    "every so-manieth page": "so-manieth",
    "in the midst of it": "midst",
    "from savevm_inspect.trace.records import stream_events": "trace.records",
}


@pytest.mark.parametrize("line", PLANTED)
def test_what_is_planted_is_found(line: str) -> None:
    (hit,) = _hits(line)
    assert hit.startswith(f"docs/some.md:2: {PLANTED[line]!r} is retired: ")


def _hits(line: str) -> list[str]:
    return list(hits_in("docs/some.md", f"first\n{line}\n", retired()))


def test_each_pattern_is_planted_once() -> None:
    assert len(PLANTED) == len(DATA["retired"])
    for each in retired():
        assert sum(bool(each.pattern.search(line)) for line in PLANTED) == 1, each.pattern.pattern


def test_a_hit_names_file_line_and_what_to_say_instead(tmp_path: Path) -> None:
    (tmp_path / "lane.md").write_text("one\nHALT\n", encoding="utf-8")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "notes.md").write_text("HALT", encoding="utf-8")
    assert list(hits(tmp_path)) == [
        "lane.md:0: 'lane' is retired: task, scheduler",
        "lane.md:2: 'HALT' is retired: CHECKPOINT",
    ]


def test_allowed_contexts_are_allowed() -> None:
    assert not _hits("a device behind a port")
    assert _hits("a record behind a record")


def test_each_allowed_context_is_used() -> None:
    """What nothing needs any more goes from the list."""
    lines = [
        f"{file.relative_to(ROOT).as_posix()}: {line}"
        for top in ("savevm_inspect", "tests", "benchmarks", "docs", "notebooks", "formats")
        for file in (ROOT / top).rglob("*")
        if file.suffix in (".py", ".md", ".ipynb", ".ksy") and "retired_words" not in file.name
        if "node_modules" not in file.parts
        for line in file.read_text(encoding="utf-8").splitlines()
    ]
    for each in retired():
        for allowed in each.allowed:
            assert any(allowed.search(line) and each.pattern.search(line) for line in lines), allowed.pattern

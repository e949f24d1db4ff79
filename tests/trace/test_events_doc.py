"""``docs/events.md`` says what the table does."""

import re
import runpy
from fnmatch import fnmatchcase
from pathlib import Path

from savevm_inspect.trace.table import MEANINGS

DRAWN = runpy.run_path(str(Path(__file__).parent / "drawn_docs.py"))


def test_the_table_in_the_docs_is_the_codes() -> None:
    """``python tests/trace/drawn_docs.py`` brings them together again."""
    text = DRAWN["DOC"].read_text(encoding="utf-8")
    assert DRAWN["renewed"](text) == text
    assert set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) == set(MEANINGS)


def test_the_events_to_switch_on_are_all_of_the_table() -> None:
    _, listed, _ = DRAWN["DOC"].read_text(encoding="utf-8").split("```\n")
    patterns = listed.split()
    for name in MEANINGS:
        last = [pattern for pattern in patterns if fnmatchcase(name, pattern.removeprefix("-"))][-1]
        assert not last.startswith("-"), name

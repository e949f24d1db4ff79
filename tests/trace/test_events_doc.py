"""``docs/events.md`` says what the table does."""

import re
from fnmatch import fnmatchcase

from savevm_inspect.trace.table import MEANINGS

from .drawn_docs import DOC, renewed


def test_the_table_in_the_docs_is_the_codes() -> None:
    """``python tests/trace/drawn_docs.py`` brings them together again."""
    text = DOC.read_text(encoding="utf-8")
    assert renewed(text) == text
    assert set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) == set(MEANINGS)


def test_the_events_to_switch_on_are_all_of_the_table() -> None:
    _, listed, _ = DOC.read_text(encoding="utf-8").split("```\n")
    patterns = listed.split()
    for name in MEANINGS:
        last = [pattern for pattern in patterns if fnmatchcase(name, pattern.removeprefix("-"))][-1]
        assert not last.startswith("-"), name

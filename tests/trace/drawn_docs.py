"""The part of ``docs/events.md`` that is drawn from the table; ``python tests/trace/drawn_docs.py`` renews it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from savevm_inspect.trace.meaning import Meaning
from savevm_inspect.trace.table import MEANINGS

DOC: Final = Path(__file__).parents[2] / "docs" / "events.md"
_PART: Final = re.compile(r"(<!-- drawn: trace_events -->\n).*?(<!-- end of what is drawn -->\n)", re.DOTALL)


def renewed(text: str) -> str:
    """The document with its table renewed."""
    return _PART.sub(lambda found: found[1] + "".join(_rows()) + found[2], text)


def _rows() -> Iterator[str]:
    yield "| QEMU's trace event | side | thread | event | meaning |\n|---|---|---|---|---|\n"
    for meaning in MEANINGS.values():
        side = meaning.side.value if meaning.side else "both"
        yield f"| `{meaning.name}` | {side} | {_thread(meaning)} | `{meaning.kind.value}` | {meaning.summary} |\n"


def _thread(meaning: Meaning) -> str:
    if meaning.loads:
        return "`main`, `mig/dst/listen`"
    return f"`{meaning.thread.value}`" if meaning.thread else ""


if __name__ == "__main__":
    DOC.write_text(renewed(DOC.read_text(encoding="utf-8")), encoding="utf-8")

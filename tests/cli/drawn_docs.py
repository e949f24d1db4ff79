"""``docs/json.md`` is drawn from the table of documents; ``python tests/cli/drawn_docs.py`` renews it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from savevm_inspect.views.json_documents import DOCUMENTS, Document, Form

DOC: Final = Path(__file__).parents[2] / "docs" / "json.md"

_HEAD: Final = """# What `--json` prints

One JSON document on stdout and nothing else; errors are one line on stderr. An object says what it is under `format`
and `version`. Keys may be added; none is renamed or removed without a new version. What may be `null` says so.

A field (`show`) whose type is wider than 32 bits is text in hexadecimal, as `"0x7c00"` or `"-0x1"`, always, by its
type and not by its value, also within lists: JavaScript and jq keep numbers as floats and would lose digits of some.
Other numbers are numbers; sizes, offsets and counts are, too. Bytes are text in hexadecimal without `0x`. What
nothing explains is `{"undecoded": why, "hex": bytes}`.

`events --json` prints one event a line, as in `events.jsonl`: [events.md](events.md).
"""


def drawn() -> str:
    """The whole document."""
    return _HEAD + "".join(part for document in DOCUMENTS.values() for part in _part(document))


def _part(document: Document) -> Iterator[str]:
    yield f"\n## {document.verb}\n\n"
    yield f"`savevm-inspect {document.verb} --json` prints {document.form.value}"
    yield f', `"format": "{document.format}"`.\n\n' if document.form is Form.OBJECT else ".\n\n"
    yield "| key | holds | what it is |\n|---|---|---|\n"
    for key in document.keys:
        yield f"| `{key.path}` | {key.type}{' or null' if key.optional else ''} | {key.what} |\n"


if __name__ == "__main__":
    DOC.write_text(drawn(), encoding="utf-8")

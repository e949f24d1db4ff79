"""The list of sections in the docs says what the code does."""

import re
from pathlib import Path

from savevm_inspect.payload import FIELD_PAYLOADS, ram

SECTIONS = Path(__file__).parent.parent.parent / "docs" / "sections.md"
PACKAGE = Path(__file__).parent.parent.parent / "savevm_inspect"


def test_every_codec_is_listed_and_every_listed_codec_is_there() -> None:
    rows = re.findall(r"^\| `([^`]+)` .*\*\*codec\*\*: `(payload/\w+\.py)`", SECTIONS.read_text(), re.MULTILINE)
    assert {idstr for idstr, _ in rows} == {ram.IDSTR, *FIELD_PAYLOADS}
    assert all((PACKAGE / path).is_file() for _, path in rows)

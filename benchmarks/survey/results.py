"""The survey's results: a line of JSON for each start, the last one of a key counts."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class Results:
    """The results in a folder.

    Args:
        folder: holds ``results.jsonl`` and ``streams``; made if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "results.jsonl"
        self._streams = folder / "streams"
        self._streams.mkdir(parents=True, exist_ok=True)
        lines = self._file.read_text().splitlines() if self._file.exists() else []
        self._rows: dict[str, dict[str, Any]] = {row["key"]: row for row in map(json.loads, lines)}

    def __contains__(self, key: str) -> bool:
        return key in self._rows

    def __getitem__(self, key: str) -> dict[str, Any]:
        return self._rows[key]

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._rows))

    def __len__(self) -> int:
        return len(self._rows)

    def stream(self, key: str) -> Path:
        """Where a start's stream is kept."""
        return self._streams / f"{key}.zst"

    def note(self, key: str, row: dict[str, Any]) -> None:
        """Write a result down."""
        self._rows[key] = {"key": key} | row
        with self._file.open("a") as file:
            file.write(json.dumps(self._rows[key]) + "\n")

    def tidy(self) -> None:
        """Write the file anew, with one line a key."""
        new = self._file.with_suffix(".new")
        new.write_text("".join(json.dumps(row) + "\n" for row in self._rows.values()))
        new.replace(self._file)

"""A recorded migration as a folder: ``capture.json``, the channels' bytes, ``events.jsonl`` and more, to be read."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from os import PathLike
from pathlib import Path
from typing import Any

from ..errors import SavevmError, printable
from ..stream.events import Event, read_events
from .held_inputs import hold

FORMAT = "savevm-inspect/capture"
VERSION = 1
MANIFEST = "capture.json"
EVENTS = "events.jsonl"
LOCK = ".lock"
"""What a recorder holds while it writes; nothing in a finished capture."""

_MANIFEST_LIMIT_BYTES = 16 << 20


class CaptureOutcome(StrEnum):
    """What became of the migration that was recorded."""

    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


class Direction(StrEnum):
    """Which way a channel's bytes went."""

    FORWARD = "forward"
    RETURN = "return"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureChannel:
    """One channel's bytes.

    Attributes:
        number: in the order in which the source connected; 0 is the main channel.
        direction: which way the bytes went.
        path: the file that holds them.
        resumed: it is a main channel that goes on where another one broke.
    """

    number: int
    direction: Direction
    path: Path
    resumed: bool = False


class CaptureFolder:
    """A capture folder, opened for reading; its path can be given wherever one is taken.

    Args:
        path: the folder.

    Attributes:
        path: the folder.
        made_by: who recorded it.
        channels: the files of bytes, in the manifest's order.
        outcome: what became of the migration; ``None`` if nobody said.
        error: why it did not complete, in the words of whoever knew; empty if nobody said.
        files: names of all files that the recording wrote, as far as the manifest says.

    Raises:
        SavevmError: it has no manifest, or one that is not ours or points out of the folder.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = Path(path)
        hold(self, self.path, str(path))
        manifest = self.path / MANIFEST
        try:
            if manifest.stat().st_size > _MANIFEST_LIMIT_BYTES:
                raise SavevmError(f"{manifest}: larger than any manifest is")
            raw = json.loads(manifest.read_text(encoding="utf-8"))
            if raw["format"] != FORMAT or raw["version"] != VERSION:
                raise SavevmError(
                    f"{manifest}: {raw['format']} version {raw['version']}, expected {FORMAT} {VERSION}"
                )
            self.channels = tuple(_channel(self.path, entry) for entry in raw["channels"])
            self.made_by = str(raw["made_by"])
            self.outcome = CaptureOutcome(raw["outcome"]) if "outcome" in raw else None
            self.error = str(raw.get("error", ""))
            names = (each.path.name for each in self.channels)
            self.files = frozenset((MANIFEST, EVENTS, LOCK, *names, *map(str, raw.get("files", ()))))
        except OSError as error:
            raise SavevmError(f"{self.path}: not a capture folder ({error.strerror} on {MANIFEST})") from error
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise SavevmError(f"{manifest}: not a capture's manifest ({error!r})") from error

    def __fspath__(self) -> str:
        return str(self.path)

    def __repr__(self) -> str:
        return printable(f"<CaptureFolder {self.path}: {len(self.channels)} channels, made by {self.made_by}>")

    def forward(self) -> tuple[Path, ...]:
        """The files of the forward channels, the main one first; without those that resumed it."""
        return tuple(channel.path for channel in self.connected())

    def connected(self, *, resumed: bool = False) -> tuple[CaptureChannel, ...]:
        """The forward channels in the order of their numbers.

        Args:
            resumed: those that resumed the main one, instead of all others.
        """
        wanted = [each for each in self.channels if each.direction is Direction.FORWARD and each.resumed is resumed]
        return tuple(sorted(wanted, key=lambda channel: channel.number))

    def return_path(self) -> Path | None:
        """The file of what came back on the main channel, if it was recorded."""
        back = [each.path for each in self.channels if each.direction is Direction.RETURN and not each.number]
        return back[0] if back else None

    def events(self) -> Iterator[Event]:
        """The events in the order they were written; none if the capture has no event file.

        Raises:
            SavevmError: a line is no event.
        """
        path = self.path / EVENTS
        if path.exists():
            try:
                with path.open(encoding="utf-8") as lines:
                    yield from read_events(lines)
            except UnicodeDecodeError as error:
                raise SavevmError(f"{path}: not UTF-8 ({error.reason})") from error


def _channel(folder: Path, entry: dict[str, Any]) -> CaptureChannel:
    name = entry["file"]
    if not isinstance(name, str) or Path(name).name != name or name in {"", ".."} or "\0" in name:
        raise SavevmError(f"{folder / MANIFEST}: {name!r} is not a file name within the folder")
    return CaptureChannel(
        number=int(entry["number"]),
        direction=Direction(entry["direction"]),
        path=folder / name,
        resumed=bool(entry.get("resumed", False)),
    )

"""A recorded migration as a folder: ``capture.json``, the channels' bytes, ``events.jsonl`` and more.

The folder is written under a temporary name and renamed when it is whole, so that a recording that was
interrupted never looks like one that was not.
"""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import IO, Any, BinaryIO, Self

from ..errors import SavevmError, printable
from ..stream.events import Event, read_events

FORMAT = "savevm-inspect/capture"
VERSION = 1
MANIFEST = "capture.json"
EVENTS = "events.jsonl"

_MANIFEST_LIMIT_BYTES = 16 << 20


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

    Raises:
        SavevmError: it has no manifest, or one that is not ours or points out of the folder.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = Path(path)
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


class CaptureWriter:
    """Writes a capture folder; use it in a ``with`` block, at whose clean end the folder appears.

    Args:
        path: the folder to make; it must not exist, or be an earlier capture, which it replaces.
        made_by: who records.

    Raises:
        SavevmError: something that is no capture lies at ``path``.
    """

    def __init__(self, path: str | PathLike[str], *, made_by: str) -> None:
        path = Path(path)
        if path.exists() and not (path / MANIFEST).exists() and not (path.is_dir() and not any(path.iterdir())):
            raise SavevmError(f"{path}: exists and is no capture; not overwritten")
        self.path = path
        self._made_by = made_by
        self._channels: list[dict[str, object]] = []
        self._files = ExitStack()
        path.parent.mkdir(parents=True, exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        """The folder under its temporary name; put files beside the stream here."""
        self._events: IO[str] = self._files.enter_context((self.folder / EVENTS).open("w", encoding="utf-8"))

    def add_channel(self, number: int, direction: Direction = Direction.FORWARD, *, resumed: bool = False) -> Path:
        """Enter a channel into the manifest, and say where its bytes go.

        Args:
            number: in the order in which the source connected; 0 is the main channel.
            direction: which way the bytes go.
            resumed: it is a main channel that goes on where another one broke.
        """
        name = f"channel{number}.{'fwd' if direction is Direction.FORWARD else 'rev'}"
        entry: dict[str, object] = {"number": number, "direction": direction.value, "file": name}
        self._channels.append(entry | ({"resumed": True} if resumed else {}))
        return self.folder / name

    def open_channel(
        self, number: int, direction: Direction = Direction.FORWARD, *, resumed: bool = False
    ) -> BinaryIO:
        """As :meth:`add_channel`, with the file opened for writing; closed when the capture is."""
        return self._files.enter_context(self.add_channel(number, direction, resumed=resumed).open("wb"))

    def add_event(self, event: Event) -> None:
        """Write one event."""
        self._events.write(event.to_json() + "\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self._files.close()
            if kind is None:
                self._publish()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)  # gone already, if it was renamed

    def _publish(self) -> None:
        manifest = {
            "format": FORMAT,
            "version": VERSION,
            "made_by": self._made_by,
            "channels": self._channels,
        }
        (self.folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
        self.folder.chmod(0o755)
        if self.path.exists():
            shutil.rmtree(self.path)
        self.folder.rename(self.path)

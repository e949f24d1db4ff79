"""A recorded migration as a folder: ``capture.json``, the channels' bytes, ``events.jsonl`` and more, to be read."""

import json
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import HostError, SavevmError, printable
from ..stream.events import Event, read_events
from .held_inputs import hold

FORMAT = "savevm-inspect/capture"
VERSION = 1
MANIFEST = "capture.json"
EVENTS = "events.jsonl"
LOCK = ".lock"
"""What a recorder holds while it writes; nothing in a finished capture."""

_MANIFEST_LIMIT_BYTES = 1 << 20
_EVENT_LIMIT_BYTES = 1 << 20
_EVENTS_LIMIT = 2_000_000


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
        within: the folder that a link must not lead out of; ``None`` for a file that the user named.
        follow: a link may lead out of it.
    """

    number: int
    direction: Direction
    path: Path
    resumed: bool = False
    within: Path | None = None
    follow: bool = False

    def open(self) -> BinaryIO:
        """Open its file.

        Raises:
            SavevmError: it is no regular file, or a link out of its folder that is not to be followed.
            HostError: it can't be opened.
        """
        return open_file(self.path, within=self.within, follow=self.follow)


class CaptureFolder:
    """A capture folder, opened for reading; it can be given wherever a path is taken.

    Args:
        path: the folder.
        follow: also read files that are links out of the folder, as git-annex and DVC make them.

    Attributes:
        path: the folder.
        made_by: who recorded it.
        channels: the files of bytes, in the manifest's order.
        outcome: what became of the migration; ``None`` if nobody said.
        error: why it did not complete, in the words of whoever knew; empty if nobody said.
        files: names of all files that the recording wrote, as far as the manifest says.
        follow: whether files that are links out of the folder are read.

    Raises:
        SavevmError: it has no manifest, or one that is not ours or points out of the folder.
    """

    def __init__(self, path: str | PathLike[str], *, follow: bool = False) -> None:
        self.path = Path(path)
        self.follow = follow
        hold(self, self.path, str(path))
        manifest = self.path / MANIFEST
        try:
            raw = json.loads(self._read_manifest(manifest))
            if raw["format"] != FORMAT or raw["version"] != VERSION:
                raise SavevmError(
                    f"{manifest}: {str(raw['format'])[:80]} version {str(raw['version'])[:80]}, "
                    f"expected {FORMAT} {VERSION}"
                )
            self.channels = tuple(_channel(self.path, entry, follow=follow) for entry in raw["channels"])
            self._refuse_equal_numbers(manifest)
            self.made_by = str(raw["made_by"])
            self.outcome = CaptureOutcome(raw["outcome"]) if "outcome" in raw else None
            self.error = str(raw.get("error", ""))
            names = (each.path.name for each in self.channels)
            self.files = frozenset((MANIFEST, EVENTS, LOCK, *names, *map(str, raw.get("files", ()))))
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise SavevmError(f"{manifest}: not a capture's manifest ({repr(error)[:200]})") from error

    def _refuse_equal_numbers(self, manifest: Path) -> None:
        """Refuse two channels of one number: pages refer to their channel by it, and one return path is read."""
        seen = set()
        for each in self.channels:
            key = (each.direction, each.number)
            if key in seen:
                raise SavevmError(f"{manifest}: two {each.direction} channels have the number {each.number}")
            seen.add(key)

    def _read_manifest(self, manifest: Path) -> bytes:
        try:
            with open_file(manifest, within=self.path, follow=self.follow) as file:
                text = file.read(_MANIFEST_LIMIT_BYTES + 1)
        except HostError as error:
            raise SavevmError(f"{self.path}: not a capture folder ({error})") from error
        if len(text) > _MANIFEST_LIMIT_BYTES:
            raise SavevmError(f"{manifest}: larger than any manifest, more than {_MANIFEST_LIMIT_BYTES} bytes")
        return text

    @property
    def verdict(self) -> str:
        """What became of the migration, if it did not complete; empty if it did, or if nobody said."""
        if self.outcome in (None, CaptureOutcome.COMPLETED):
            return ""
        what = "failed" if self.outcome is CaptureOutcome.FAILED else f"was {self.outcome}"
        return printable(f"the migration {what}" + (f": {self.error}" if self.error else ""))

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

    def return_path(self) -> CaptureChannel | None:
        """What came back on the main channel, if it was recorded."""
        back = (each for each in self.channels if each.direction is Direction.RETURN and not each.number)
        return next(back, None)

    def events(self) -> Iterator[Event]:
        """The events in the order they were written; none if the capture has no event file.

        Raises:
            SavevmError: a line is no event, or longer than one is, or there are more than anybody could read.
            HostError: the file can't be read.
        """
        path = self.path / EVENTS
        if not os.path.lexists(path):
            return
        with open_file(path, within=self.path, follow=self.follow) as file:
            try:
                yield from read_events(_lines(file, path))
            except UnicodeDecodeError as error:
                raise SavevmError(f"{path}: not UTF-8 ({error.reason})") from error
            except OSError as error:
                raise HostError.of(path, error) from error


def _lines(file: BinaryIO, path: Path) -> Iterator[str]:
    """The lines of an event file, of bounded length and number."""
    for number in range(1, _EVENTS_LIMIT + 2):
        line = file.readline(_EVENT_LIMIT_BYTES + 1)
        if not line:
            return
        if len(line) > _EVENT_LIMIT_BYTES:
            raise SavevmError(f"{path}: line {number} is longer than {_EVENT_LIMIT_BYTES} bytes, as no event is")
        if number > _EVENTS_LIMIT:
            raise SavevmError(f"{path}: more than {_EVENTS_LIMIT} events")
        yield line.decode()


def refuse_link_out(path: Path, folder: Path) -> None:
    """Make sure that a file which somebody else has put into a folder is no link out of it.

    Args:
        path: the file.
        folder: the folder.

    Raises:
        SavevmError: it is one.
    """
    if Path(os.path.realpath(folder)) not in Path(os.path.realpath(path)).parents:
        raise SavevmError(f"{path}: a link out of its folder; not read without --follow")


def open_file(path: Path, *, within: Path | None, follow: bool = False) -> BinaryIO:
    """Open a file that somebody else has put there; a pipe or a device in its place is never waited for.

    Args:
        path: the file.
        within: the folder that a link must not lead out of; ``None`` if the user named the file.
        follow: a link may lead out of it.

    Raises:
        SavevmError: it is no regular file, or a link that is not to be followed.
        HostError: it can't be opened.
    """
    try:
        target = Path(os.path.realpath(path))
        if within is not None and not follow:
            refuse_link_out(path, within)
        file = open(path, "rb", opener=lambda _, flags: os.open(target, flags | os.O_NONBLOCK | os.O_NOFOLLOW))  # noqa: SIM115 - for others
    except OSError as error:
        raise HostError.of(path, error) from error
    except ValueError as error:  # a zero byte in its name, or what no name can have
        raise SavevmError(f"{path}: {error}") from error
    kind = stat.S_IFMT(os.fstat(file.fileno()).st_mode)
    if kind != stat.S_IFREG:
        file.close()
        raise SavevmError(f"{path}: {_KINDS.get(kind, 'no file')}, expected a regular file")
    return file


_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def _channel(folder: Path, entry: dict[str, Any], *, follow: bool) -> CaptureChannel:
    name = entry["file"]
    if not isinstance(name, str) or Path(name).name != name or name in {"", ".."} or "\0" in name:
        raise SavevmError(f"{folder / MANIFEST}: {str(name)[:80]!r} is not a file name within the folder")
    return CaptureChannel(
        number=int(entry["number"]),
        direction=Direction(entry["direction"]),
        path=folder / name,
        resumed=bool(entry.get("resumed", False)),
        within=folder,
        follow=follow,
    )

"""A migration of which QEMU's trace logs were kept, with its streams or without: files that lie side by side.

By their names they belong together: ``NAME.src.trace`` and ``NAME.dst.trace``, or one ``NAME.trace``; ``NAME.mig``
or ``NAME.chN.fwd`` and ``NAME.chN.rev``, what the connections carried; ``NAME-resumed.ch0.fwd``, the main channel
after a recovery. Each may be compressed.
"""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from heapq import merge
from itertools import count, islice
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

from ..container.capture_folder import CaptureChannel, Direction, refuse_link_out
from ..container.source import Source
from ..errors import NotFound, SavevmError
from ..reader.stream import Stream, open_stream
from ..rules.threads import Side
from ..stream.events import Event, EventKind, Origin
from .facts import Facts, scan_log
from .follow import Follower
from .lines import read_lines
from .match import StreamMatch

EVENTS_LIMIT: Final = 500_000
"""Events of one log; what it says beyond them is left out, and that is said."""

_PACKED: Final = r"(?P<packed>\.(?:gz|bz2|xz|zst))?"
_TRACE: Final = re.compile(rf"(?P<name>.+?)(?:\.(?P<side>src|dst))?\.trace{_PACKED}")
_LOGS: Final = ("qemu.log", "source.log", "destination.log")
_SIDES: Final = {"src": Side.SOURCE, "dst": Side.DESTINATION}
_CHANNELS_LIMIT: Final = 256
_RESUMED: Final = "-resumed"


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceCapture:
    """The files of one migration, found.

    Attributes:
        path: what was asked for.
        name: what the files have in common.
        logs: the trace logs, with the end that wrote each; ``None`` if its lines show it.
        channels: the files of bytes, numbered as :func:`~savevm_inspect.reader.stream.open_stream` numbers them;
            none if there is no stream.
        resumed: how many of the forward channels resumed the main one, which are the last.
    """

    path: Path
    name: str
    logs: tuple[tuple[Path, Side | None], ...]
    channels: tuple[CaptureChannel, ...] = ()
    resumed: int = 0

    @property
    def made_by(self) -> str:
        """Who recorded it."""
        return "QEMU's trace events"

    @classmethod
    def find(cls, path: Path, *, follow: bool = False) -> "TraceCapture":
        """Find the files that belong to a migration.

        Args:
            path: one of its logs, what their names begin with, or the folder that holds them and no others.
            follow: also take files that are links out of their folder.

        Raises:
            NotFound: there is no log of that name, or the folder holds those of several migrations.
            SavevmError: one of them is a link out of its folder.
        """
        found = cls._in_folder(path) if path.is_dir() else cls._named(path)
        if not follow:
            for each in (*(log for log, _ in found.logs), *(channel.path for channel in found.channels)):
                if each != path:  # which the user named
                    refuse_link_out(each, each.parent)
        return found

    @classmethod
    def _named(cls, path: Path) -> "TraceCapture":
        found = _TRACE.fullmatch(path.name)
        if found is None and path.exists():
            return cls(path=path, name=path.name, logs=((path, None),))
        name = path.name if found is None else found["name"]
        logs = _logs_of(path.parent, name)
        if not logs:
            raise NotFound(f"{path}: no such file, and no {name}.trace or {name}.src.trace beside it")
        return cls(path=path, name=name, logs=logs, **_streams_of(path.parent, name))

    @classmethod
    def _in_folder(cls, folder: Path) -> "TraceCapture":
        files = sorted(each.name for each in folder.iterdir() if each.is_file())
        names = sorted({found["name"] for each in files if (found := _TRACE.fullmatch(each))})
        if len(names) > 1:
            raise NotFound(f"{folder}: traces of {len(names)} migrations; name one, such as {folder / names[0]}")
        if names:
            return replace(cls._named(folder / names[0]), path=folder)
        logs = tuple((folder / each, None) for each in _LOGS if each in files)
        if not logs:
            raise NotFound(f"{folder}: not a capture folder, and it holds no trace logs")
        return cls(path=folder, name=folder.name, logs=logs)

    def forward(self) -> tuple[Path, ...]:
        """The files of the forward channels, the main one first, those that resumed it last."""
        return tuple(each.path for each in self.channels if each.direction is Direction.FORWARD)

    def return_path(self) -> Path | None:
        """The file of what came back on the main channel, if it was recorded."""
        return next((each.path for each in self.channels if each.direction is Direction.RETURN), None)

    def open(self, *, strict: bool = True) -> Stream | None:
        """Open its stream; ``None`` if it has none.

        Args:
            strict: as of :func:`~savevm_inspect.reader.stream.open_stream`.

        Raises:
            SavevmError: it can't be opened, or ``strict`` and it is not sound.
        """
        main, *others = self.forward() or (None,)
        if main is None:
            return None
        split = len(others) - self.resumed
        return open_stream(
            main, channels=others[:split], resumed=others[split:], return_path=self.return_path(), strict=strict
        )

    def events(
        self, stream: Stream | None = None, *, start_us: int | None = None, guest: bool = True
    ) -> Iterator[Event]:
        """What the logs report of both ends, in one order.

        Times count from the source's start if both logs are of one clock, else from each end's own.

        Args:
            stream: its stream, opened, to find the bytes that events speak of; without it they have none.
            start_us: when time begins, in microseconds since 1970, if the logs do not say.
            guest: whether to derive when the VM was stopped and started.

        Raises:
            SavevmError: a file can't be read, or holds no trace event of QEMU's.
        """
        with ExitStack() as files:
            buffers = [files.enter_context(Source(path)).buffer for path, _ in self.logs]
            looks = [_look(path, buffer, side) for (path, side), buffer in zip(self.logs, buffers, strict=True)]
            starts = _starts(looks) if start_us is None else [start_us] * len(looks)
            events = [
                _events_of_log(buffer, facts, start, stream, guest=guest)
                for buffer, facts, start in zip(buffers, looks, starts, strict=True)
            ]
            for seq, event in zip(count(), merge(*events, key=attrgetter("time_us")), strict=False):
                yield replace(event, seq=seq)

    def facts(self) -> tuple[Facts, ...]:
        """What a first look at each log finds, without its events."""
        found = []
        for path, side in self.logs:
            with Source(path) as source:
                found.append(_look(path, source.buffer, side))
        return tuple(found)


def _logs_of(folder: Path, name: str) -> tuple[tuple[Path, Side | None], ...]:
    parts = ((f"{name}.src.trace", Side.SOURCE), (f"{name}.dst.trace", Side.DESTINATION), (f"{name}.trace", None))
    return tuple((found, side) for part, side in parts if (found := _beside(folder, part)) is not None)


def _streams_of(folder: Path, name: str) -> dict[str, Any]:
    main = _beside(folder, f"{name}.ch0.fwd") or _beside(folder, f"{name}.mig")
    if main is None:
        return {}
    forward = [main, *_numbered(folder, name)]
    resumed = _beside(folder, f"{name}{_RESUMED}.ch0.fwd")
    forward += [resumed] if resumed is not None else []
    channels = [
        CaptureChannel(number=number, direction=Direction.FORWARD, path=path) for number, path in enumerate(forward)
    ]
    back = _beside(folder, f"{name}.ch0.rev")
    if back is not None:
        channels.append(CaptureChannel(number=0, direction=Direction.RETURN, path=back))
    return {"channels": tuple(channels), "resumed": int(resumed is not None)}


def _numbered(folder: Path, name: str) -> Iterator[Path]:
    for number in range(1, _CHANNELS_LIMIT):
        path = _beside(folder, f"{name}.ch{number}.fwd")
        if path is None:
            return
        yield path


def _beside(folder: Path, name: str) -> Path | None:
    """A file of a folder, also if it is compressed; a name that is no file's name finds none."""
    for suffix in ("", ".xz", ".gz", ".zst", ".bz2"):
        path = folder / f"{name}{suffix}"
        if path.is_file():
            return path
    return None


def _look(path: Path, buffer: memoryview, side: Side | None) -> Facts:
    facts = scan_log(read_lines(buffer), side)
    if not facts.understood:
        raise SavevmError(f"{path}: holds no trace event of QEMU's of a migration")
    return facts


def _starts(looks: list[Facts]) -> list[int | None]:
    """For each log, when time begins; logs whose times overlap are of one clock."""
    source = next((each for each in looks if each.side is Side.SOURCE and each.start_us is not None), None)
    return [source.start_us if source is not None and _overlap(source, each) else each.start_us for each in looks]


def _overlap(one: Facts, two: Facts) -> bool:
    if one.start_us is None or one.last_us is None or two.start_us is None or two.last_us is None:
        return False
    return one.start_us <= two.last_us and two.start_us <= one.last_us


def _events_of_log(
    buffer: memoryview, facts: Facts, start_us: int | None, stream: Stream | None, *, guest: bool
) -> Iterator[Event]:
    events = Follower(facts, start_us, guest=guest).follow(read_lines(buffer))
    match = StreamMatch(stream, facts.side) if stream is not None else None
    if match is not None:
        events = match.annotate(events)
    last: Event | None = None
    for last in islice(events, EVENTS_LIMIT):
        yield last
    if last is None:
        return
    if next(events, None) is not None:
        yield _note(last, "cut", f"only the first {EVENTS_LIMIT} events are kept")
    for problem in match.problems if match is not None else ():
        yield _note(last, "unmatched", problem)


def _note(last: Event, name: str, text: str) -> Event:
    return Event(
        seq=0,
        time_us=last.time_us,
        side=last.side,
        event=EventKind.LOG,
        origin=Origin.TRACE,
        observed=False,
        name=name,
        upstream=text,
    )

"""Whatever holds the events of a migration, opened: a capture folder, trace logs, or a stream alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path

from ..container.capture_folder import EVENTS, MANIFEST, CaptureChannel, CaptureFolder, Direction
from ..container.source import Source
from ..errors import HostError, NotFound, SavevmError
from ..reader.stream import Stream, open_stream
from ..stream.events import Event
from ..wire import QEMU_VM_FILE_MAGIC
from .capture import TraceCapture
from .from_stream import stream_events


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A migration with events.

    Attributes:
        path: what was opened.
        name: what to call it.
        made_by: who recorded it.
        channels: its files of bytes; none if it has none.
        origin: what it was opened as.
        folder: the capture folder that it is, if it is one.
    """

    path: Path
    name: str
    made_by: str
    channels: tuple[CaptureChannel, ...]
    origin: CaptureFolder | TraceCapture | None
    folder: CaptureFolder | None = None

    @classmethod
    def open(cls, source: str | PathLike[str], *, follow: bool = False) -> "Recorded":
        """Find out what a path is.

        Args:
            source: a capture folder; a trace log, or what the names of several begin with; a folder with the
                logs of one migration; or a stream in any container, which says the least.
            follow: also read files that are links out of their folder, of a folder that is named here.

        Raises:
            SavevmError: it is none of these.
            HostError: it can't be looked at.
        """
        try:
            if isinstance(source, CaptureFolder):
                return cls._of_folder(source)
            return cls._of_path(Path(source), follow=follow)
        except OSError as error:
            raise HostError.of(fspath(source), error) from error
        except ValueError as error:  # a zero byte in a name
            raise SavevmError(f"{fspath(source)}: {error}") from error

    @classmethod
    def _of_path(cls, path: Path, *, follow: bool) -> "Recorded":
        if (path / MANIFEST).exists():
            return cls._of_folder(CaptureFolder(path, follow=follow))
        if path.is_file() and _is_stream(path):
            channel = CaptureChannel(number=0, direction=Direction.FORWARD, path=path)
            return cls(path=path, name=path.name, made_by="QEMU", channels=(channel,), origin=None)
        return cls._of_traces(TraceCapture.find(path, follow=follow))

    @classmethod
    def _of_folder(cls, folder: CaptureFolder) -> "Recorded":
        origin: CaptureFolder | TraceCapture = folder
        events = folder.path / EVENTS
        if not events.exists() or not events.stat().st_size:
            try:
                origin = TraceCapture.find(folder.path, follow=folder.follow)
            except NotFound:
                origin = folder  # it has no logs either: a capture without events, as which it is opened
        return cls(
            path=folder.path,
            name=folder.path.name,
            made_by=folder.made_by,
            channels=folder.channels,
            origin=origin,
            folder=folder,
        )

    @classmethod
    def _of_traces(cls, traces: TraceCapture) -> "Recorded":
        return cls(
            path=traces.path, name=traces.name, made_by=traces.made_by, channels=traces.channels, origin=traces
        )

    def open_stream(self, *, strict: bool = True) -> Stream | None:
        """Open its stream; ``None`` if it has none.

        Raises:
            SavevmError: it can't be opened, or ``strict`` and it is not sound.
        """
        if isinstance(self.origin, TraceCapture) and self.origin.channels:
            return self.origin.open(strict=strict)
        return open_stream(self.folder or self.path, strict=strict) if self._forward else None

    @property
    def _forward(self) -> list[CaptureChannel]:
        return [each for each in self.channels if each.direction is Direction.FORWARD]

    def events(self, stream: Stream | None = None) -> Iterator[Event]:
        """Its events, in their order.

        Args:
            stream: its stream, opened, in which the bytes are that a trace's events speak of.

        Raises:
            SavevmError: a line is no event, or a log no log of QEMU's.
        """
        if isinstance(self.origin, TraceCapture):
            return self.origin.events(stream)
        if isinstance(self.origin, CaptureFolder):
            return self.origin.events()
        return stream_events(stream) if stream is not None else iter(())


def _is_stream(path: Path) -> bool:
    with Source(path, strict=False) as source:
        magic = bytes(source.buffer[source.offset : source.offset + 4])
        return magic == QEMU_VM_FILE_MAGIC.to_bytes(4) or source.container in _IMAGES


_IMAGES = frozenset(("libvirt", "qcow2"))

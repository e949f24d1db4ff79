"""Writing a capture folder, so that nothing that was recorded before is lost, and nothing that was recorded now.

The folder is written as a draft beside the place where it belongs, ``.NAME.recording``, and takes its name when it is
whole. The draft's name is the lock: whoever makes the folder records, and everybody else says so; a draft that a
killed recorder left behind is recognised by its lock file, which nobody holds any more.
"""

import fcntl
import json
import os
import shutil
from contextlib import ExitStack, suppress
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import IO, BinaryIO, Self

from ..errors import HostError, SavevmError
from ..stream.events import Event
from .capture_folder import EVENTS, FORMAT, LOCK, MANIFEST, VERSION, CaptureFolder, CaptureOutcome, Direction
from .put_in_place import put_in_place


class CaptureWriter:
    """Writes a capture folder; use it in a ``with`` block, at whose end the folder appears.

    If the block fails, the folder appears all the same once a byte of a channel was written: a migration that does
    not complete is what people record for. Its outcome is then ``interrupted`` after Ctrl-C and the like, else
    ``failed``, and it never takes the place of an earlier capture: it appears as ``NAME.failed`` beside that.

    Args:
        path: the folder to make; it must not exist, or be empty, or an earlier capture that holds nothing but its own
            files, which is replaced.
        made_by: who records.
        force: replace a capture with whatever else lies in its folder.
        discard: keep nothing if the block fails.

    Attributes:
        path: the folder to make; afterwards the folder that was made.
        outcome: what became of the migration, to be set by whoever knows.
        error: why it did not complete.

    Raises:
        SavevmError: something else lies at ``path``, or another recorder writes there.
    """

    def __init__(
        self, path: str | PathLike[str], *, made_by: str, force: bool = False, discard: bool = False
    ) -> None:
        self.path = _target(Path(path))
        self.outcome = CaptureOutcome.COMPLETED
        self.error = ""
        self._force = force
        self._discard = discard
        self._published = False
        self._made_by = made_by
        self._channels: list[dict[str, object]] = []
        self._files = ExitStack()
        self.folder = self.path.with_name(f".{self.path.name}.recording")
        """The folder under its temporary name; put files beside the stream here."""
        self._lock = _make_draft(self.folder, self.path)
        try:
            self._refuse_others()  # while the draft is ours, nobody else puts a folder there
        except BaseException:
            _remove_draft(self.folder)
            self._lock.close()
            raise
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
            if error is None or (not self._discard and self._received()):
                if error is not None and self.outcome is CaptureOutcome.COMPLETED:
                    self.outcome = (
                        CaptureOutcome.FAILED if isinstance(error, Exception) else CaptureOutcome.INTERRUPTED
                    )
                    self.error = self.error or str(error)
                if error is not None and self.path.exists() and any(self.path.iterdir()):
                    self.path = self.path.with_name(f"{self.path.name}.{self.outcome}")
                self._publish()
                if error is not None:
                    error.add_note(f"what was recorded until then is in {self.path}")
        finally:
            if not self._published:
                _remove_draft(self.folder)
            self._lock.close()
        if self.folder.exists():
            self._sweep_replaced()

    def _received(self) -> bool:
        """Whether a byte of any channel has come."""
        sizes = ((self.folder / str(each["file"])) for each in self._channels)
        return any(path.exists() and path.stat().st_size for path in sizes)

    def _publish(self) -> None:
        """Write the manifest, and put the folder in its place; what lay there goes last."""
        names = sorted(each.name for each in self.folder.iterdir() if each.name != LOCK)
        manifest = {
            "format": FORMAT,
            "version": VERSION,
            "made_by": self._made_by,
            "outcome": self.outcome.value,
            **({"error": self.error} if self.error else {}),
            "channels": self._channels,
            "files": names,
        }
        (self.folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
        self._refuse_others()
        put_in_place(self.folder, self.path)
        self._published = True
        # Only now: until here it kept others out of the draft. The next recorder may have replaced it already.
        (self.path / LOCK).unlink(missing_ok=True)

    def _sweep_replaced(self) -> None:
        """Take away the earlier capture, which has the draft's name now."""
        with suppress(SavevmError, OSError):  # the next recorder has its draft there, and sweeps it
            lock = _make_draft(self.folder, self.path)
            _remove_draft(self.folder)
            lock.close()

    def _refuse_others(self) -> None:
        """Make sure that only what an earlier recording wrote would be replaced."""
        path = self.path
        if not path.exists():
            return
        if not path.is_dir() or ((found := {each.name for each in path.iterdir()}) and MANIFEST not in found):
            raise SavevmError(f"{path}: exists and is no capture; not overwritten")
        if found and not self._force:
            others = sorted(found - CaptureFolder(path).files)
            if others:
                raise SavevmError(
                    f"{path}: holds {others[0]!r}, which is no part of the capture there; not overwritten "
                    "without --force"
                )


def _target(path: Path) -> Path:
    """Where the folder of a name is to be, links followed; the folder that it is to lie in is made.

    Raises:
        SavevmError: it can be no folder's name.
        HostError: the folder that it is to lie in can't be made.
    """
    try:
        target = Path(os.path.realpath(path)) if path.is_symlink() else path
        if not target.name:
            raise SavevmError(f"{path}: is no name of a folder to make")
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HostError.of(path, error) from error
    except ValueError as error:  # a zero byte in its name
        raise SavevmError(f"{path}: {error}") from error
    return target


def _make_draft(folder: Path, path: Path) -> IO[bytes]:
    """Make the draft's folder with its lock, which is held until the file that is returned is closed.

    Raises:
        SavevmError: another recorder has it.
    """
    taken = SavevmError(f"{path}: another recorder writes there now")
    try:
        with suppress(FileExistsError):  # exist_ok would look once more, and raise if it has gone meanwhile
            folder.mkdir()
        lock = (folder / LOCK).open("wb")
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        ours = os.path.samestat(os.fstat(lock.fileno()), (folder / LOCK).stat())
    except (BlockingIOError, FileNotFoundError) as error:  # it records, or has just put its folder in place
        raise taken from error
    except OSError as error:
        raise HostError.of(path, error) from error
    if not ours:
        raise taken
    _empty_draft(folder)  # of what a killed recorder left, or of the capture that was replaced
    return lock


def _empty_draft(folder: Path) -> None:
    """Take away all but the lock, which is ours."""
    for left in folder.iterdir():
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left)
        elif left.name != LOCK:
            left.unlink()


def _remove_draft(folder: Path) -> None:
    """Take away a draft that is ours, the lock last: without it, the next recorder writes files of the same names."""
    with suppress(OSError):
        _empty_draft(folder)
        shutil.rmtree(folder, ignore_errors=True)

"""Opening where a stream lives, whatever that is, as one read-only view of the stream's bytes.

One table says which container starts with which bytes. Bytes that lie in one piece are mapped where they are;
what is compressed, scattered or comes through a pipe is spooled to an unnamed temporary file first, so that memory
stays bounded. A container within a compressed file is opened too; what lies deeper is left as it is.
"""

import io
import os
import stat
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from importlib import import_module
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Final, Self

from ..errors import HostError, SavevmError
from .held_inputs import hold, release
from .input_file import InputFile
from .magic import PACKED_AS, QCOW_MAGIC, QEMU_SAVE_MAGIC, QEMU_SAVE_PARTIAL, XEMU_MAGIC
from .opened import Fact, Opened, Opener, Request
from .spool import STEP_BYTES, Spool

if TYPE_CHECKING:
    from .capture_folder import CaptureFolder

SourceLike = str | PathLike[str] | bytes | bytearray | memoryview | IO[bytes]

STANDARD_INPUT: Final = "-"

_OPENERS: Final = (
    dict.fromkeys(PACKED_AS, "compression:unpack_whole"),
    {
        QEMU_SAVE_MAGIC: "libvirt:open_libvirt",
        QEMU_SAVE_PARTIAL: "libvirt:open_libvirt",
        QCOW_MAGIC: "qcow2:open_qcow2",
    },
    {XEMU_MAGIC: "xemu:skip_xemu"},
)
"""First bytes -> the module and the name of what opens a file that starts with them; what is packed first."""


class Source:
    """The bytes of one channel.

    Args:
        source: path of a file, of a capture folder, of a named pipe or a device; ``-`` for standard input; a file
            object, read from where it stands, and left open; or bytes.
        snapshot: name or id of an internal snapshot, for a qcow2 image.
        strict: whether to raise if only a part of a damaged container can be read, or to note it in
            :attr:`problems`.
        mapped: map a large file instead of copying it; see :mod:`.input_file`.

    Attributes:
        container: ``raw``, ``gzip``, ``bzip2``, ``xz``, ``zstd``, ``lzop``, ``libvirt``, ``qcow2``, ``capture``,
            ``memory`` or ``pipe`` (also a file object).
        name: what it was opened from, for messages.
        buffer: the bytes in which offsets count: those of the stream, and for a raw file and a sparse libvirt
            image all of the file.
        offset: where in the buffer the stream starts, in bytes.
        facts: what the container says of itself, JSON-ready.
        documents: texts in it beside the stream, by name: libvirt's ``domain`` and ``cookie``, as written.
        notes: what one should know of it that is no mistake.
        problems: why only a part of it could be read; empty if ``strict``.
        capture: the capture folder that it came from, if it did.

    Raises:
        SavevmError: it can't be opened.
    """

    def __init__(
        self, source: SourceLike, *, snapshot: str | None = None, strict: bool = True, mapped: bool = False
    ) -> None:
        self._resources = ExitStack()
        self._mapped = mapped
        self._input: InputFile | None = None
        self.capture: CaptureFolder | None = None
        self.name = _name(source)
        try:
            opened = self._open_images(self._open(source), snapshot)
            if strict and opened.problems:
                raise opened.problems[0]
        except OSError as error:
            self.close()
            raise HostError.of(self.name, error) from error
        except ValueError as error:  # a path with a zero byte
            self.close()
            raise SavevmError(f"{self.name}: {error}") from error
        except BaseException:
            self.close()
            raise
        self.container = opened.container
        self.buffer = opened.buffer
        self.offset = opened.offset
        self.facts: Mapping[str, Fact] = opened.facts
        self.documents: Mapping[str, str] = opened.documents
        self.notes = opened.notes
        self.problems = opened.problems

    def _open(self, source: SourceLike) -> Opened:
        if isinstance(source, bytes | bytearray | memoryview):
            view = memoryview(source)
            view = view if view.c_contiguous else memoryview(view.tobytes())
            return Opened(container="memory", buffer=view.cast("B").toreadonly())
        if not isinstance(source, str | PathLike):
            return self._open_file(source)
        if os.fspath(source) == STANDARD_INPUT:
            return self._open_file(_standard_input())
        path = Path(source)
        if path.is_dir():
            # Late, because it is needed for folders alone.
            from .capture_folder import CaptureFolder  # noqa: PLC0415

            self.capture = source if isinstance(source, CaptureFolder) else CaptureFolder(path)
            channels = self.capture.connected()
            if not channels:
                raise SavevmError(f"{path}: nothing was sent; `savevm-inspect events` shows what happened")
            main = self._resources.enter_context(channels[0].open())
            return Opened(container="capture", buffer=self._read_file(main))
        return self._open_file(self._resources.enter_context(path.open("rb")))

    def _open_file(self, file: IO[bytes]) -> Opened:
        """Map what can be mapped; spool a pipe, a socket and a device."""
        descriptor = _descriptor(file)
        if descriptor is not None:
            hold(self, descriptor, self.name)
        if isinstance(file, _BARE) and _is_regular(descriptor) and not file.tell():
            return Opened(container="raw", buffer=self._read_file(file))
        spool = Spool(self._resources, packed_bytes=None)
        while step := file.read(STEP_BYTES):
            if not isinstance(step, bytes):
                raise SavevmError(f"{self.name}: must be open for bytes, not for text")
            spool.write(step)
        return Opened(container="pipe", buffer=spool.view())

    def _read_file(self, file: IO[bytes]) -> memoryview:
        """The bytes of a regular file. An image of a disk is mapped: mostly, little of it is read."""
        image = os.pread(file.fileno(), len(QCOW_MAGIC), 0) == QCOW_MAGIC
        self._input = InputFile(file, self.name, self._resources, mapped=self._mapped or image)
        return self._input.view

    def check_length(self) -> None:
        """See that the file that is read is as long as it was; see :meth:`.InputFile.check_length`."""
        if self._input is not None:
            self._input.check_length()

    def _open_images(self, opened: Opened, snapshot: str | None) -> Opened:
        if opened.container != "capture":
            for table in _OPENERS:
                name = next((table[magic] for magic in table if _starts_with(opened.buffer, magic)), None)
                if name is not None:
                    module, _, function = name.partition(":")
                    opener: Opener = getattr(import_module(f".{module}", __package__), function)
                    opened = self._open_within(opened, opener, snapshot)
        if snapshot is not None and opened.container != "qcow2":
            raise SavevmError(f"{self.name}: a snapshot is asked for, and this is no qcow2 image")
        return opened

    def _open_within(self, outer: Opened, opener: Opener, snapshot: str | None) -> Opened:
        inner = opener(Request(view=outer.buffer, snapshot=snapshot, resources=self._resources))
        facts: Mapping[str, Fact]
        if not inner.container:
            facts = {**outer.facts, **inner.facts}
        elif outer.container in PACKED_AS.values():
            facts = {**inner.facts, "within": outer.container}
        else:
            facts = inner.facts
        return Opened(
            container=inner.container or outer.container,
            buffer=inner.buffer,
            offset=inner.offset,
            facts=facts,
            documents=inner.documents,
            notes=(*outer.notes, *inner.notes),
            problems=(*outer.problems, *inner.problems),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give back the mapping and the files; views that are still held keep the mapping alive."""
        release(self)
        self._resources.close()


def _name(source: SourceLike) -> str:
    if isinstance(source, bytes | bytearray | memoryview):
        return f"{memoryview(source).nbytes} bytes"
    if not isinstance(source, str | PathLike):
        return str(getattr(source, "name", type(source).__name__))
    name = os.fspath(source)
    return "standard input" if name == STANDARD_INPUT else name


def _standard_input() -> IO[bytes]:
    stdin = sys.stdin
    if stdin is None or stdin.isatty():
        raise SavevmError("standard input is no pipe; name a file, or redirect one")
    return stdin.buffer


_BARE: Final = (io.FileIO, io.BufferedReader, io.BufferedRandom)
"""Files whose bytes are those of their descriptor; one that unpacks may have a descriptor of what is packed."""


def _descriptor(file: IO[bytes]) -> int | None:
    """The descriptor of a file; ``None`` for an object that has none."""
    try:
        return file.fileno()
    except (AttributeError, OSError, ValueError):
        return None


def _is_regular(descriptor: int | None) -> bool:
    return descriptor is not None and stat.S_ISREG(os.fstat(descriptor).st_mode)


def _starts_with(buffer: memoryview, magic: bytes) -> bool:
    return bytes(buffer[: len(magic)]) == magic

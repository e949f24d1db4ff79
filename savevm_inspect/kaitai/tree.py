"""The Kaitai tree of each channel of a stream."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from types import TracebackType
from typing import Any, Self

from kaitaistruct import EndOfStreamError, KaitaiStruct

from .._ksy.compiled.qemu_migration_envelope import QemuMigrationEnvelope
from .._ksy.compiled.qemu_migration_multifd import QemuMigrationMultifd
from .._ksy.compiled.qemu_migration_postcopy_preempt import QemuMigrationPostcopyPreempt
from .._ksy.compiled.qemu_migration_resumed import QemuMigrationResumed
from .._ksy.compiled.qemu_migration_return_path import QemuMigrationReturnPath
from .._ksy.device_lengths import find_description
from .._ksy.devices import Devices, described
from ..container.source import SourceLike
from ..errors import SavevmError, listed
from ..reader.inputs import Inputs
from ..reader.stream import Stream, open_stream
from ..stream.cursor import Cursor
from ..stream.records import Section
from ..wire import MULTIFD_MAGIC
from .buffer_stream import BufferStream
from .invariants import check_invariants
from .refusal import REFUSALS, refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelTree:
    """One channel as Kaitai read it.

    Attributes:
        number: the channel's, as in spans; the return path has that of the main channel.
        kind: ``main``, ``resumed``, ``multifd``, ``preempt`` or ``return``.
        tree: an object of the compiled class of that kind; where the channel is broken, as far as it was read.
        io: what it was read from.
    """

    number: int
    kind: str
    tree: KaitaiStruct
    io: BufferStream


_FORMATS: dict[str, Any] = {
    "resumed": QemuMigrationResumed,
    "multifd": QemuMigrationMultifd,
    "preempt": QemuMigrationPostcopyPreempt,
    "return": QemuMigrationReturnPath,
}
"""What reads each kind of channel beside the main one."""


class StreamTree(QemuMigrationEnvelope):
    """The tree of a stream's main channel (``formats/qemu_migration_envelope.ksy``), and beside it the others.

    It is a context manager that lets go of the bytes: what Kaitai reads late, such as pages, needs them.

    Args:
        stream: an open stream.
        page_size: of a target page in bytes, where the stream does not state it.
        strict: raise at the first inconsistency, or note it in :attr:`problems`.
        stream_class: what reads a channel's bytes.

    Attributes:
        channels: the tree of each channel, the main one first.
        problems: what Kaitai refused; empty if ``strict``.
    """

    def __init__(
        self,
        stream: Stream,
        *,
        page_size: int,
        strict: bool = True,
        stream_class: type[BufferStream] = BufferStream,
    ) -> None:
        self._strict = strict
        self._opened = ExitStack()
        self.problems: list[SavevmError] = []
        self._page_size = page_size
        self._stream_class = stream_class
        main = stream_class(stream.buffer, position=stream.offset)
        main.devices = self._known_devices(stream)
        self.channels: list[ChannelTree] = [ChannelTree(number=0, kind="main", tree=self, io=main)]
        resumed = bool(stream.inputs.resumed_cursors())
        read: Callable[..., object] = super().__init__
        self._run(main, partial(read, page_size, main), may_break=resumed)
        for error in check_invariants(getattr(self, "records", ())):
            self._report(error)
        self._read_others(stream.inputs)

    def _known_devices(self, stream: Stream) -> Devices:
        """The stream's own description, read once more; what it lacks is taken from our reading."""
        text = find_description(BufferStream(stream.buffer))
        own = Devices()
        if text is not None:
            try:
                own = described(text)
            except SavevmError as error:
                self._report(error)
        ends = {
            record.payload.offset: record.payload.end
            for record in stream.records
            if isinstance(record, Section) and not record.span.channel
        }
        return replace(own, schema=own.schema or stream.description, ends=ends)

    def _read_others(self, inputs: Inputs) -> None:
        """Read the channels beside the main one, each by the format of its kind."""
        resumed = inputs.resumed_cursors()
        for cursor in resumed:
            started = self._section_ids()
            ram = started.get("ram", 0)
            arguments = (self._page_size, ram, started.get("dirty-bitmap", ram))
            self._read_channel("resumed", cursor, arguments, may_break=cursor is not resumed[-1])
        for cursor in inputs.further_cursors():
            kind = "multifd" if bytes(cursor.peek(4)) == MULTIFD_MAGIC.to_bytes(4) else "preempt"
            self._read_channel(kind, cursor, (self._page_size,))
        back = inputs.return_path_cursor()
        if back is not None:
            self._read_channel("return", back, ())

    def _section_ids(self) -> dict[str, int]:
        """Which number each device's START section bound to it."""
        return {
            record.body.name.idstr: record.body.name.section_id
            for record in getattr(self, "records", ())
            if record.record_type is self.RecordType.section_start
        }

    def _read_channel(
        self, kind: str, cursor: Cursor, arguments: tuple[int, ...], *, may_break: bool = False
    ) -> None:
        io = self._stream_class(cursor.buffer, position=cursor.pos, channel=cursor.channel)
        compiled = _FORMATS[kind]
        tree = compiled.__new__(compiled)
        self.channels.append(ChannelTree(number=cursor.channel, kind=kind, tree=tree, io=io))
        self._run(io, partial(tree.__init__, *arguments, io), may_break=may_break)

    def _run(self, io: BufferStream, read: Callable[[], object], *, may_break: bool = False) -> None:
        """Let a compiled class read; what it has read stays where it breaks."""
        try:
            read()
        except REFUSALS as error:
            if not (may_break and isinstance(error, EndOfStreamError)):
                self._report(refusal(error, io), error)

    def _report(self, error: SavevmError, cause: Exception | None = None) -> None:
        if self._strict:
            raise error from cause
        self.problems.append(error)

    def own(self, stream: Stream) -> None:
        """Close a stream together with the tree."""
        self._opened.callback(stream.close)

    def __repr__(self) -> str:
        return f"<StreamTree: {listed(f'channel {each.number} ({each.kind})' for each in self.channels)}>"

    def close(self) -> None:
        """Let go of the bytes."""
        for channel in self.channels:
            channel.io.close()
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def parse(source: Stream | SourceLike, *, page_size: int = 0, strict: bool = True, **options: Any) -> StreamTree:
    """Read a stream with the modules that ``formats/*.ksy`` compile to.

    Every record becomes Python objects, some 300 bytes of them for each RAM record; pages stay where they are.

    Args:
        source: a stream that :func:`open_stream` opened, or whatever it opens: a file in any container, a capture
            folder, or bytes.
        page_size: of a target page in bytes, for a stream that does not state it: not in its configuration, in a
            command or in a description. 0 for the one that our reader finds.
        strict: raise at the first inconsistency. Otherwise the tree holds what could be read, and
            :attr:`StreamTree.problems` what is wrong.
        options: what else :func:`open_stream` takes, such as ``channels`` and ``schema``, if it has to open it.

    Returns:
        The tree of the main channel, with those of the other channels in :attr:`StreamTree.channels`. It is a
        context manager.

    Raises:
        BadMagic: it does not open as a stream does.
        Truncated: it ends early.
        BadPayload: something is not what the format allows.
        Unsupported: the length of a device is unknown.
        SchemaError: the description is not what it must be.
        SavevmError: the source can't be opened.
    """
    if isinstance(source, Stream):
        return StreamTree(source, page_size=page_size or source.page_size, strict=strict)
    stream = open_stream(source, strict=False, **options)
    try:
        tree = StreamTree(stream, page_size=page_size or stream.page_size, strict=strict)
    except BaseException:
        stream.close()
        raise
    tree.own(stream)
    return tree

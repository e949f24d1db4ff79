"""Commands: which there are, how long their arguments are and what they mean."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from ..errors import BadPayload, UnknownRecord
from ..span import Span
from ..wire import MIG_CMD_LENGTH, QEMU_VM_PING_PACKAGED_LOADED, MigCmd
from .cursor import Cursor
from .field_reader import FieldReader, read_argument
from .records import Command
from .values import FieldValue

_DISCARD_VERSION = 0
_RANGE_BYTES = 16
_PINGS = {
    1: "the return path is open",
    2: "postcopy begins",
    3: "within the package, before postcopy runs",
    4: "after the package",
    QEMU_VM_PING_PACKAGED_LOADED: "the package is loaded",
}


def read_command(cursor: Cursor, start: int) -> Command:
    """Read a command after its type byte (migration/savevm.c, loadvm_process_command).

    Args:
        cursor: stands after the type byte.
        start: buffer offset of the type byte.

    Raises:
        Truncated: it ends early.
        UnknownRecord: no such command.
        BadPayload: its argument has another length than its command prescribes.
    """
    offset = cursor.offset
    number = cursor.be16("a command's number")
    length = cursor.be16("a command's length")
    try:
        command = MigCmd(number)
    except ValueError:
        command = MigCmd.MIG_CMD_INVALID
    if command is MigCmd.MIG_CMD_INVALID:
        raise UnknownRecord(f"command {number}, expected 1 to {max(MigCmd)}", offset=offset)
    expected = MIG_CMD_LENGTH.get(command, length)
    if length != expected:
        raise BadPayload(f"{command.name} of {length} bytes, expected {expected}", offset=offset)
    begin = cursor.offset
    cursor.require(length, f"the argument of {command.name}")
    return Command(
        span=cursor.span_from(start),
        command=command,
        argument=Span(channel=cursor.channel, offset=begin, length=length),
    )


def command_fields(cursor: Cursor, command: Command) -> Iterator[FieldValue]:
    """Read what a command's argument says (migration/savevm.c, loadvm_process_command).

    Args:
        cursor: any on the channel of the command; it is not moved.
        command: one that was read before.

    Yields:
        The fields of the argument in stream order; they own all of its bytes. None for a command without one.

    Raises:
        Truncated: the channel ends within the argument.
        BadPayload: the argument contradicts its command.
    """
    inside = Cursor(
        cursor.buffer, pos=command.argument.offset - cursor.base, channel=cursor.channel, base=cursor.base
    )
    read = _ARGUMENTS.get(command.command, _read_nothing)
    yield from read_argument(inside, command.argument.length, f"the argument of {command.command.name}", read)


def describe_ping(value: int) -> str:
    """What the number of a ping stands for in QEMU's own use; a pong repeats it (migration/migration.c)."""
    return _PINGS.get(value, "")


def _read_nothing(_reader: FieldReader) -> Iterator[FieldValue]:
    return iter(())


def _read_ping(reader: FieldReader) -> Iterator[FieldValue]:
    field, value = reader.be32("value")
    yield replace(field, meaning=describe_ping(value))


def _read_advise(reader: FieldReader) -> Iterator[FieldValue]:
    """Read two page sizes, or nothing if only dirty bitmaps may follow late (loadvm_postcopy_handle_advise)."""
    if not reader.cursor.remaining:
        return
    offset = reader.cursor.offset
    field, sizes = reader.be64("pagesize_summary")
    yield field
    if not sizes:
        raise BadPayload("advice of no host page size", offset=offset)
    offset = reader.cursor.offset
    field, size = reader.be64("target_page_size")
    yield field
    if not size or size & (size - 1):
        raise BadPayload(f"advice of pages of {size} bytes", offset=offset)


def _read_discard(reader: FieldReader) -> Iterator[FieldValue]:
    """Read which ranges of a block the destination must forget (loadvm_postcopy_ram_handle_discard)."""
    offset = reader.cursor.offset
    field, version = reader.u8("version")
    yield field
    if version != _DISCARD_VERSION:
        raise BadPayload(f"discard of version {version}, expected {_DISCARD_VERSION}", offset=offset)
    yield from _read_block(reader)
    offset = reader.cursor.offset
    field, terminator = reader.u8("terminator")
    yield field
    if terminator:
        raise BadPayload(f"byte {terminator:#04x} after the block's name, expected 0", offset=offset)
    if not reader.cursor.remaining or reader.cursor.remaining % _RANGE_BYTES:
        raise BadPayload(
            f"ranges in {reader.cursor.remaining} bytes, each is {_RANGE_BYTES}", offset=reader.cursor.offset
        )
    for number in range(reader.cursor.remaining // _RANGE_BYTES):
        offset = reader.cursor.offset
        field, start = reader.be64(f"range[{number}]", "start")
        yield field
        field, length = reader.be64(f"range[{number}]", "length")
        yield field
        if start + length >= 1 << 64:
            raise BadPayload(f"range of {length} bytes at {start:#x}", offset=offset)


def _read_block(reader: FieldReader) -> Iterator[FieldValue]:
    offset = reader.cursor.offset
    field, name = reader.counted_text("block")
    yield field
    if not name:
        raise BadPayload("a RAM block without a name", offset=offset)


def _read_package(reader: FieldReader) -> Iterator[FieldValue]:
    field, _ = reader.be32("length")
    yield field


_ARGUMENTS: dict[MigCmd, Callable[[FieldReader], Iterator[FieldValue]]] = {
    MigCmd.MIG_CMD_PING: _read_ping,
    MigCmd.MIG_CMD_POSTCOPY_ADVISE: _read_advise,
    MigCmd.MIG_CMD_POSTCOPY_RAM_DISCARD: _read_discard,
    MigCmd.MIG_CMD_PACKAGED: _read_package,
    MigCmd.MIG_CMD_RECV_BITMAP: _read_block,
}
"""What reads the argument of each command that has one."""

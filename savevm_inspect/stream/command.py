"""Commands: which there are, how long their arguments are and what they mean."""

from ..errors import BadPayload, UnknownRecord
from ..span import Span
from ..wire import MIG_CMD_LENGTH, MigCmd
from .cursor import Cursor
from .records import Command


def read_command(cursor: Cursor, start: int) -> Command:
    """Read a command behind its type byte (migration/savevm.c, loadvm_process_command).

    Args:
        cursor: stands behind the type byte.
        start: buffer offset of the type byte.

    Raises:
        Truncated: it ends early.
        UnknownRecord: no such command.
        BadPayload: its argument has another length than its command prescribes.
    """
    place = cursor.place
    number = cursor.be16("a command's number")
    length = cursor.be16("a command's length")
    try:
        command = MigCmd(number)
    except ValueError:
        command = MigCmd.MIG_CMD_INVALID
    if command is MigCmd.MIG_CMD_INVALID:
        raise UnknownRecord(f"command {number}, expected 1 to {max(MigCmd)}", offset=place)
    expected = MIG_CMD_LENGTH.get(command, length)
    if length != expected:
        raise BadPayload(f"{command.name} of {length} bytes, expected {expected}", offset=place)
    begin = cursor.place
    cursor.require(length, f"the argument of {command.name}")
    return Command(
        span=cursor.span_from(start),
        command=command,
        argument=Span(channel=cursor.channel, offset=begin, length=length),
    )

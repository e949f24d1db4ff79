"""What the arguments of commands say."""

import lzma
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import savevm_inspect as si
from savevm_inspect.errors import BadPayload
from savevm_inspect.stream import writer
from savevm_inspect.stream.command import command_fields, read_command
from savevm_inspect.stream.cursor import Cursor
from savevm_inspect.stream.values import FieldValue
from savevm_inspect.stream.writer import Writer
from savevm_inspect.wire import MIG_CMD_LENGTH, MigCmd, VmRecord

CAPTURES = Path(__file__).parent.parent / "captures"
POSTCOPY = "trace-pc-11.1-postcopy-recover.ch0.fwd.xz"
RESUMED = "trace-pc-10.0-postcopy-recover-resumed.ch0.fwd.xz"

u64 = st.integers(0, (1 << 64) - 1)
names = st.text(min_size=1, max_size=60)


def fields_of(command: MigCmd, argument: bytes, *, base: int = 0) -> list[FieldValue]:
    """Write a command, read its argument; the fields must own every byte of it, in order."""
    out = bytearray()
    written = writer.put_command(Writer(out.extend), command, argument)
    cursor = Cursor(memoryview(bytes(out)), base=base)
    cursor.require(1, "type")
    read = read_command(cursor, 0)
    assert read.argument.length == written.argument.length
    fields = list(command_fields(Cursor(memoryview(bytes(out)), base=base), read))
    assert_owned(fields, read.argument.offset, read.argument.end)
    return fields


def assert_owned(fields: list[FieldValue], offset: int, end: int) -> None:
    for field in fields:
        assert field.span.offset == offset
        offset = field.span.end
    assert offset == end


@given(st.integers(0, (1 << 32) - 1), st.integers(0, 1 << 40))
def test_ping(value: int, base: int) -> None:
    (field,) = fields_of(MigCmd.MIG_CMD_PING, value.to_bytes(4), base=base)
    assert field.value == value


@given(st.integers(1, (1 << 64) - 1), st.integers(0, 63))
def test_advise(sizes: int, bits: int) -> None:
    fields = fields_of(MigCmd.MIG_CMD_POSTCOPY_ADVISE, sizes.to_bytes(8) + (1 << bits).to_bytes(8))
    assert [field.value for field in fields] == [sizes, 1 << bits]
    assert fields_of(MigCmd.MIG_CMD_POSTCOPY_ADVISE, b"") == []


@given(names, st.lists(st.tuples(st.integers(0, 1 << 63), st.integers(0, (1 << 63) - 1)), min_size=1, max_size=12))
def test_discard(name: str, ranges: list[tuple[int, int]]) -> None:
    raw = name.encode()
    body = b"".join(start.to_bytes(8) + length.to_bytes(8) for start, length in ranges)
    argument = bytes((0, len(raw))) + raw + b"\0" + body
    fields = fields_of(MigCmd.MIG_CMD_POSTCOPY_RAM_DISCARD, argument)
    assert fields[1].value == name
    numbers = [field.value for field in fields[3:]]
    assert list(zip(numbers[::2], numbers[1::2], strict=True)) == ranges
    for length in range(len(argument)):
        whole_ranges = length - (3 + len(raw))
        if whole_ranges > 0 and whole_ranges % 16 == 0:
            continue
        with pytest.raises(BadPayload):
            fields_of(MigCmd.MIG_CMD_POSTCOPY_RAM_DISCARD, argument[:length])


@given(names)
def test_a_block_whose_bitmap_is_wanted(name: str) -> None:
    raw = name.encode()
    (field,) = fields_of(MigCmd.MIG_CMD_RECV_BITMAP, bytes((len(raw),)) + raw)
    assert field.value == name


def test_the_length_of_a_package() -> None:
    (field,) = fields_of(MigCmd.MIG_CMD_PACKAGED, (13455).to_bytes(4))
    assert (field.path, field.value) == ("length", 13455)


@pytest.mark.parametrize("command", [command for command, length in MIG_CMD_LENGTH.items() if not length])
def test_commands_that_say_nothing_more(command: MigCmd) -> None:
    assert fields_of(command, b"") == []


HOSTILE = {
    "advice of 8 bytes": (MigCmd.MIG_CMD_POSTCOPY_ADVISE, (4096).to_bytes(8), "too few for what it says"),
    "advice of 17 bytes": (
        MigCmd.MIG_CMD_POSTCOPY_ADVISE,
        (4096).to_bytes(8) * 2 + b"x",
        "17 bytes, 1 more than what it says",
    ),
    "no page size": (MigCmd.MIG_CMD_POSTCOPY_ADVISE, (4096).to_bytes(8) + bytes(8), "pages of 0 bytes"),
    "an odd page size": (MigCmd.MIG_CMD_POSTCOPY_ADVISE, (4096).to_bytes(8) + (4097).to_bytes(8), "pages of 4097"),
    "no host page size": (MigCmd.MIG_CMD_POSTCOPY_ADVISE, bytes(16), "no host page size"),
    "a discard of another version": (
        MigCmd.MIG_CMD_POSTCOPY_RAM_DISCARD,
        b"\1\1r\0" + bytes(16),
        "version 1, expected 0",
    ),
    "a discard of no block": (MigCmd.MIG_CMD_POSTCOPY_RAM_DISCARD, b"\0\0\0" + bytes(16), "without a name"),
    "a name that goes on": (MigCmd.MIG_CMD_POSTCOPY_RAM_DISCARD, b"\0\1rm" + bytes(16), "byte 0x6d after"),
    "a range around the end": (
        MigCmd.MIG_CMD_POSTCOPY_RAM_DISCARD,
        b"\0\1r\0" + b"\xff" * 8 + (1).to_bytes(8),
        "range of 1 bytes at 0xffffffffffffffff",
    ),
    "half a range": (MigCmd.MIG_CMD_POSTCOPY_RAM_DISCARD, b"\0\1r\0" + bytes(8), "ranges in 8 bytes, each is 16"),
    "a bitmap of no block": (MigCmd.MIG_CMD_RECV_BITMAP, b"\0", "without a name"),
    "a block's name too long": (MigCmd.MIG_CMD_RECV_BITMAP, b"\x09pc.ram", "too few for what it says"),
    "colo with an argument": (MigCmd.MIG_CMD_ENABLE_COLO, b"x", "1 bytes, 1 more than what it says"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_arguments_that_no_source_sends(name: str) -> None:
    command, argument, message = HOSTILE[name]
    with pytest.raises(BadPayload) as caught:
        fields_of(command, argument)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_commands_of_a_real_postcopy_migration() -> None:
    data = lzma.decompress((CAPTURES / POSTCOPY).read_bytes())
    with si.open_stream(data, strict=False) as stream:
        names = [command.command.name for command in stream.commands]
        said = {}
        for command in stream.commands:
            fields = list(command_fields(Cursor(stream.buffer), command))
            assert_owned(fields, command.argument.offset, command.argument.end)
            said[command.command] = {field.path: field.value for field in fields}
    assert said[MigCmd.MIG_CMD_POSTCOPY_ADVISE] == {"pagesize_summary": 4096, "target_page_size": 4096}
    assert said[MigCmd.MIG_CMD_POSTCOPY_RAM_DISCARD]["range[0]/start"] == 0
    assert names.count("MIG_CMD_POSTCOPY_RAM_DISCARD") > 1


def test_the_commands_that_open_a_resumed_channel() -> None:
    data = lzma.decompress((CAPTURES / RESUMED).read_bytes())
    cursor = Cursor(memoryview(data))
    found = []
    while data[cursor.pos] == VmRecord.QEMU_VM_COMMAND:
        start = cursor.pos
        cursor.require(1, "type")
        command = read_command(cursor, start)
        fields = list(command_fields(cursor, command))
        assert_owned(fields, command.argument.offset, command.argument.end)
        found.append((command.command.name, *(field.value for field in fields)))
    assert found[0] == ("MIG_CMD_RECV_BITMAP", "pc.ram")
    assert found[-1] == ("MIG_CMD_POSTCOPY_RESUME",)
    assert {name for name, *_ in found[:-1]} == {"MIG_CMD_RECV_BITMAP"}

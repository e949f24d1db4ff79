"""Bytes of a device's state that look like its own footer do not end its section."""

import pytest

import savevm_inspect as si
from savevm_inspect.stream import writer
from savevm_inspect.stream.records import SectionHead, SectionKind
from savevm_inspect.stream.writer import Writer
from savevm_inspect.wire import MigCmd

FOOTER = b"\x7e\0\0\0\0"

LOOKALIKES = {
    "an end with zeros after it": FOOTER + bytes(40),
    "an end with a description of another length": FOOTER + b"\0\6\0\0\0\1{" + bytes(3),
    "an end with something after it": FOOTER + b"\0\x0f\0",
    "a section without a name": FOOTER + b"\4\0\0\0\7\0abc",
    "a section with a name of controls": FOOTER + b"\4\0\0\0\7\2\1\2abc",
    "a section of a number without end": FOOTER + b"\2\xff\0\0\0",
    "a command that there is not": FOOTER + b"\x08\0\x0c\0\0",
    "a command of another length": FOOTER + b"\x08\0\x0b\0\1",
    "no record": FOOTER + b"\x99",
}


def stream_of(payload: bytes, *, padding: int) -> bytes:
    out = bytearray()
    f = Writer(out.extend)
    writer.put_file_header(f)
    writer.put_configuration(f, "test")
    for section_id, content in ((0, payload), (1, b"more")):
        head = SectionHead(
            section_id=section_id, idstr=f"d{section_id}", instance_id=0, version_id=1, kind=SectionKind.FULL
        )
        writer.put_section_header(f, head)
        f.put_buffer(content)
        writer.put_section_footer(f, section_id)
        writer.put_command(f, MigCmd.MIG_CMD_PING, b"\0\0\0\1")
    writer.put_eof(f)
    return bytes(out) + bytes(padding)


@pytest.mark.parametrize("padding", [0, 7])
@pytest.mark.parametrize("name", LOOKALIKES)
def test_a_lookalike_does_not_end_the_section(name: str, padding: int) -> None:
    payload = b"ab" + LOOKALIKES[name] + b"cd"
    with si.open_stream(stream_of(payload, padding=padding)) as stream:
        assert stream.complete
        assert [bytes(stream.buffer[each.payload.offset : each.payload.end]) for each in stream.sections] == [
            payload,
            b"more",
        ]

"""Laws of the framer, held on real streams and on ones that the writer makes."""

import contextlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import savevm_inspect as si
from savevm_inspect.errors import (
    BadMagic,
    BadPayload,
    FooterMismatch,
    SavevmError,
    StreamError,
    Truncated,
    UnknownRecord,
    Unsupported,
)
from savevm_inspect.stream import writer
from savevm_inspect.stream.records import (
    Command,
    Configuration,
    EndOfStream,
    FileHeader,
    Framing,
    Section,
    SectionHead,
    SectionKind,
    VmDescription,
)
from savevm_inspect.stream.writer import Writer
from savevm_inspect.wire import MIG_CMD_LENGTH, MigCmd

NONE = ["none-7.2", "none-10.0", "none-11.1"]


def sections_of(*heads_and_payloads: tuple[SectionHead, bytes]) -> bytes:
    out = bytearray()
    f = Writer(out.extend)
    writer.put_file_header(f)
    writer.put_configuration(f, "test")
    for head, payload in heads_and_payloads:
        writer.put_section_header(f, head)
        f.put_buffer(payload)
        writer.put_section_footer(f, head.section_id)
    writer.put_eof(f)
    return bytes(out)


def full(section_id: int, idstr: str = "device", instance_id: int = 0) -> SectionHead:
    return SectionHead(
        section_id=section_id, idstr=idstr, instance_id=instance_id, version_id=1, kind=SectionKind.FULL
    )


@pytest.mark.parametrize("name", NONE)
def test_every_proper_prefix_is_truncated(name: str, capture_path: Callable[[str], Path]) -> None:
    data = capture_path(name).read_bytes()
    with si.open_stream(data) as stream:
        end = next(record.span.end for record in stream.records if isinstance(record, EndOfStream))
    whole = []
    for length in range(len(data)):
        try:
            with si.open_stream(data[:length]) as stream:
                whole.append(length)
                assert stream.complete
                assert stream.schema_from == "none"
        except Truncated as error:
            assert error.offset <= length  # noqa: PT017 - most prefixes raise, one must not
    assert whole == [end], "only the cut right after the end mark is a whole stream, one without description"


@pytest.mark.parametrize("name", [*NONE, "x86-7.2-paused", "x86-10.0-uuid", "s390x-s390-ccw-virtio-11.1"])
def test_records_lie_without_gap_or_overlap(name: str, capture_path: Callable[[str], Path]) -> None:
    with si.open_stream(capture_path(name)) as stream:
        place = 0
        for record in stream.records:
            assert record.span.offset == place
            place = record.span.end
        assert place == stream.size_bytes


def test_the_shortest_real_migration_by_hand(capture_path: Callable[[str], Path]) -> None:
    with si.open_stream(capture_path("none-11.1")) as stream:
        kinds = [type(record) for record in stream.records]
        assert kinds == [
            FileHeader,
            Configuration,
            Section,
            Command,
            Section,
            Section,
            Section,
            Section,
            EndOfStream,
            VmDescription,
        ]
        assert [section.idstr for section in stream.sections] == ["ram", "ram", "timer", "slirp", "globalstate"]
        assert stream["globalstate"].field("runstate").value.rstrip(b"\0") == b"running"  # type: ignore[union-attr]


def put_configuration(data: tuple[str, int | None, tuple[str, ...], bytes]) -> tuple[bytes, Configuration]:
    out = bytearray()
    f = Writer(out.extend)
    writer.put_file_header(f)
    machine, page_bits, capabilities, uuid = data
    record = writer.put_configuration(f, machine, page_bits=page_bits, capabilities=capabilities, uuid=uuid)
    writer.put_eof(f)
    return bytes(out), record


@given(
    st.tuples(
        st.text(st.characters(exclude_categories=["C", "Z"]), max_size=20),  # printable
        st.none() | st.integers(8, 24),
        st.lists(st.text(min_size=1, max_size=20), max_size=3).map(tuple),
        st.just(b"") | st.binary(min_size=16, max_size=16),
    )
)
def test_a_configuration_is_read_as_it_was_written(data: tuple[str, int | None, tuple[str, ...], bytes]) -> None:
    raw, written = put_configuration(data)
    with si.open_stream(raw) as stream:
        assert stream.configuration == written


@example(MigCmd.MIG_CMD_PACKAGED, b"\0\0\0\1")
@given(st.sampled_from(sorted(set(MigCmd) - {MigCmd.MIG_CMD_INVALID})), st.binary(max_size=40))
def test_a_command_is_read_as_it_was_written(command: MigCmd, argument: bytes) -> None:
    out = bytearray()
    f = Writer(out.extend)
    writer.put_file_header(f)
    written = writer.put_command(f, command, argument)
    writer.put_eof(f)
    if command is MigCmd.MIG_CMD_ENABLE_COLO:
        with pytest.raises(Unsupported, match="COLO"):
            si.open_stream(bytes(out))
    elif command is MigCmd.MIG_CMD_PACKAGED and len(argument) == 4 and any(argument):
        with pytest.raises((Truncated, BadPayload), match="a package"):  # one of 1 byte has the EOF in it
            si.open_stream(bytes(out))
    elif command is MigCmd.MIG_CMD_POSTCOPY_RAM_DISCARD and not argument.startswith(b"\0"):
        with pytest.raises(BadPayload):
            si.open_stream(bytes(out))
    elif command is MigCmd.MIG_CMD_POSTCOPY_RAM_DISCARD:
        with contextlib.suppress(BadPayload), si.open_stream(bytes(out)) as stream:
            assert stream.commands == (written,)
    elif MIG_CMD_LENGTH.get(command, len(argument)) == len(argument):
        with si.open_stream(bytes(out)) as stream:
            assert stream.commands == (written,)
    else:
        with pytest.raises(BadPayload, match=command.name):
            si.open_stream(bytes(out))


@given(st.lists(st.binary(max_size=60), max_size=5))
def test_without_a_description_sections_end_at_their_footers(payloads: list[bytes]) -> None:
    data = sections_of(*((full(number, f"device{number}"), payload) for number, payload in enumerate(payloads)))
    try:
        stream = si.open_stream(data)
    except SavevmError as error:
        raise AssertionError(f"{payloads} can't be framed: {error}") from error
    with stream:
        assert {section.framing for section in stream.sections} <= {Framing.INFERRED}
        framed = [bytes(data[each.payload.offset : each.payload.end]) for each in stream.sections]
        looks_like_a_footer = any(b"\x7e" in payload for payload in payloads)
        assert framed == payloads or looks_like_a_footer


HOSTILE = {
    "empty": (b"", Truncated, "0x0: the stream's magic needs 4 bytes, 0 are left"),
    "not a stream": (b"\x7fELF" + bytes(60), BadMagic, "0x0: not a migration stream"),
    "a TLS handshake": (b"\x16\x03\1\2\0" + bytes(60), BadMagic, "a TLS handshake"),
    "a CPR state file": (b"QCPR\0\0\0\1" + bytes(60), BadMagic, "a CPR state file"),
    "a channel of multifd": (b"\x11\x22\x33\x44" + bytes(60), BadMagic, "a multifd channel"),
    "the old version": (b"QEVM\0\0\0\2" + bytes(60), Unsupported, "0x4: stream version 2"),
    "a wrong version": (b"QEVM\0\0\0\4" + bytes(60), BadMagic, "0x4: stream version 4, expected 3"),
    "an unknown record": (b"QEVM\0\0\0\3\x09", UnknownRecord, "0x8: record type 0x09"),
    "an unknown command": (b"QEVM\0\0\0\3\x08\0\x0c\0\0", UnknownRecord, "0x9: command 12"),
    "4 GiB of machine name": (b"QEVM\0\0\0\3\x07\xff\xff\xff\xff" + bytes(1000), Truncated, "4294967295 bytes"),
    "4 GiB of capabilities": (
        b"QEVM\0\0\0\3\x07\0\0\0\1x\x05\x1aconfiguration/capabilities\0\0\0\1\xff\xff\xff\xff",
        Truncated,
        "4294967295 capabilities",
    ),
    "4 GiB of description": (b"QEVM\0\0\0\3\0\x06\xff\xff\xff\xff{}", Truncated, "4294967295 bytes, 2 are left"),
    "a part of nothing": (b"QEVM\0\0\0\3\x02\0\0\0\7", BadPayload, "part of section 7, which was never started"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_one_clear_error_with_its_offset(name: str) -> None:
    data, kind, message = HOSTILE[name]
    with pytest.raises(kind) as caught:
        si.open_stream(data)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_footer_of_another_section_is_named(capture_path: Callable[[str], Path]) -> None:
    data = bytearray(capture_path("none-11.1").read_bytes())
    with si.open_stream(bytes(data)) as stream:
        footer = stream.sections[0].footer
    assert footer is not None
    data[footer.end - 1] = 7
    with pytest.raises(FooterMismatch, match=r"footer names section 7, the open section is 2 \(ram, instance 0\)"):
        si.open_stream(bytes(data))


def test_a_name_can_not_reach_the_terminal_as_a_control() -> None:
    assert "\x1b" not in str(StreamError("x", offset=0, section="evil\x1b]0;"))
    with pytest.raises(BadPayload, match=r"section 3 named 'evil\\x1b\]0;x\\x07', which no device is"):
        si.open_stream(sections_of((full(3, "evil\x1b]0;x\x07"), b"abc")))


def test_not_strict_keeps_what_could_be_read(capture_path: Callable[[str], Path]) -> None:
    data = capture_path("none-11.1").read_bytes()
    with si.open_stream(data[:400], strict=False) as stream:
        assert [section.idstr for section in stream.sections] == ["ram", "ram", "timer", "slirp"]
        assert [type(problem) for problem in stream.problems] == [Truncated]
        assert not stream.complete


def test_a_machine_type_that_sends_no_footers(capture_path: Callable[[str], Path]) -> None:
    data = capture_path("none-11.1").read_bytes()
    without = bytearray()
    with si.open_stream(data) as stream:
        for record in stream.records:
            end = record.footer.offset if isinstance(record, Section) and record.footer else record.span.end
            without += data[record.span.offset : end]
        fields = [field.value for device in stream.devices for field in device.fields]
    with si.open_stream(bytes(without)) as stream:
        assert stream.complete
        assert all(section.footer is None for section in stream.sections)
        assert [field.value for device in stream.devices for field in device.fields] == fields


def test_a_device_that_iterated_may_end_in_a_full_section() -> None:
    started = SectionHead(
        section_id=7, idstr="0000:00:01.0/card", instance_id=0, version_id=1, kind=SectionKind.START
    )
    ended = replace(started, kind=SectionKind.END)
    with si.open_stream(sections_of((started, b"a"), (ended, b"bc"), (full(7, started.idstr), b"def"))) as stream:
        device = stream["0000:00:01.0/card"]
        assert [section.kind for section in device.sections] == ["start", "end", "full"]
        assert [section.payload.length for section in device.sections] == [1, 2, 3]
    with pytest.raises(BadPayload, match="is started again"):
        si.open_stream(sections_of((started, b"a"), (full(7, "another"), b"b")))

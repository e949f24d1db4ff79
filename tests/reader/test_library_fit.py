"""Streams that name no machine type and have no description, read with the schema of the library that fits best."""

import lzma
from pathlib import Path

import pytest

import savevm_inspect as si
from savevm_inspect.errors import SavevmError
from savevm_inspect.reader.trailer import last_description
from savevm_inspect.stream.values import FieldValue

CAPTURES = Path(__file__).parent.parent / "captures"
RECORDED = ["pc-2.0-7.2-live", "pc-2.0-7.2-paused", "pc-2.2-7.2-live", "pc-2.2-7.2-paused"]


def data_of(name: str) -> bytes:
    return lzma.decompress((CAPTURES / f"{name}.mig.xz").read_bytes())


def without_description(data: bytes) -> bytes:
    start = last_description(memoryview(data))
    assert start is not None
    return data[:start]


def fields_of(stream: si.Stream) -> dict[tuple[str, int], list[FieldValue]]:
    return {(each.idstr, each.instance_id): list(each.fields) for each in stream.devices}


def layout(fields: list[FieldValue]) -> list[tuple[str, str, int]]:
    return [(each.path, each.type, each.span.length) for each in fields]


@pytest.mark.parametrize("name", RECORDED)
def test_values_are_those_of_the_own_description(name: str) -> None:
    data = data_of(name)
    bare = without_description(data)
    with si.open_stream(data) as own, si.open_stream(bare, schema="library") as fitted:
        assert own.configuration is None
        assert (fitted.account.opaque_bytes, fitted.problems) == (0, [])
        assert fields_of(fitted) == fields_of(own)
        assert fitted.schema_from == f"library:{name}"


def test_a_machine_that_the_library_was_not_made_of() -> None:
    """One machine twice, as QEMU writes it and with footers and a description switched on."""
    with (
        si.open_stream(data_of("reports/neither-footers-nor-description-pc-2.0"), schema="library") as fitted,
        si.open_stream(data_of("reports/both-pc-2.0")) as own,
    ):
        assert fitted.account.opaque_bytes == 0
        ours, theirs = ({key: layout(each) for key, each in fields_of(stream).items()} for stream in (fitted, own))
        assert ours == theirs
        remark = str(fitted.remarks[0])
        assert remark.startswith("0x0: the stream names no machine type; of the library, pc-2.0-")
        assert remark.endswith(" fits best: 28 of 28 sections by name, version and length")


def test_nothing_is_guessed_without_the_option() -> None:
    with si.open_stream(without_description(data_of("pc-2.2-7.2-paused"))) as stream:
        assert (stream.schema_from, stream.schema_choice) == ("none", "")
        assert not any(each.fields for each in stream.devices if each.idstr != "ram")


def changed(data: bytes, idstr: bytes, at: int, value: bytes) -> bytes:
    """A stream with other bytes at a distance from the instance_id of a section."""
    head = data.index(bytes((len(idstr),)) + idstr) + 1 + len(idstr)
    return data[: head + at] + value + data[head + at + len(value) :]


@pytest.mark.parametrize(
    ("idstr", "at", "value"),
    [
        (b"fw_cfg", 4, b"\0\0\0\7"),  # another version
        (b"i2c_bus", 0, b"\0\0\0\7"),  # another instance
        (b"timer", 8 + 8, b"\1" * 8),  # a value in the place of a retired field
    ],
    ids=["version", "instance", "value"],
)
def test_a_section_that_does_not_fit_stays_opaque(idstr: bytes, at: int, value: bytes) -> None:
    bare = changed(without_description(data_of("pc-2.2-7.2-paused")), idstr, at, value)
    with si.open_stream(bare, schema="library") as stream:
        assert [each.idstr for each in stream.sections if each.framing == "inferred"] == [idstr.decode()]
        assert f"{len(stream.sections) - 4} of {len(stream.sections) - 3} sections" in stream.schema_choice


def test_what_nothing_fits_is_refused() -> None:
    section = b"\4\0\0\0\0" + b"\3dev" + b"\0\0\0\0\0\0\0\1" + b"state" + b"\x7e\0\0\0\0"
    stream = b"QEVM\0\0\0\3" + section + b"\0"
    with pytest.raises(SavevmError, match="nothing of the library fits its 1 devices"):
        si.open_stream(stream, schema="library")

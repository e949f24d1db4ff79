"""Schemas from elsewhere: what fits is used and says where it is from, what does not is refused with the reason."""

import json
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest

import savevm_inspect as si
from savevm_inspect.errors import FooterMismatch, NotFound, SchemaError
from savevm_inspect.reader import schemas
from savevm_inspect.reader.schemas import configuration_of, description_of, library, load_schema
from savevm_inspect.reader.stream import Stream
from savevm_inspect.stream import writer
from savevm_inspect.stream.records import EndOfStream, Framing, SectionHead, SectionKind
from savevm_inspect.stream.writer import Writer
from savevm_inspect.views.summary import problems, summary

CAPTURES = Path(__file__).parent.parent / "captures"
MANIFEST = {each["name"]: each for each in json.loads((CAPTURES / "manifest.json").read_text())["captures"]}

Captures = Callable[[str], Path]


def bare(path: Path) -> bytes:
    """A stream cut right after its end mark: whole, without a description."""
    data = path.read_bytes()
    with si.open_stream(data) as stream:
        end = next(record.span.end for record in stream.records if isinstance(record, EndOfStream))
    return data[:end]


def description(path: Path) -> bytes:
    with si.open_stream(path) as stream:
        return description_of(stream.source, stream.offset)


def fields(stream: Stream) -> dict[tuple[str, int], list[tuple[str, object, int]]]:
    return {
        (device.idstr, device.instance_id): [(field.path, field.value, field.span.offset) for field in device.fields]
        for device in stream.devices
    }


SIBLINGS = ["none-7.2", "none-11.1", "x86-10.0-live", "t-7.2-live", "q35-stor-10.0", "s390x-s390-ccw-virtio-11.1"]


@pytest.mark.parametrize("name", SIBLINGS)
@pytest.mark.parametrize("form", ["description", "stream", "packed stream"])
def test_a_schema_that_fits_decodes_everything(name: str, form: str, capture_path: Captures, tmp_path: Path) -> None:
    path = capture_path(name)
    with si.open_stream(bare(path)) as stream:
        assert stream.schema_from == "none"
        assert {section.framing for section in stream.sections} <= {Framing.INFERRED, Framing.PAYLOAD}
    (tmp_path / "description").write_bytes(description(path))
    (tmp_path / "packed stream").write_bytes(lzma.compress(path.read_bytes(), preset=0))
    given = {"stream": path}.get(form, tmp_path / form)
    with si.open_stream(bare(path), schema=given) as stream, si.open_stream(path) as whole:
        assert stream.schema_from == "given"
        assert stream.complete
        assert not problems(stream)
        assert stream.account.opaque_bytes == 0
        assert stream.account.accounted_bytes == stream.size_bytes
        assert fields(stream) == fields(whole)


def test_a_paused_sibling_is_refused_and_the_difference_named(capture_path: Captures) -> None:
    data = bare(capture_path("x86-10.0-live"))
    paused = capture_path("x86-10.0-paused")
    with pytest.raises(SchemaError) as caught:
        si.open_stream(data, schema=paused)
    message = str(caught.value)
    assert "section cpu (instance 0)" in message
    assert "with subsection 'cpu/msr_smi_count', which it lacks" in message
    with si.open_stream(data, schema=paused, strict=False) as stream, si.open_stream(data) as without:
        assert [str(problem) for problem in stream.problems] == [message]
        assert stream.schema_from == "none"
        assert stream.records == without.records
        assert summary(stream)["schema"] == "none"


def test_a_running_sibling_is_refused_by_a_paused_stream(capture_path: Captures) -> None:
    data = bare(capture_path("x86-10.0-paused"))
    with pytest.raises(SchemaError, match="'cpu/msr_smi_count' must begin") as caught:
        si.open_stream(data, schema=capture_path("x86-10.0-live"))
    assert "section cpu (instance 0)" in str(caught.value)


def test_another_machine_type_is_refused(capture_path: Captures) -> None:
    data = bare(capture_path("x86-10.0-live"))
    with pytest.raises(SchemaError, match=r"machine type 'pc-i440fx-7\.2', the stream is of 'pc-i440fx-10\.0'"):
        si.open_stream(data, schema=capture_path("t-7.2-live"))
    with pytest.raises(SchemaError, match=r"whose name has 4 bytes, the stream is of 'pc-i440fx-10\.0'"):
        si.open_stream(data, schema=description(capture_path("none-11.1")))


def test_another_page_size_is_refused(capture_path: Captures) -> None:
    path = capture_path("aarch64-virt-10.0")
    text = json.loads(description(path))
    assert text["page_size"] == 4096
    text["page_size"] = 1024
    with pytest.raises(SchemaError, match="pages of 1024 bytes, the stream has pages of 4096"):
        si.open_stream(bare(path), schema=json.dumps(text).encode())


def test_the_right_length_by_chance_is_seen_in_the_values(capture_path: Captures) -> None:
    path = capture_path("x86-10.0-live")
    data = bytearray(bare(path))
    with si.open_stream(bytes(data), schema=path) as stream:
        device = next(each for each in stream.devices if any(field.type == "bool" for field in each.fields))
        field = next(field for field in device.fields if field.type == "bool")
    data[field.span.offset] = 0x5A
    with pytest.raises(SchemaError) as caught:
        si.open_stream(bytes(data), schema=path)
    assert f"the right length by chance: field {field.path!r} of type 'bool': byte 0x5a" in str(caught.value)


def test_a_stream_that_is_cut_is_not_the_schemas_fault(capture_path: Captures) -> None:
    path = capture_path("x86-10.0-live")
    data = bare(path)
    with si.open_stream(data, schema=path) as stream:
        section = next(each for each in stream.sections if each.payload.length > 1000 and each.framing == "schema")
    for cut in (section.span.offset + 3, section.payload.offset + 500, section.payload.end, section.payload.end + 2):
        with si.open_stream(data[:cut], schema=path, strict=False) as stream:
            assert stream.schema_from == "given"
            assert len(stream.problems) == 1
            assert not stream.complete


def test_the_streams_own_description_comes_first(capture_path: Captures) -> None:
    with si.open_stream(capture_path("x86-10.0-live"), schema=capture_path("x86-10.0-paused")) as stream:
        assert stream.schema_from == "stream"
        assert not problems(stream)


def change(text: bytes, name: str, edit: Callable[[dict[str, object]], None]) -> bytes:
    """A description in which one field of a device is another."""
    root = json.loads(text)
    edit(next(device for device in root["devices"] if device["name"] == name))
    return json.dumps(root).encode()


def test_of_its_own_description_the_first_field_that_can_not_be_right_is_named(capture_path: Captures) -> None:
    path = capture_path("none-11.1")
    whole = path.read_bytes()
    text = description(path)
    root = json.loads(text)
    timer = next(device for device in root["devices"] if device["name"] == "timer")
    assert timer["fields"][0]["name"] == "cpu_ticks_offset"

    def longer(device: dict[str, object]) -> None:
        device["fields"][-1] |= {"size": 16, "type": "buffer"}  # type: ignore[index]

    def shorter(device: dict[str, object]) -> None:
        del device["fields"][-1]  # type: ignore[attr-defined]

    for edit, expected in ((longer, "reaches past the footer at"), (shorter, "bytes after field")):
        changed = change(text, "timer", edit)
        place = whole.rindex(text)
        data = whole[: place - 4] + len(changed).to_bytes(4) + changed
        with pytest.raises(FooterMismatch, match=expected) as caught:
            si.open_stream(data)
        assert "in section timer (instance 0)" in str(caught.value)


# The library ----------------------------------------------------------------------------------------------------


def test_the_library_is_what_the_captures_say(capture_path: Captures) -> None:
    names = [entry.name for entry in library()]
    assert len(names) == len(set(names)) >= 11
    shipped = {
        path.name.removesuffix(".json.xz") for path in (Path(schemas.__file__).parent.parent / "schemas").glob("*.xz")
    }
    assert shipped == set(names)
    for entry in library():
        path = capture_path(entry.name)
        with path.open("rb") as file:
            configuration = configuration_of(memoryview(file.read()))
        machine = configuration.machine if configuration else MANIFEST[entry.name]["machine"]
        assert (entry.machine, entry.qemu) == (machine, MANIFEST[entry.name]["qemu"])
        loaded = entry.load()
        assert loaded.origin == f"library:{entry.name}"
        assert loaded.description == load_schema(path).description


def test_the_one_that_fits_is_taken_from_the_library(capture_path: Captures) -> None:
    for name in ("x86-10.0-live", "x86-10.0-paused", "t-7.2-live", "aarch64-virt-10.0"):
        with si.open_stream(bare(capture_path(name)), schema="library") as stream:
            assert stream.schema_from == f"library:{name}"
            assert stream.account.opaque_bytes == 0
    with si.open_stream(bare(capture_path("none-7.2")), schema="library") as stream:
        assert stream.schema_from.startswith("library:none-")
        assert stream.account.opaque_bytes == 0


def test_one_of_the_library_by_name(capture_path: Captures) -> None:
    data = bare(capture_path("x86-10.0-live"))
    with si.open_stream(data, schema="library:x86-10.0-live") as stream:
        assert stream.schema_from == "library:x86-10.0-live"
    with pytest.raises(SchemaError, match="'cpu/msr_smi_count', which it lacks"):
        si.open_stream(data, schema="library:x86-10.0-paused")
    with pytest.raises(SchemaError, match="machine type 'none'"):
        si.open_stream(data, schema="library:none-11.1")
    with pytest.raises(NotFound, match="no schema 'nothing' in the library; it has: none-"):
        si.open_stream(data, schema="library:nothing")


def test_a_machine_that_the_library_does_not_have(capture_path: Captures) -> None:
    with pytest.raises(NotFound, match=r"no schema of machine type 'pc-q35-10\.0'"):
        si.open_stream(bare(capture_path("q35-stor-10.0")), schema="library")


def test_a_machine_of_which_none_fits(capture_path: Captures, monkeypatch: pytest.MonkeyPatch) -> None:
    only = tuple(entry for entry in library() if entry.name == "x86-10.0-paused")
    monkeypatch.setattr(schemas, "library", lambda: only)
    with pytest.raises(SchemaError, match=r"none of the library fits \(x86-10\.0-paused: .*msr_smi_count"):
        si.open_stream(bare(capture_path("x86-10.0-live")), schema="library")


# Hostile schemas ------------------------------------------------------------------------------------------------

HOSTILE = {
    "nothing": (b"", "no description, and no stream that has one"),
    "text": (b"hello", "no description, and no stream that has one"),
    "half of JSON": (b'{"devices": [', "not JSON"),
    "no devices": (b"{}", "no list 'devices'"),
    "a stream without": (b"QEVM\0\0\0\3\0", "no description, and no stream that has one"),
    "immense fields": (
        b'{"devices": [{"name": "timer", "instance_id": 0, "fields": [%s]}]}'
        % b'{"name": "f", "type": "uint8", "size": 4611686018427387904, "array_len": 4611686018427387904}',
        "state of",
    ),
    "deep": (b'{"devices":' * 5000, "not JSON"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_schemas_are_one_clear_error(name: str, capture_path: Captures) -> None:
    data, message = HOSTILE[name]
    with pytest.raises(SchemaError) as caught:
        si.open_stream(bare(capture_path("none-11.1")), schema=data)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_schema_that_makes_a_footer_look_left_out_is_refused() -> None:
    out = bytearray()
    f = Writer(out.extend)
    writer.put_file_header(f)
    writer.put_configuration(f, "none")
    for section_id, idstr in ((9, "first"), (10, "second")):
        writer.put_section_header(
            f, SectionHead(section_id=section_id, idstr=idstr, instance_id=0, version_id=1, kind=SectionKind.FULL)
        )
        f.put_buffer(b"sixteen bytes...")
        writer.put_section_footer(f, section_id)
    writer.put_eof(f)
    # With footer and type byte eaten, the first byte of the next section_id looks like the end mark.
    longer = b'{"devices": [{"name": "first", "instance_id": 0, "fields": [%s]}]}'
    schema = longer % b'{"name": "data", "type": "buffer", "size": 22}'
    with pytest.raises(SchemaError, match="refused, it is not of this stream's devices"):
        si.open_stream(bytes(out), schema=schema)
    with si.open_stream(bytes(out), schema=schema, strict=False) as stream:
        assert stream.complete
        assert stream.schema_from == "none"
        assert [section.idstr for section in stream.sections] == ["first", "second"]


def test_a_claim_longer_than_the_stream_is_refused(capture_path: Captures) -> None:
    path = capture_path("none-11.1")

    def longer(device: dict[str, object]) -> None:
        device["fields"][-1] |= {"size": 1 << 40, "type": "buffer"}  # type: ignore[index]

    changed = change(description(path), "timer", longer)
    with pytest.raises(
        SchemaError, match=r"section timer \(instance 0\).*after field 'unused'.* reaches past the footer"
    ):
        si.open_stream(bare(path), schema=changed)


def test_a_schema_that_is_not_needed_is_checked_and_said(capture_path: Captures, tmp_path: Path) -> None:
    path = capture_path("none-11.1")
    for given in (path, schemas.LIBRARY, f"{schemas.LIBRARY}:none-7.2"):
        with si.open_stream(path, schema=given) as stream:
            assert stream.schema_from == "stream"
            assert ["given is not used" in str(remark) for remark in stream.remarks] == [True]
    with si.open_stream(path) as stream:
        assert not stream.remarks
    (tmp_path / "none").write_bytes(b"no description")
    for wrong in (tmp_path / "none", tmp_path / "missing", f"{schemas.LIBRARY}:nope"):
        with pytest.raises(si.SavevmError):
            si.open_stream(path, schema=wrong)
        with si.open_stream(path, schema=wrong, strict=False) as stream:
            assert len(stream.problems) == 1


def test_what_dump_vmstate_writes_is_named(capture_path: Captures) -> None:
    written = json.dumps({"vmschkmachine": {"Name": "none"}, "timer": {"Name": "timer", "version_id": 2}}, indent=2)
    with pytest.raises(SchemaError, match="what -dump-vmstate writes"):
        si.open_stream(bare(capture_path("none-11.1")), schema=written.encode())


def test_the_domain_of_a_save_image_is_there_as_it_was_written(capture_path: Captures) -> None:
    with si.open_stream(CAPTURES / "t-7.2-libvirt-gzip.save.xz") as stream:
        assert stream.domain_xml.lstrip().startswith("<")
        assert stream.domain_xml == stream.source.documents["domain"]
    with si.open_stream(capture_path("none-11.1")) as stream, pytest.raises(NotFound, match="no save image"):
        _ = stream.domain_xml

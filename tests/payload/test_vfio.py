"""The sections of VFIO devices: those that the engine writes, and all that are invalid."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import savevm_inspect as si
from savevm_inspect.engine.front import record_scenario
from savevm_inspect.errors import BadPayload, StreamError, Truncated, UnknownRecord, Unsupported
from savevm_inspect.payload import field_payload
from savevm_inspect.payload.vfio import VfioReader
from savevm_inspect.stream.cursor import Cursor
from savevm_inspect.stream.records import Framing, SectionHead, SectionKind
from savevm_inspect.stream.values import FieldValue
from savevm_inspect.vmstate.schema import DeviceKey
from savevm_inspect.wire import VfioMigFlag

IDSTR = "0000:00:05.0/vfio"
FULL, PART, END_SECTION = SectionKind.FULL, SectionKind.PART, SectionKind.END
F = VfioMigFlag
SETUP, DATA, CONFIG, END = (
    flag.to_bytes(8)
    for flag in (
        F.VFIO_MIG_FLAG_DEV_SETUP_STATE,
        F.VFIO_MIG_FLAG_DEV_DATA_STATE,
        F.VFIO_MIG_FLAG_DEV_CONFIG_STATE,
        F.VFIO_MIG_FLAG_END_OF_STATE,
    )
)
SCENARIOS = ("vfio", "vfio-multifd", "devices")
SCAN_STEP = 1 << 16


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The engine's recording of a scenario, made once."""
    made: dict[str, Path] = {}

    def record(name: str) -> Path:
        if name not in made:
            made[name] = record_scenario(name, tmp_path_factory.mktemp("vfio") / name)
        return made[name]

    return record


def read(data: bytes, kind: SectionKind = PART, version: int = 1) -> list[FieldValue]:
    """Read a section that must be the whole of some bytes."""
    cursor = Cursor(memoryview(data))
    fields = read_from(cursor, kind, version)
    assert cursor.remaining == 0
    return fields


def read_from(cursor: Cursor, kind: SectionKind, version: int = 1) -> list[FieldValue]:
    head = SectionHead(section_id=5, idstr=IDSTR, instance_id=0, version_id=version, kind=kind)
    return list(VfioReader().read(cursor, head))


def written(fields: list[FieldValue]) -> bytes:
    """The bytes that fields were read from, made of their values alone."""
    values = (field.value for field in fields)
    return b"".join(value.to_bytes(8) if isinstance(value, int) else value for value in values)  # type: ignore[misc]


def piece(data: bytes) -> bytes:
    return DATA + len(data).to_bytes(8) + data


def last(name: F) -> bytes:
    return name.to_bytes(8)


@pytest.mark.parametrize("name", SCENARIOS)
def test_fields_own_every_byte_of_what_the_engine_writes(name: str, recorded: Callable[[str], Path]) -> None:
    with si.open_stream(recorded(name)) as stream:
        assert stream.account.opaque_bytes == 0
        assert all(section.framing is not Framing.INFERRED for section in stream.sections)
        device = stream[IDSTR]
        assert [section.kind for section in device.sections][:: len(device.sections) - 1] == ["start", "full"]
        for section in device.sections:
            payload = bytes(stream.buffer[section.payload.offset : section.payload.end])
            fields = list(stream.decode(section))
            assert section.framing is Framing.PAYLOAD
            assert written(fields) == payload
            assert fields[-1].span.end == section.payload.end


def test_what_the_flags_of_a_migration_are(recorded: Callable[[str], Path]) -> None:
    with si.open_stream(recorded("vfio")) as stream:
        fields = [field for section in stream[IDSTR].sections for field in stream.decode(section)]
        content = sum(field.span.length for field in fields if field.name == "data")
        stated = sum(field.value for field in fields if field.name == "data_size")  # type: ignore[misc]
    flags = Counter(field.meaning for field in fields if field.name == "flag")
    for once in (
        F.VFIO_MIG_FLAG_DEV_SETUP_STATE,
        F.VFIO_MIG_FLAG_DEV_INIT_DATA_SENT,
        F.VFIO_MIG_FLAG_DEV_CONFIG_STATE,
    ):
        assert flags[once.name] == 1
    assert content == stated >= 1 << 18  # the card's whole memory, and what it wrote anew


def test_without_a_description_nothing_is_lost(recorded: Callable[[str], Path]) -> None:
    with si.open_stream(recorded("devices")) as stream:
        assert stream.description is not None
        described = stream.description.devices[DeviceKey(IDSTR, 0)].length
        whole = [section.payload for section in stream[IDSTR].sections]
        assert whole[-1].length == described
        eof = next(record.span.end for record in stream.records if type(record).__name__ == "EndOfStream")
        bare = bytes(stream.buffer[:eof])
    with si.open_stream(bare) as stream:
        assert [section.payload for section in stream[IDSTR].sections] == whole
        assert {section.framing for section in stream[IDSTR].sections} == {Framing.PAYLOAD}


def test_every_prefix_is_cut(recorded: Callable[[str], Path]) -> None:
    with si.open_stream(recorded("vfio")) as stream:
        for section in {section.kind: section for section in stream[IDSTR].sections}.values():
            payload = bytes(stream.buffer[section.payload.offset : section.payload.end])
            edges = {field.span.offset for field in read(payload, section.kind)}
            for length in {*range(min(len(payload), 400)), *edges, *(edge - 1 for edge in edges if edge)}:
                with pytest.raises(Truncated):
                    read(payload[:length], section.kind)


CONTENT = st.binary(max_size=40)
CONFIGS = CONTENT.filter(lambda config: END not in config).map(lambda config: CONFIG + config + END)
RECORDS = st.one_of(CONTENT.map(piece), CONFIGS)
LAST = st.sampled_from(
    [END, SETUP + END, last(F.VFIO_MIG_FLAG_DEV_INIT_DATA_SENT), last(F.VFIO_MIG_FLAG_DEV_CONFIG_LOAD_READY)]
)
SECTIONS = st.tuples(st.lists(RECORDS, max_size=5).map(b"".join), LAST).map(b"".join)


@given(SECTIONS, st.binary(max_size=9))
def test_what_is_written_is_read_and_what_follows_is_left(section: bytes, after: bytes) -> None:
    """QEMU 5.2 wrote configuration and data in one section."""
    cursor = Cursor(memoryview(section + after))
    assert written(read_from(cursor, END_SECTION)) == section
    assert cursor.pos == len(section)


@given(SECTIONS, st.data(), st.sampled_from(SectionKind))
def test_a_changed_byte_is_refused_or_read_as_it_stands(
    section: bytes, data: st.DataObject, kind: SectionKind
) -> None:
    changed = bytearray(section)
    place = data.draw(st.integers(0, len(section) - 1))
    changed[place] ^= data.draw(st.integers(1, 255))
    cursor = Cursor(memoryview(bytes(changed)))
    try:
        fields = read_from(cursor, kind)
    except StreamError:
        return
    assert written(fields) == changed[: cursor.pos]


@given(st.binary(min_size=8, max_size=8).filter(lambda word: int.from_bytes(word) not in set(F)), st.sampled_from(F))
def test_words_that_are_not_there_are_refused(word: bytes, flag: F) -> None:
    with pytest.raises(UnknownRecord, match=f"VFIO flag {int.from_bytes(word):#x}"):
        read(piece(b"a") + word)
    with pytest.raises(UnknownRecord):
        read(SETUP + word)
    if flag is not F.VFIO_MIG_FLAG_END_OF_STATE:
        with pytest.raises(BadPayload, match="expected VFIO_MIG_FLAG_END_OF_STATE"):
            read(SETUP + flag.to_bytes(8))


def test_a_length_is_not_believed() -> None:
    with pytest.raises(Truncated, match="data needs 18446744073709551615 bytes"):
        read(DATA + b"\xff" * 8 + END)


def test_another_version_is_refused() -> None:
    with pytest.raises(Unsupported, match="version 2, expected 1"):
        read(END, version=2)


def test_a_configuration_ends_a_full_section_alone() -> None:
    cursor = Cursor(memoryview(CONFIG + b"c" + END + piece(b"d") + END))
    assert [field.name for field in read_from(cursor, FULL)] == ["flag", "config", "end"]
    names = [field.name for field in read(CONFIG + b"c" + END + piece(b"d") + END, END_SECTION)]
    assert names == ["flag", "config", "end", "flag", "data_size", "data", "flag"]


@pytest.mark.parametrize("length", [0, 1, *range(SCAN_STEP - 16, SCAN_STEP + 3), 3 * SCAN_STEP])
def test_the_end_of_a_configuration_is_found_wherever_it_is(length: int) -> None:
    config = (END[:7] * (length // 7 + 1))[:length]
    fields = read(CONFIG + config + END, FULL)
    assert [field.value for field in fields if field.name == "config"] == [config]


def test_whose_sections_these_are() -> None:
    assert field_payload("vfio") is field_payload("/vfio") is field_payload(IDSTR) is VfioReader
    assert field_payload("xvfio") is field_payload("vfio/x") is None

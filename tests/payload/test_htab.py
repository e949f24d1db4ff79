"""The hash page table: what is written is read back, chunk by chunk, and as the same bytes."""

from hypothesis import given
from hypothesis import strategies as st

from savevm_inspect.payload.htab import IDSTR, HtabReader, HtabWriter
from savevm_inspect.stream.cursor import Cursor
from savevm_inspect.stream.records import SectionHead, SectionKind
from savevm_inspect.stream.values import FieldValue
from savevm_inspect.stream.writer import Writer
from savevm_inspect.wire import HASH_PTE_SIZE_64, HTAB_VERSION

SHIFT = 14
ENTRIES = (1 << SHIFT) // HASH_PTE_SIZE_64
CHUNKS = st.lists(
    st.tuples(
        st.integers(0, ENTRIES - 8),
        st.binary(max_size=4).map(lambda seed: seed * HASH_PTE_SIZE_64),
        st.integers(0, 4),
    ).filter(any),
    max_size=6,
)


def written(chunks: list[tuple[int, bytes, int]] | None) -> bytes:
    """A section's payload; of the first section without chunks."""
    data = bytearray()
    writer = HtabWriter(Writer(data.extend))
    if chunks is None:
        writer.put_shift(SHIFT)
        return bytes(data)
    writer.begin_chunks()
    for index, entries, n_invalid in chunks:
        writer.put_chunk(index, entries, n_invalid)
    writer.put_end_marker()
    return bytes(data)


def read(reader: HtabReader, data: bytes) -> list[FieldValue]:
    """The fields of a section of exactly these bytes."""
    head = SectionHead(section_id=1, idstr=IDSTR, instance_id=0, version_id=HTAB_VERSION, kind=SectionKind.PART)
    cursor = Cursor(memoryview(data))
    fields = list(reader.read(cursor, head))
    assert cursor.remaining == 0
    return fields


@given(chunks=CHUNKS)
def test_what_is_written_is_read_back(chunks: list[tuple[int, bytes, int]]) -> None:
    reader = HtabReader()
    assert [field.value for field in read(reader, written(None))] == [SHIFT]
    fields = read(reader, written(chunks))
    by_name = {
        name: [field.value for field in fields if field.name == name]
        for name in ("index", "n_valid", "n_invalid", "entries")
    }
    assert by_name["index"] == [*(index for index, _, _ in chunks), 0]
    assert by_name["n_valid"] == [*(len(entries) // HASH_PTE_SIZE_64 for _, entries, _ in chunks), 0]
    assert by_name["n_invalid"] == [*(n_invalid for _, _, n_invalid in chunks), 0]
    assert [bytes(value) for value in by_name["entries"]] == [entries for _, entries, _ in chunks]

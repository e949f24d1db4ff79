"""From a snapshot's L1 table to the bytes of its VM state, cluster by cluster.

Entries, masks and names are those of docs/interop/qcow2.rst and block/qcow2.h. Nothing in the tables is trusted:
what they refer to must lie in the file, and all that they refer to together can't be more than the file has, so
that a table that refers to itself, or to the same clusters again and again, ends soon.
"""

import zlib
from collections.abc import Iterator
from struct import Struct
from typing import Final

from ..errors import BadPayload, Truncated
from .compression import zstd_module
from .qcow2_header import QCOW_MAX_L1_SIZE, Image, Snapshot

QCOW_OFLAG_COMPRESSED: Final = 1 << 62
QCOW_OFLAG_ZERO: Final = 1 << 0
L1E_OFFSET_MASK: Final = 0x00FF_FFFF_FFFF_FE00
L2E_OFFSET_MASK: Final = 0x00FF_FFFF_FFFF_FE00
QCOW_EXTL2_SUBCLUSTERS_PER_CLUSTER: Final = 32
QCOW2_COMPRESSED_SECTOR_SIZE: Final = 512

_ENTRY: Final = Struct(">Q")
_ENTRY_EXTENDED: Final = Struct(">QQ")

Extent = range | bytes | int
"""A run of the VM state: the offset of its bytes in the file, or its bytes, or how many zeros it is."""


def vm_state(image: Image, snapshot: Snapshot) -> Iterator[Extent]:
    """Walk the clusters of a snapshot's VM state.

    Args:
        image: the image.
        snapshot: one of its snapshots, with VM state.

    Yields:
        Runs of ``snapshot.vm_state_size`` bytes together, in order; those that follow each other in the file are
        one.

    Raises:
        BadPayload: a table or a cluster lies where none can lie, or they are more than the file has.
        Truncated: a table or a cluster runs out of the file.
        Unsupported: there is no library for its compressed clusters.
    """
    held: Extent | None = None
    for extent in _extents(image, snapshot):
        if isinstance(held, int) and isinstance(extent, int):
            held += extent
        elif isinstance(held, range) and isinstance(extent, range) and held.stop == extent.start:
            held = range(held.start, extent.stop)
        else:
            if held is not None:
                yield held
            held = extent
    if held is not None:
        yield held


def _extents(image: Image, snapshot: Snapshot) -> Iterator[Extent]:
    """The extents, cut where the VM state ends and held against the file's length."""
    file_bytes = len(image.view)
    left = snapshot.vm_state_size
    used = 0
    for entry_offset, whole, table_bytes in _walk(image, snapshot):
        extent = _first(whole, left)
        used += table_bytes
        if isinstance(extent, range):
            used += len(extent)
            if extent.stop > file_bytes:
                yield range(min(extent.start, file_bytes), file_bytes)
                raise _outside("cluster", extent.start, image, entry_offset)
        if used > file_bytes:
            raise BadPayload("the VM state refers to more tables and clusters than the file has", offset=entry_offset)
        yield extent
        left -= extent if isinstance(extent, int) else len(extent)
        if not left:
            return


def _walk(image: Image, snapshot: Snapshot) -> Iterator[tuple[int, Extent, int]]:
    """Whole extents, each with the offset of its entry and the bytes of tables it took to get there."""
    l1_coverage = image.cluster_bytes * image.l2_entries
    l1_vm_state_index = -(-snapshot.disk_size // l1_coverage)
    end = l1_vm_state_index + -(-snapshot.vm_state_size // l1_coverage)
    _check_l1(image, snapshot, end)
    for index in range(l1_vm_state_index, end):
        l1_place = snapshot.l1_table_offset + index * _ENTRY.size
        l2_offset = _ENTRY.unpack_from(image.view, l1_place)[0] & L1E_OFFSET_MASK
        if not l2_offset:
            yield l1_place, l1_coverage, 0
            continue
        _check_aligned(image, l2_offset, l1_place, "L2 table")
        if l2_offset + image.cluster_bytes > len(image.view):
            raise _outside("L2 table", l2_offset, image, l1_place)
        table_bytes = image.cluster_bytes
        for entry_offset in range(l2_offset, l2_offset + image.cluster_bytes, image.l2_entry_bytes):
            for extent in _cluster(image, entry_offset):
                yield entry_offset, extent, table_bytes
                table_bytes = 0


def _first(extent: Extent, length: int) -> Extent:
    return min(extent, length) if isinstance(extent, int) else extent[:length]


def _check_l1(image: Image, snapshot: Snapshot, end: int) -> None:
    name = f"the L1 table of snapshot {snapshot.name!r}"
    if snapshot.l1_size * _ENTRY.size > QCOW_MAX_L1_SIZE:
        raise BadPayload(f"{name} has {snapshot.l1_size} entries, too many", offset=snapshot.offset)
    if end > snapshot.l1_size:
        raise BadPayload(
            f"{name} has {snapshot.l1_size} entries, {snapshot.disk_size} bytes of disk and "
            f"{snapshot.vm_state_size} of VM state need {end}",
            offset=snapshot.offset,
        )
    _check_aligned(image, snapshot.l1_table_offset, snapshot.offset, "L1 table")
    if snapshot.l1_table_offset + snapshot.l1_size * _ENTRY.size > len(image.view):
        raise _outside("L1 table", snapshot.l1_table_offset, image, snapshot.offset)


def _check_aligned(image: Image, offset: int, entry_offset: int, what: str) -> None:
    if offset % image.cluster_bytes:
        raise BadPayload(
            f"a qcow2 {what} at {offset:#x}, expected at a multiple of the cluster size", offset=entry_offset
        )


def _outside(what: str, offset: int, image: Image, entry_offset: int) -> Truncated:
    return Truncated(
        f"a qcow2 {what} at {offset:#x} runs out of the file, {len(image.view):#x} bytes", offset=entry_offset
    )


def _cluster(image: Image, entry_offset: int) -> Iterator[Extent]:
    """What the L2 entry at ``entry_offset`` describes: extents of a cluster's length together."""
    (entry,) = _ENTRY.unpack_from(image.view, entry_offset)
    offset = entry & L2E_OFFSET_MASK
    if entry & QCOW_OFLAG_COMPRESSED:
        yield _unpack_cluster(image, entry, entry_offset)
        return
    _check_aligned(image, offset, entry_offset, "cluster")
    if image.extended_l2:
        yield from _subclusters(image, offset, entry_offset)
    elif entry & QCOW_OFLAG_ZERO:
        if image.version < 3:
            raise BadPayload("a zero cluster in a qcow2 image of version 2, which has none", offset=entry_offset)
        yield image.cluster_bytes
    elif not offset:
        yield image.cluster_bytes
    else:
        yield range(offset, offset + image.cluster_bytes)


def _subclusters(image: Image, offset: int, entry_offset: int) -> Iterator[Extent]:
    _, bitmap = _ENTRY_EXTENDED.unpack_from(image.view, entry_offset)
    length = image.cluster_bytes // QCOW_EXTL2_SUBCLUSTERS_PER_CLUSTER
    allocated, zero = bitmap & 0xFFFF_FFFF, bitmap >> 32
    if allocated & zero or (allocated and not offset):
        raise BadPayload(f"a qcow2 cluster at {offset:#x} with the subclusters {bitmap:#018x}", offset=entry_offset)
    for number in range(QCOW_EXTL2_SUBCLUSTERS_PER_CLUSTER):
        start = offset + number * length
        yield range(start, start + length) if allocated >> number & 1 else length


def _unpack_cluster(image: Image, entry: int, entry_offset: int) -> bytes:
    csize_shift = 62 - (image.cluster_bits - 8)
    csize_mask = (1 << (image.cluster_bits - 8)) - 1
    coffset = entry & ((1 << csize_shift) - 1)
    nb_csectors = (entry >> csize_shift & csize_mask) + 1
    csize = nb_csectors * QCOW2_COMPRESSED_SECTOR_SIZE - coffset % QCOW2_COMPRESSED_SECTOR_SIZE
    if coffset >= len(image.view):
        raise _outside("compressed cluster", coffset, image, entry_offset)
    # Its last sector may be cut by the end of the file.
    packed = bytes(image.view[coffset : coffset + csize])
    plain = _UNPACK[image.compression](packed, image.cluster_bytes, entry_offset)
    if len(plain) != image.cluster_bytes:
        raise BadPayload(
            f"a compressed qcow2 cluster at {coffset:#x} unpacks to {len(plain)} bytes, "
            f"expected {image.cluster_bytes}",
            offset=entry_offset,
        )
    return plain


def _inflate(packed: bytes, length: int, entry_offset: int) -> bytes:
    try:
        return zlib.decompressobj(wbits=-zlib.MAX_WBITS).decompress(packed, length)
    except zlib.error as error:
        raise BadPayload(f"a compressed qcow2 cluster is damaged: {error}", offset=entry_offset) from error


def _unpack_zstd(packed: bytes, length: int, entry_offset: int) -> bytes:
    zstd = zstd_module()
    decoder = zstd.ZstdDecompressor()
    plain = b""
    try:
        while len(plain) < length and not decoder.eof:
            piece: bytes = decoder.decompress(b"" if plain else packed, length - len(plain))
            if not piece:
                break
            plain += piece
    except zstd.ZstdError as error:
        raise BadPayload(f"a compressed qcow2 cluster is damaged: {error}", offset=entry_offset) from error
    return plain


_UNPACK: Final = {"zlib": _inflate, "zstd": _unpack_zstd}

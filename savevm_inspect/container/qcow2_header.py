"""The header and the snapshot table of a qcow2 image.

Layouts, names and bounds are those of docs/interop/qcow2.rst, block/qcow2.h and block/qcow2-snapshot.c.
"""

from dataclasses import dataclass
from struct import Struct
from typing import Final, NamedTuple

from ..errors import BadPayload, NotFound, Truncated, Unsupported
from .opened import unpack

QCOW_MAX_SNAPSHOTS: Final = 65536
QCOW_MAX_SNAPSHOT_EXTRA_DATA: Final = 1024
QCOW_MAX_L1_SIZE: Final = 32 << 20
MIN_CLUSTER_BITS: Final = 9
MIN_CLUSTER_BITS_EXTL2: Final = 14
MAX_CLUSTER_BITS: Final = 21

QCOW2_INCOMPAT_CORRUPT: Final = 1 << 1
QCOW2_INCOMPAT_DATA_FILE: Final = 1 << 2
QCOW2_INCOMPAT_COMPRESSION: Final = 1 << 3
QCOW2_INCOMPAT_EXTL2: Final = 1 << 4
QCOW2_INCOMPAT_MASK: Final = 0x1F

CRYPT_METHODS: Final = {0: "none", 1: "AES", 2: "LUKS"}
COMPRESSION_TYPES: Final = {0: "zlib", 1: "zstd"}

_HEADER: Final = Struct(">4xIQIIQIIQQIIQ")
_HEADER_V3: Final = Struct(">QQQII")
_V3_OFFSET: Final = _HEADER.size
_COMPRESSION_TYPE_OFFSET: Final = 104
_COMPRESSION_TYPE: Final = Struct(">B")
_SNAPSHOT: Final = Struct(">QIHHIIQII")
_VM_STATE_SIZE_LARGE: Final = Struct(">Q")
_DISK_SIZE: Final = Struct(">Q")
_LISTED: Final = 20


class QCowHeader(NamedTuple):
    """QCowHeader: the numbers that every version has, after the magic."""

    version: int
    backing_file_offset: int
    backing_file_size: int
    cluster_bits: int
    size: int
    crypt_method: int
    l1_size: int
    l1_table_offset: int
    refcount_table_offset: int
    refcount_table_clusters: int
    nb_snapshots: int
    snapshots_offset: int


class QCowHeaderV3(NamedTuple):
    """QCowHeader: the numbers that version 3 added."""

    incompatible_features: int
    compatible_features: int
    autoclear_features: int
    refcount_order: int
    header_length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A qcow2 image, its header read and judged.

    Attributes:
        view: all its bytes.
        version: 2 or 3.
        cluster_bits: a cluster has ``1 << cluster_bits`` bytes.
        size: the disk's size in bytes.
        extended_l2: whether L2 entries have 128 bits.
        compression: what compressed clusters are packed with, ``zlib`` or ``zstd``.
        corrupt: whether QEMU marked it as damaged.
        nb_snapshots: number of entries in the snapshot table.
        snapshots_offset: where that starts, in bytes.
    """

    view: memoryview
    version: int
    cluster_bits: int
    size: int
    extended_l2: bool
    compression: str
    corrupt: bool
    nb_snapshots: int
    snapshots_offset: int

    @property
    def cluster_bytes(self) -> int:
        """Bytes of a cluster."""
        return 1 << self.cluster_bits

    @property
    def l2_entry_bytes(self) -> int:
        """Bytes of one L2 entry."""
        return 16 if self.extended_l2 else 8

    @property
    def l2_entries(self) -> int:
        """Entries of one L2 table, which fills a cluster."""
        return self.cluster_bytes // self.l2_entry_bytes


class QCowSnapshotHeader(NamedTuple):
    """QCowSnapshotHeader: the fixed part of an entry of the snapshot table."""

    l1_table_offset: int
    l1_size: int
    id_str_size: int
    name_size: int
    date_sec: int
    date_nsec: int
    vm_clock_nsec: int
    vm_state_size: int
    extra_data_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One entry of the snapshot table.

    Attributes:
        id: QEMU's number for it, as text.
        name: what its user called it.
        offset: where its entry starts, in bytes.
        l1_table_offset: where its L1 table starts, in bytes.
        l1_size: entries of that table.
        vm_state_size: bytes of its VM state; 0: it has none.
        disk_size: size of the disk when it was taken, in bytes.
        date_sec: when it was taken, in seconds since 1970.
        vm_clock_nsec: how long the guest had run, in nanoseconds.
    """

    id: str
    name: str
    offset: int
    l1_table_offset: int
    l1_size: int
    vm_state_size: int
    disk_size: int
    date_sec: int
    vm_clock_nsec: int


def read_image(view: memoryview) -> Image:
    """Read an image's header.

    Args:
        view: the image, from its magic on.

    Raises:
        Truncated: it ends within its header.
        BadPayload: a number in it is invalid.
        Unsupported: it has another version, is encrypted, keeps its data in another file, or has a feature that is
            not known.
    """
    header = QCowHeader._make(unpack(_HEADER, view, 0, "the qcow2 header"))
    if header.version not in (2, 3):
        raise Unsupported(f"qcow2 version {header.version}, expected 2 or 3", offset=4)
    if header.crypt_method:
        method = CRYPT_METHODS.get(header.crypt_method, f"method {header.crypt_method}")
        raise Unsupported(f"the qcow2 image is encrypted ({method}): decrypt it with qemu-img convert", offset=32)
    features, compression = 0, 0
    if header.version >= 3:
        v3 = QCowHeaderV3._make(unpack(_HEADER_V3, view, _V3_OFFSET, "the qcow2 header of version 3"))
        features = v3.incompatible_features
        if features & QCOW2_INCOMPAT_DATA_FILE:
            raise Unsupported(
                "the qcow2 image keeps its data in an external file, where there are no internal snapshots",
                offset=_V3_OFFSET,
            )
        if features & ~QCOW2_INCOMPAT_MASK:
            raise Unsupported(
                f"the qcow2 image has unknown incompatible features {features & ~QCOW2_INCOMPAT_MASK:#x}",
                offset=_V3_OFFSET,
            )
        if v3.header_length > _COMPRESSION_TYPE_OFFSET:
            (compression,) = unpack(_COMPRESSION_TYPE, view, _COMPRESSION_TYPE_OFFSET, "the qcow2 compression type")
    if bool(features & QCOW2_INCOMPAT_COMPRESSION) != bool(compression) or compression not in COMPRESSION_TYPES:
        raise Unsupported(
            f"qcow2 compression type {compression} with feature bits {features:#x}", offset=_COMPRESSION_TYPE_OFFSET
        )
    extended_l2 = bool(features & QCOW2_INCOMPAT_EXTL2)
    least = MIN_CLUSTER_BITS_EXTL2 if extended_l2 else MIN_CLUSTER_BITS
    if not least <= header.cluster_bits <= MAX_CLUSTER_BITS:
        raise BadPayload(
            f"a qcow2 cluster of 2 to the {header.cluster_bits} bytes, expected {least} to {MAX_CLUSTER_BITS}",
            offset=20,
        )
    if header.nb_snapshots > QCOW_MAX_SNAPSHOTS:
        raise BadPayload(
            f"the qcow2 image claims {header.nb_snapshots} snapshots, at most {QCOW_MAX_SNAPSHOTS} are allowed",
            offset=60,
        )
    return Image(
        view=view,
        version=header.version,
        cluster_bits=header.cluster_bits,
        size=header.size,
        extended_l2=extended_l2,
        compression=COMPRESSION_TYPES[compression],
        corrupt=bool(features & QCOW2_INCOMPAT_CORRUPT),
        nb_snapshots=header.nb_snapshots,
        snapshots_offset=header.snapshots_offset,
    )


def read_snapshots(image: Image) -> tuple[Snapshot, ...]:
    """Read the snapshot table, in its order.

    Raises:
        Truncated: the table runs out of the file.
        BadPayload: an entry has more extra data than one may have.
    """
    snapshots = []
    offset = image.snapshots_offset
    for number in range(image.nb_snapshots):
        start = offset
        entry = QCowSnapshotHeader._make(
            unpack(_SNAPSHOT, image.view, start, f"entry {number} of the qcow2 snapshot table")
        )
        if entry.extra_data_size > QCOW_MAX_SNAPSHOT_EXTRA_DATA:
            raise BadPayload(
                f"entry {number} of the qcow2 snapshot table has {entry.extra_data_size} bytes of extra data, "
                f"at most {QCOW_MAX_SNAPSHOT_EXTRA_DATA} are allowed",
                offset=start,
            )
        extra = start + _SNAPSHOT.size
        texts = extra + entry.extra_data_size
        offset = texts + entry.id_str_size + entry.name_size
        if offset > len(image.view):
            raise Truncated(f"entry {number} of the qcow2 snapshot table runs out of the file", offset=start)
        vm_state_size, disk_size = entry.vm_state_size, image.size
        if entry.extra_data_size >= _VM_STATE_SIZE_LARGE.size:
            (vm_state_size,) = _VM_STATE_SIZE_LARGE.unpack_from(image.view, extra)
        if entry.extra_data_size >= _VM_STATE_SIZE_LARGE.size + _DISK_SIZE.size:
            (disk_size,) = _DISK_SIZE.unpack_from(image.view, extra + _VM_STATE_SIZE_LARGE.size)
        id_str = bytes(image.view[texts : texts + entry.id_str_size])
        name = bytes(image.view[texts + entry.id_str_size : offset])
        snapshots.append(
            Snapshot(
                id=id_str.decode("utf-8", "surrogateescape"),
                name=name.decode("utf-8", "surrogateescape"),
                offset=start,
                l1_table_offset=entry.l1_table_offset,
                l1_size=entry.l1_size,
                vm_state_size=vm_state_size,
                disk_size=disk_size,
                date_sec=entry.date_sec,
                vm_clock_nsec=entry.vm_clock_nsec,
            )
        )
        offset += -offset % 8
    return tuple(snapshots)


def choose_snapshot(snapshots: tuple[Snapshot, ...], wanted: str | None) -> Snapshot:
    """Find the snapshot that somebody wants.

    Args:
        snapshots: all of an image.
        wanted: a name or an id, a name first; ``None``: the only one that has VM state.

    Raises:
        NotFound: there is none such, or more than one, or it has no VM state; the message lists what there is.
    """
    there = ", ".join(f"{each.name!r} (id {each.id}, {each.vm_state_size} bytes)" for each in snapshots[:_LISTED])
    there += f" and {len(snapshots) - _LISTED} more" if len(snapshots) > _LISTED else ""
    if not snapshots:
        raise NotFound("the qcow2 image has no internal snapshot, so there is no VM state in it")
    if wanted is None:
        found = [each for each in snapshots if each.vm_state_size]
        if not found:
            raise NotFound(f"no snapshot of the qcow2 image has VM state: {there}")
    else:
        found = [each for each in snapshots if each.name == wanted] or [
            each for each in snapshots if each.id == wanted
        ]
        if not found:
            raise NotFound(f"no snapshot {wanted!r} in the qcow2 image; it has: {there}")
    if len(found) > 1:
        what = "several snapshots with VM state" if wanted is None else f"several snapshots called {wanted!r}"
        raise NotFound(f"the qcow2 image has {what}, name one (--snapshot): {there}")
    if not found[0].vm_state_size:
        raise NotFound(f"snapshot {found[0].name!r} has no VM state, only the disk's")
    return found[0]

"""Writes qcow2 images for the tests, of every form and with every kind of cluster; nothing here is read back."""

import random
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

from savevm_inspect.container.compression import zstd_module

COPIED = 1 << 63
COMPRESSED = 1 << 62
KINDS = ("data", "zero", "zero allocated", "unallocated", "compressed", "no table")


def deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-12)
    return packer.compress(data) + packer.flush()


PACK: tuple[Callable[[bytes], bytes], ...] = (deflate, lambda data: zstd_module().compress(data))


@dataclass
class Image:
    """A qcow2 image under construction: clusters one after the other, the header written last."""

    bits: int = 9
    version: int = 3
    extended: bool = False
    compression: int = 0
    disk_size: int = 0
    features: int | None = None
    header: dict[str, int] = field(default_factory=dict)
    clusters: bytearray = field(default_factory=bytearray)
    table: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clusters += bytes(self.cluster)

    @property
    def cluster(self) -> int:
        return 1 << self.bits

    @property
    def l2_entries(self) -> int:
        return self.cluster // (16 if self.extended else 8)

    def place(self, data: bytes, *, gap: bool = False) -> int:
        """Append clusters; with a gap before them they follow nothing."""
        if gap:
            self.clusters += b"\xee" * self.cluster
        offset = len(self.clusters)
        self.clusters += data + bytes(-len(data) % self.cluster)
        return offset

    def entry(self, kind: str, data: bytes, *, gap: bool = False, subclusters: int = 0xFFFFFFFF) -> bytes:
        bitmap = 0
        if kind == "compressed":
            packed = PACK[self.compression](data)
            before = self.place(b"\xaa" * 77 + packed) + 77  # nothing aligns it
            sectors = (before + len(packed) - 1) // 512 - before // 512
            word = COMPRESSED | sectors << (62 - (self.bits - 8)) | before
        elif kind == "data":
            word, bitmap = self.place(data, gap=gap) | COPIED, subclusters
        elif kind == "unallocated":
            word = 0
        else:
            word = self.place(b"\xdd" * self.cluster) if kind == "zero allocated" else 0
            word, bitmap = (word, 0xFFFFFFFF << 32) if self.extended else (word | 1, 0)
        return struct.pack(">QQ", word, bitmap) if self.extended else struct.pack(">Q", word)

    def vm_state(self, clusters: list[tuple[str, bytes]], *, gap: bool = False) -> list[int]:
        """Place clusters and their L2 tables; returns the L1 entries."""
        l1 = []
        for start in range(0, len(clusters), self.l2_entries):
            part = clusters[start : start + self.l2_entries]
            if all(kind == "no table" for kind, _ in part):
                l1.append(0)
                continue
            entries = [
                self.entry("unallocated" if kind == "no table" else kind, data, gap=gap) for kind, data in part
            ]
            l1.append(self.place(b"".join(entries)) | COPIED)
        return l1

    def snapshot(
        self,
        l1: list[int],
        size: int,
        *,
        name: str = "before",
        id_str: str = "1",
        disk_size: int | None = None,
        extra: int = 24,
        **changes: int,
    ) -> None:
        """Enter a snapshot whose L1 table has entries for the disk before those of the VM state."""
        disk_size = self.disk_size if disk_size is None else disk_size
        of_disk = -(-disk_size // (self.cluster * self.l2_entries))
        table = [0xDEAD0000] * of_disk + l1
        numbers = {
            "l1_table_offset": self.place(struct.pack(f">{len(table)}Q", *table)),
            "l1_size": len(table),
            "id_str_size": len(id_str),
            "name_size": len(name.encode()),
            "date_sec": 7,
            "date_nsec": 8,
            "vm_clock_nsec": 9,
            "vm_state_size": 0xFFFFFF if extra >= 8 else size,
            "extra_data_size": extra,
        } | changes
        row = struct.pack(">QIHHIIQII", *numbers.values())
        row += struct.pack(">QQQ", size, disk_size, 0xFFFFFFFFFFFFFFFF)[:extra].ljust(extra, b"\0")
        row += id_str.encode() + name.encode()
        self.table.append(row + bytes(-len(row) % 8))

    def whole(self) -> bytes:
        numbers = {
            "version": self.version,
            "backing_file_offset": 0,
            "backing_file_size": 0,
            "cluster_bits": self.bits,
            "size": self.disk_size,
            "crypt_method": 0,
            "l1_size": 0,
            "l1_table_offset": 0,
            "refcount_table_offset": 0,
            "refcount_table_clusters": 0,
            "nb_snapshots": len(self.table),
            "snapshots_offset": self.place(b"".join(self.table)) if self.table else 0,
        } | self.header
        head = b"QFI\xfb" + struct.pack(">IQIIQIIQQIIQ", *numbers.values())
        if self.version >= 3:
            features = (self.compression << 3 | self.extended << 4) if self.features is None else self.features
            head += struct.pack(">QQQIIB7x", features, 0, 0, 4, 112, self.compression)
        return head + bytes(self.clusters[len(head) :])


def filled(image: Image, kind: str, seed: int) -> bytes:
    if kind in {"data", "compressed"}:
        word = random.Random(seed).randbytes(16)
        return (word * (image.cluster // 16))[: image.cluster]
    return bytes(image.cluster)


def kinds_of(image: Image) -> list[str]:
    return [kind for kind in KINDS if image.version >= 3 or not kind.startswith("zero")]


def one(**form: object) -> Image:
    image = Image(**form)  # type: ignore[arg-type]
    image.snapshot(image.vm_state([("data", b"x" * image.cluster)]), image.cluster)
    return image

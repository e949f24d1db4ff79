"""What a stream lies in: libvirt's save images, and the VM state of a qcow2 image, as our own readers see them."""

import json
import zlib
from collections.abc import Callable, Iterator
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest
from kaitaistruct import KaitaiStructError

import savevm_inspect as si
from savevm_inspect._ksy.compiled.qemu_libvirt_save import QemuLibvirtSave
from savevm_inspect._ksy.compiled.qemu_qcow2_vm_state import QemuQcow2VmState
from savevm_inspect.container.compression import zstd_module
from savevm_inspect.container.libvirt import QEMU_SAVE_PARTIAL, SAVE_FORMATS, read_header
from savevm_inspect.container.qcow2_clusters import vm_state
from savevm_inspect.container.qcow2_header import read_image, read_snapshots

from ..container import libvirt_image, qcow2_image

CapturePath = Callable[..., Path]


@pytest.mark.parametrize("name", ["t-7.2-libvirt-gzip", "t-10.0-libvirt-sparse"])
def test_libvirt_image_is_what_we_read(capture_path: CapturePath, name: str) -> None:
    path = capture_path(name, "save")
    order, ours = read_header(memoryview(path.read_bytes()))
    with QemuLibvirtSave.from_file(str(path)) as image, si.open_stream(path) as stream:
        header = image.header
        assert (header.version, header.len_documents, header.was_running, header.format, header.ofs_cookie) == ours
        assert (order, image.is_complete, header.format.name) == ("little", True, stream.source.facts["compression"])
        assert image.domain_xml == stream.source.documents["domain"]
        assert image.cookie == stream.source.documents["cookie"]
        assert image.stream.ofs_content == stream.source.facts["data_offset"]
        assert image.stream.ofs_content + image.stream.len_content == path.stat().st_size


@pytest.mark.parametrize("order", ["<", ">"], ids=["little", "big"])
@pytest.mark.parametrize("name", SAVE_FORMATS)
def test_libvirt_image_of_any_kind(order: str, name: str) -> None:
    number = SAVE_FORMATS.index(name)
    data = libvirt_image.image(b"stream", order=order, compressed=number, magic=QEMU_SAVE_PARTIAL)
    image = QemuLibvirtSave.from_bytes(data)
    assert (image.header.version, image.header.format.name, image.is_complete) == (2, name, False)
    assert (image.domain_xml, image.cookie) == (libvirt_image.XML, libvirt_image.COOKIE)
    assert image.stream.content == b"stream"


def test_libvirt_image_without_cookie() -> None:
    image = QemuLibvirtSave.from_bytes(libvirt_image.image(b"stream", cookie=b"", cookie_offset=0, padding=0))
    assert not hasattr(image, "cookie")
    assert (image.domain_xml, image.stream.content) == (libvirt_image.XML, b"stream")


def vm_state_of(image: Any, snapshot: Any) -> bytes:
    """The VM state, put together as qemu_qcow2_vm_state.ksy says."""
    state = b""
    for cluster in clusters_of(image, snapshot):
        state += cluster
        if len(state) >= snapshot.len_vm_state:
            break
    return state[: snapshot.len_vm_state]


def clusters_of(image: Any, snapshot: Any) -> Iterator[bytes]:
    zeros = bytes(image.header.len_cluster)
    for l1_entry in snapshot.l1.entries:
        if l1_entry.l2 is None:
            yield from repeat(zeros, image.header.num_l2)
            continue
        for entry in l1_entry.l2.entries:
            yield compressed(image, entry) if entry.is_compressed else standard(entry, zeros)


def standard(entry: Any, zeros: bytes) -> bytes:
    content = entry.cluster.content if entry.cluster else zeros
    if not hasattr(entry, "subclusters"):
        return content
    length = len(zeros) // 32
    return b"".join(
        content[part * length :][:length] if entry.subclusters.allocated >> part & 1 else bytes(length)
        for part in range(32)
    )


def compressed(image: Any, entry: Any) -> bytes:
    image._io.seek(entry.ofs_compressed)
    packed = image._io.read_bytes(min(entry.len_compressed, image._io.size() - entry.ofs_compressed))
    kind = image.header.v3.compression_type if image.header.version == 3 else 0
    unpack = zlib.decompressobj(wbits=-zlib.MAX_WBITS) if kind == 0 else zstd_module().ZstdDecompressor()
    return unpack.decompress(packed, image.header.len_cluster)


def ours(data: bytes) -> list[bytes]:
    """The VM state of each snapshot, by our own reader."""
    view = memoryview(data)
    image = read_image(view)
    return [b"".join(map(bytes_of(view), vm_state(image, each))) for each in read_snapshots(image)]


def bytes_of(view: memoryview) -> Callable[[range | bytes | int], bytes]:
    def whole(extent: range | bytes | int) -> bytes:
        match extent:
            case range():
                return bytes(view[extent.start : extent.stop])
            case int():
                return bytes(extent)
            case _:
                return extent

    return whole


def test_qcow2_snapshots_are_those_that_we_read(capture_path: CapturePath) -> None:
    path = capture_path("t-7.2-qcow2", "qcow2")
    data = path.read_bytes()
    snapshots = read_snapshots(read_image(memoryview(data)))
    with QemuQcow2VmState.from_file(str(path)) as image:
        assert [
            (each.id, each.name, each.len_vm_state, each.len_disk, each.ofs_l1, each.num_l1)
            for each in image.snapshots
        ] == [
            (each.id, each.name, each.vm_state_size, each.disk_size, each.l1_table_offset, each.l1_size)
            for each in snapshots
        ]
        assert [each.date_sec for each in image.snapshots] == [each.date_sec for each in snapshots]
        assert len(snapshots) == 2
        assert [vm_state_of(image, each) for each in image.snapshots] == ours(data)
        assert [each.type.name for each in image.extensions] == ["feature_table", "end"]


@pytest.mark.parametrize(
    "form",
    [
        {"bits": 9, "version": 2},
        {"bits": 9},
        {"bits": 12, "disk_size": 3 << 20},
        {"bits": 14, "extended": True},
        {"bits": 16, "compression": 1},
    ],
    ids=str,
)
def test_clusters_of_every_kind(form: dict[str, Any]) -> None:
    image = qcow2_image.Image(**form)
    kinds = [kind for kind in qcow2_image.kinds_of(image) for _ in range(2)]
    clusters = [(kind, qcow2_image.filled(image, kind, seed)) for seed, kind in enumerate(kinds)]
    size = image.cluster * len(clusters) - 5
    l1 = image.vm_state(clusters)
    image.snapshot(l1, size, name="größer")
    image.snapshot(l1, size, id_str="22", extra=8)
    image.snapshot(l1, size - 1, id_str="3", extra=0)
    data = image.whole()
    read = QemuQcow2VmState.from_bytes(data)
    assert [(each.id, each.name) for each in read.snapshots] == [("1", "größer"), ("22", "before"), ("3", "before")]
    states = [vm_state_of(read, each) for each in read.snapshots]
    assert states == ours(data)
    assert states[0] == b"".join(content for _, content in clusters)[:size]


@pytest.mark.parametrize("bits", [9, 16, 21])
def test_place_of_a_compressed_cluster(bits: int) -> None:
    image = qcow2_image.Image(bits=bits)
    content = qcow2_image.filled(image, "compressed", 3)
    packed = qcow2_image.PACK[0](content)
    image.snapshot([image.place(image.entry("compressed", content))], image.cluster)
    data = image.whole()
    (entry, *_) = QemuQcow2VmState.from_bytes(data).snapshots[0].l1.entries[0].l2.entries
    start, end = entry.ofs_compressed, entry.ofs_compressed + entry.len_compressed
    assert data[start:].startswith(packed)
    assert end % 512 == 0
    assert end - 512 < start + len(packed) <= end


def test_some_parts_of_a_cluster() -> None:
    image = qcow2_image.Image(bits=14, extended=True)
    content = bytes(range(1, 33)) * (image.cluster // 32)
    entry = image.entry("data", content, subclusters=0x80000001)
    image.snapshot([image.place(entry)], image.cluster)
    data = image.whole()
    read = QemuQcow2VmState.from_bytes(data)
    assert [vm_state_of(read, each) for each in read.snapshots] == ours(data)


@pytest.mark.parametrize(
    "changes",
    [
        {"header": {"version": 4}},
        {"header": {"crypt_method": 1}},
        {"header": {"cluster_bits": 8}},
        {"header": {"cluster_bits": 22}},
        {"header": {"nb_snapshots": 65537}},
        {"features": 0x04},
        {"features": 0x20},
        {"features": 1 << 40},
        {"compression": 2, "features": 8},
    ],
    ids=json.dumps,
)
def test_images_that_we_refuse_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(KaitaiStructError):
        QemuQcow2VmState.from_bytes(qcow2_image.Image(**changes).whole())


@pytest.mark.parametrize(
    "changes", [{"l1_size": 1}, {"l1_size": 0x400001}, {"extra_data_size": 1025}], ids=json.dumps
)
def test_snapshots_that_can_not_be_are_refused(changes: dict[str, int]) -> None:
    image = qcow2_image.Image(disk_size=1 << 20)
    image.snapshot(image.vm_state([("data", b"x" * 512)]), 512, **changes)
    with pytest.raises(KaitaiStructError):
        [each.l1 for each in QemuQcow2VmState.from_bytes(image.whole()).snapshots]

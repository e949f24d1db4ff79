"""Images that real programs wrote: memory must be that of the stopped guest, every byte must be owned."""

import gzip
import hashlib
import json
import lzma
import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import savevm_inspect as si
from savevm_inspect.container.qcow2_clusters import vm_state
from savevm_inspect.container.qcow2_header import Snapshot, read_image
from savevm_inspect.views.summary import problems, summary

CAPTURES = Path(__file__).parents[1] / "captures"
needs_qemu_img = pytest.mark.skipif(not shutil.which("qemu-img"), reason="no qemu-img; Debian's package qemu-utils")


def truth_of(name: str) -> dict[str, str]:
    with lzma.open(CAPTURES / f"{name}.truth.json.xz") as file:
        truth: dict[str, str] = json.load(file)
    return truth


def hashes(stream: si.Stream, block: str = "pc.ram") -> tuple[str, str]:
    memory = stream.memory[block].read()
    return hashlib.sha256(memory[: 640 << 10]).hexdigest(), hashlib.sha256(memory[1 << 20 :]).hexdigest()


@pytest.mark.parametrize(
    ("name", "kind", "container", "snapshot"),
    [
        ("t-7.2-libvirt-gzip", "save", "libvirt", None),
        ("t-10.0-libvirt-sparse", "save", "libvirt", None),
        ("t-7.2-qcow2", "qcow2", "qcow2", "snap1"),
    ],
)
def test_memory_is_that_of_the_stopped_guest(
    name: str, kind: str, container: str, snapshot: str | None, capture_path: Callable[..., Path]
) -> None:
    truth = truth_of(name)
    with si.open_stream(capture_path(name, kind), snapshot=snapshot) as stream:
        facts = summary(stream)
        assert not problems(stream)
        assert hashes(stream) == (truth["sha256_0_640k"], truth["sha256_1m_end"])
    assert facts["container"] == container
    assert facts["complete"]
    assert facts["opaque_bytes"] == 0
    assert facts["decoded_bytes"] + facts["hole_bytes"] == facts["size_bytes"]


def test_the_image_may_itself_be_compressed() -> None:
    with si.open_stream(CAPTURES / "t-7.2-qcow2.qcow2.xz", snapshot="snap1") as stream:
        assert stream.container == "qcow2"
        assert stream.source.facts["within"] == "xz"
        assert hashes(stream)[0] == truth_of("t-7.2-qcow2")["sha256_0_640k"]


def test_what_libvirt_says(capture_path: Callable[..., Path]) -> None:
    with si.open_stream(capture_path("t-7.2-libvirt-gzip", "save")) as stream:
        facts, documents = stream.source.facts, stream.source.documents
        assert facts["compression"] == "gzip"
        assert facts["domain"] == "tiny"
        assert documents["domain"].startswith("<domain type='qemu'>")
        assert documents["domain"].rstrip().endswith("</domain>")
        assert documents["cookie"].startswith("<cookie>")
        assert facts["domain_xml_bytes"] == len(documents["domain"])


def test_a_cut_libvirt_image_is_read_as_far_as_it_goes(capture_path: Callable[..., Path], tmp_path: Path) -> None:
    data = capture_path("t-7.2-libvirt-gzip", "save").read_bytes()
    part = tmp_path / "part.save"
    part.write_bytes(data[: len(data) // 2].replace(b"LibvirtQemudSave", b"LibvirtQemudPart", 1))
    with pytest.raises(si.SavevmError, match="gzip data is cut"):
        si.open_stream(part)
    with si.open_stream(part, strict=False) as stream:
        assert not stream.complete
        assert stream.source.facts["partial"]
        assert len(stream.problems) >= 2
        assert len(stream.pages) > 100


def test_an_offset_counts_in_what_a_container_holds(capture_path: Callable[[str], Path]) -> None:
    data = capture_path("none-11.1").read_bytes()
    with si.open_stream(gzip.compress(b"x" * 4096 + data), 4096) as stream:
        assert stream.size_bytes == len(data)
        assert stream.complete
    header = b"LibvirtQemudSave" + struct.pack("<5I56x", 2, 100, 0, 6, 0) + b"<a/>".ljust(100, b"\0")
    with si.open_stream(header + data) as stream:
        assert (stream.container, stream.offset, stream.size_bytes) == ("libvirt", 192, len(data))
        assert stream.records[0].span.offset == 192
        assert stream.complete


@pytest.mark.qemu
@needs_qemu_img
@pytest.mark.parametrize(
    "options",
    [
        "compat=0.10",
        "compat=1.1",
        "compat=1.1,cluster_size=512",
        "compat=1.1,cluster_size=2M",
        "compat=1.1,compression_type=zstd",
        "compat=1.1,compression_type=zstd,cluster_size=4k",
        "compat=1.1,cluster_size=16k,extended_l2=on",
        "compat=1.1,cluster_size=64k,extended_l2=on,compression_type=zstd",
    ],
)
@pytest.mark.parametrize("compress", [(), ("-c",)])
def test_the_clusters_that_qemu_img_writes(options: str, compress: tuple[str, ...], tmp_path: Path) -> None:
    """QEMU compresses no VM state, so here a whole disk is walked as one: its active L1 table, from 0 on."""
    plain = bytearray((CAPTURES / "t-7.2-live.mig.xz").read_bytes()[:100_000] * 9)
    plain += bytes(300_000) + b"text that repeats; " * 40_000 + bytes(70_000)
    plain += bytes(-len(plain) % 512)
    (tmp_path / "disk.raw").write_bytes(plain)
    command = ["qemu-img", "convert", "-q", "-f", "raw", "-O", "qcow2", *compress, "-o", options]
    subprocess.run([*command, tmp_path / "disk.raw", tmp_path / "disk.qcow2"], check=True)
    image = read_image(memoryview((tmp_path / "disk.qcow2").read_bytes()))
    l1_size, l1_table_offset = struct.unpack_from(">IQ", image.view, 36)
    disk = Snapshot(
        id="",
        name="",
        offset=0,
        l1_table_offset=l1_table_offset,
        l1_size=l1_size,
        vm_state_size=len(plain),
        disk_size=0,
        date_sec=0,
        vm_clock_nsec=0,
    )
    extents = list(vm_state(image, disk))
    kinds = {type(extent) for extent in extents}
    assert (bytes if compress else range) in kinds
    pieces = (
        bytes(image.view[each.start : each.stop]) if isinstance(each, range) else bytes(each) for each in extents
    )
    assert b"".join(pieces) == plain


def test_the_sparse_format_of_libvirt_counts_in_the_file(capture_path: Callable[..., Path]) -> None:
    path = capture_path("t-10.0-libvirt-sparse", "save")
    with si.open_stream(path) as stream:
        assert stream.source.facts["compression"] == "sparse"
        assert stream.offset == stream.source.facts["data_offset"] == stream.records[0].span.offset
        assert stream.size_bytes == path.stat().st_size - stream.offset
        assert bytes(stream.buffer[stream.offset : stream.offset + 4]) == b"QEVM"

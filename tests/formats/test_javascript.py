"""The formats beside the envelope in JavaScript: without anything written by hand they read what Python reads."""

import json
import os
import subprocess
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from kaitaistruct import KaitaiStream

from savevm_inspect._ksy.compiled.qemu_libvirt_save import QemuLibvirtSave
from savevm_inspect._ksy.compiled.qemu_migration_multifd import QemuMigrationMultifd
from savevm_inspect._ksy.compiled.qemu_migration_postcopy_preempt import QemuMigrationPostcopyPreempt
from savevm_inspect._ksy.compiled.qemu_migration_resumed import QemuMigrationResumed
from savevm_inspect._ksy.compiled.qemu_migration_return_path import QemuMigrationReturnPath
from savevm_inspect._ksy.compiled.qemu_qcow2_vm_state import QemuQcow2VmState

from ..container import qcow2_image

HERE = Path(__file__).parent
FORMATS = HERE.parents[1] / "formats"
PAGE = 4096

CapturePath = Callable[..., Path]
Leaves = tuple[str, Callable[[Any], Any]]
"""The same question twice: as an expression of JavaScript, and as a function."""

PACKETS: Leaves = (
    (
        "tree.packets.map(p => [p.flags, p.body.packetNum, p.body.blockName, p.body.numZero,"
        " p.body.offsets.slice(0, p.body.numNormal + p.body.numZero),"
        " (p.body.pages ?? [p.body.packed]).map(e => e.content.subarray(0, 8))])"
    ),
    lambda tree: [
        [
            packet.flags,
            packet.body.packet_num,
            packet.body.block_name,
            packet.body.num_zero,
            packet.body.offsets[: packet.body.num_normal + packet.body.num_zero],
            [each.content[:8] for each in getattr(packet.body, "pages", None) or packed_of(packet.body)],
        ]
        for packet in tree.packets
    ],
)
MESSAGES: Leaves = (
    (
        "tree.messages.map(m => [m.type, m.argument?.blockName, m.argument?.pages?.start ?? m.argument?.start,"
        " m.bitmap?.bits].map(v => v ?? null))"
    ),
    lambda tree: [
        [message.type, *message_words(getattr(message, "argument", None)), getattr(bitmap_of(message), "bits", None)]
        for message in tree.messages
    ],
)
RECORDS: Leaves = (
    "tree.records.map(r => [r.kind, r.addr, r.body?.content?.subarray(0, 8) ?? null])",
    lambda tree: [
        [record.kind, record.addr, record.body.content[:8] if hasattr(record, "body") else None]
        for record in tree.records
    ],
)
PLACES: Leaves = (
    "tree.records.map(r => [r.recordType, r.ofsStart, r.ofsEnd])",
    lambda tree: [[record.record_type, record.ofs_start, record.ofs_end] for record in tree.records],
)
HEADER: Leaves = (
    (
        "[tree.header.version, tree.header.format, tree.header.ofsCookie, tree.domainXml, tree.cookie,"
        " tree.stream.content.subarray(0, 8), tree.stream.lenContent]"
    ),
    lambda tree: [
        tree.header.version,
        tree.header.format,
        tree.header.ofs_cookie,
        tree.domain_xml,
        tree.cookie,
        tree.stream.content[:8],
        tree.stream.len_content,
    ],
)
CLUSTERS: Leaves = (
    (
        "tree.snapshots.map(s => [s.name, s.lenVmState, s.lenDisk, s.idxVmState, s.l1.entries.map(a =>"
        " (a.l2?.entries ?? []).map(e => [e.isZero, e.ofsCluster,"
        " e.isCompressed ? [e.ofsCompressed, e.lenCompressed] : null,"
        " e.cluster?.content?.subarray(0, 8) ?? null]))])"
    ),
    lambda tree: [
        [
            each.name,
            each.len_vm_state,
            each.len_disk,
            each.idx_vm_state,
            [[entry_words(entry) for entry in (l1.l2.entries if l1.l2 else [])] for l1 in each.l1.entries],
        ]
        for each in tree.snapshots
    ],
)


def packed_of(body: Any) -> list[Any]:
    return [body.packed] if body.is_packed else []


def bitmap_of(message: Any) -> Any:
    return getattr(message, "bitmap", None)


def message_words(argument: Any) -> list[Any]:
    pages = getattr(argument, "pages", argument)
    return [getattr(argument, "block_name", None), getattr(pages, "start", None)]


def entry_words(entry: Any) -> list[Any]:
    packed = [entry.ofs_compressed, entry.len_compressed] if entry.is_compressed else None
    return [entry.is_zero, entry.ofs_cluster, packed, entry.cluster.content[:8] if entry.cluster else None]


CASES: list[tuple[type[Any], tuple[int, ...], str, str, Leaves]] = [
    (QemuMigrationMultifd, (PAGE,), "t-11.1-multifd", "ch2.fwd", PACKETS),
    (QemuMigrationMultifd, (PAGE,), "s-7.2-multifd-zstd", "ch1.fwd", PACKETS),
    (QemuMigrationReturnPath, (), "trace-pc-10.0-postcopy-recover-resumed", "ch0.rev", MESSAGES),
    (QemuMigrationPostcopyPreempt, (PAGE,), "s-11.1-postcopy-preempt", "ch1.fwd", RECORDS),
    (QemuMigrationResumed, (PAGE, 1, 1), "trace-pc-10.0-postcopy-recover-resumed", "ch0.fwd", PLACES),
    (QemuLibvirtSave, (), "t-7.2-libvirt-gzip", "save", HEADER),
    (QemuQcow2VmState, (), "t-7.2-qcow2", "qcow2", CLUSTERS),
    (QemuQcow2VmState, (), "made", "9", CLUSTERS),
    (QemuQcow2VmState, (), "made", "16", CLUSTERS),
]


def made_image(folder: Path, bits: int) -> Path:
    """An image with clusters of every kind."""
    image = qcow2_image.Image(bits=bits, disk_size=5 << 20)
    kinds = [kind for kind in qcow2_image.kinds_of(image) if kind != "no table"]
    l1 = image.vm_state([(kind, qcow2_image.filled(image, kind, seed)) for seed, kind in enumerate(kinds)])
    image.snapshot(l1, image.cluster * len(kinds))
    path = folder / f"{bits}.qcow2"
    path.write_bytes(image.whole())
    return path


@pytest.mark.node
def test_both_languages_read_the_same(capture_path: CapturePath, tmp_path: Path) -> None:
    if not (FORMATS / "node_modules" / "kaitai-struct").is_dir():
        subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=FORMATS, check=True)
    subprocess.run(
        ["node", str(FORMATS / "compile.mjs"), str(tmp_path), "javascript"],
        check=True,
        capture_output=True,
    )
    paths = [
        made_image(tmp_path, int(suffix)) if name == "made" else capture_path(name, suffix)
        for _, _, name, suffix, _ in CASES
    ]
    jobs = [
        {"format": kind.__name__, "path": str(path), "args": arguments, "leaves": leaves[0]}
        for path, (kind, arguments, _, _, leaves) in zip(paths, CASES, strict=True)
    ]
    done = subprocess.run(
        ["node", str(HERE / "read_plainly.js"), str(tmp_path)],
        input=json.dumps(jobs),
        env={**os.environ, "NODE_PATH": str(FORMATS / "node_modules")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for answer, path, (kind, arguments, _, _, leaves) in zip(json.loads(done.stdout), paths, CASES, strict=True):
        tree = kind(*arguments, KaitaiStream(BytesIO(path.read_bytes())))
        expected = json.loads(json.dumps(leaves[1](tree), default=bytes.hex))
        assert expected
        assert answer == expected

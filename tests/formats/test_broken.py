"""Bytes that are cut or changed: every format ends in Kaitai's errors or ours, soon and in little memory."""

import random
import time
import tracemalloc
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from struct import pack
from typing import Any

import pytest
from kaitaistruct import KaitaiStream, KaitaiStruct, KaitaiStructError

from savevm_inspect._ksy.compiled.qemu_libvirt_save import QemuLibvirtSave
from savevm_inspect._ksy.compiled.qemu_migration_envelope import QemuMigrationEnvelope
from savevm_inspect._ksy.compiled.qemu_migration_multifd import QemuMigrationMultifd
from savevm_inspect._ksy.compiled.qemu_migration_postcopy_preempt import QemuMigrationPostcopyPreempt
from savevm_inspect._ksy.compiled.qemu_migration_resumed import QemuMigrationResumed
from savevm_inspect._ksy.compiled.qemu_migration_return_path import QemuMigrationReturnPath
from savevm_inspect._ksy.compiled.qemu_qcow2_vm_state import QemuQcow2VmState
from savevm_inspect._ksy.extent import QemuMigrationExtent
from savevm_inspect.errors import SavevmError

from ..container import qcow2_image

CapturePath = Callable[..., Path]

PAGE = 4096
REFUSALS = (KaitaiStructError, UnicodeDecodeError, SavevmError)
HEAP_FACTOR = 1500
"""Bytes of objects for a byte of input: a record of few bytes becomes some objects."""


def small_qcow2() -> bytes:
    image = qcow2_image.Image()
    kinds = qcow2_image.kinds_of(image)
    l1 = image.vm_state([(kind, qcow2_image.filled(image, kind, 1)) for kind in kinds])
    image.snapshot(l1, image.cluster * len(kinds))
    whole: bytes = image.whole()
    return whole


def read_all(tree: KaitaiStruct) -> None:
    """Read what Kaitai reads late, all the way down; contents of extents are never looked at."""
    pending: list[Any] = [tree]
    seen: set[int] = set()
    while pending:
        each = pending.pop()
        if isinstance(each, list):
            pending += [item for item in each if isinstance(item, KaitaiStruct)]
        elif isinstance(each, KaitaiStruct) and id(each) not in seen:
            seen.add(id(each))  # all stay alive in the tree, so no number is given twice
            pending += [getattr(each, name) for name in LATE[type(each)]]
            pending += [inner for name, inner in vars(each).items() if name not in {"_parent", "_root"}]


class _Late(dict[type, list[str]]):
    def __missing__(self, kind: type) -> list[str]:
        names = [name for name, member in vars(kind).items() if isinstance(member, property)]
        self[kind] = [] if kind is QemuMigrationExtent else names
        return self[kind]


LATE = _Late()
"""The names of what each class reads late."""


INPUTS: dict[str, tuple[type[Any], tuple[int, ...], str, str]] = {
    "multifd": (QemuMigrationMultifd, (PAGE,), "t-11.1-multifd", "ch1.fwd"),
    "multifd 7.2": (QemuMigrationMultifd, (PAGE,), "s-7.2-multifd-zstd", "ch2.fwd"),
    "return path": (QemuMigrationReturnPath, (), "trace-pc-10.0-postcopy-recover-resumed", "ch0.rev"),
    "preempt": (QemuMigrationPostcopyPreempt, (PAGE,), "s-11.1-postcopy-preempt", "ch1.fwd"),
    "resumed": (QemuMigrationResumed, (PAGE, 1, 1), "trace-pc-10.0-postcopy-recover-resumed", "ch0.fwd"),
    "libvirt": (QemuLibvirtSave, (), "t-7.2-libvirt-gzip", "save"),
    "qcow2": (QemuQcow2VmState, (), "", ""),
    "s390x": (QemuMigrationEnvelope, (PAGE,), "s390x-s390-ccw-virtio-11.1", "mig"),
    "ppc64": (QemuMigrationEnvelope, (PAGE,), "ppc64-pseries-11.1", "mig"),
    "mapped-ram": (QemuMigrationEnvelope, (PAGE,), "x86-10.0-mapped", "mig"),
    "bitmaps": (QemuMigrationEnvelope, (PAGE,), "s-10.0-bitmaps", "ch0.fwd"),
    "postcopy": (QemuMigrationEnvelope, (PAGE,), "t-10.0-postcopy", "ch0.fwd"),
}
ENDS_ANYWHERE = {"return path", "multifd", "multifd 7.2", "preempt", "libvirt"}
"""What has no end mark may end after any of its records; libvirt's header does not say how long the stream is."""


@pytest.fixture
def case(request: pytest.FixtureRequest, capture_path: CapturePath) -> tuple[Callable[[bytes], None], bytes]:
    kind, arguments, name, suffix = INPUTS[request.param]
    data = capture_path(name, suffix).read_bytes() if name else small_qcow2()

    def read(data: bytes) -> None:
        read_all(kind(*arguments, KaitaiStream(BytesIO(data))))

    return read, data


def outcome(read: Callable[[bytes], None], data: bytes) -> bool:
    """Whether it is refused; any other error is raised, and so is one of time or of memory."""
    began = time.process_time()
    try:
        read(data)
    except REFUSALS:
        refused = True
    else:
        refused = False
    assert time.process_time() - began < 30
    return refused


def times(data: bytes, of_small: int) -> int:
    """How often to try: a machine's whole stream takes a second."""
    return of_small if len(data) < 1 << 20 else of_small // 8


def cut_short(data: bytes, places: int) -> list[bytes]:
    chance = random.Random(places)
    near = [chance.randrange(min(len(data), 4000)) for _ in range(places)]
    anywhere = [chance.randrange(len(data)) for _ in range(places // 8)]
    return [data[:place] for place in sorted({0, 1, *near, *anywhere, len(data) - 1})]


@pytest.mark.parametrize("case", INPUTS, indirect=True)
def test_what_is_whole_is_read(case: tuple[Callable[[bytes], None], bytes], request: pytest.FixtureRequest) -> None:
    read, data = case
    refused = outcome(read, data)
    assert refused == ("postcopy" in request.node.callspec.id)  # it has no description: no device's length is known


@pytest.mark.parametrize("case", sorted(set(INPUTS) - ENDS_ANYWHERE - {"qcow2"}), indirect=True)
def test_what_is_cut_is_refused(case: tuple[Callable[[bytes], None], bytes]) -> None:
    read, data = case
    assert all(outcome(read, part) for part in cut_short(data, times(data, 40)))


@pytest.mark.parametrize("case", sorted(ENDS_ANYWHERE | {"qcow2"}), indirect=True)
def test_what_is_cut_is_refused_but_between_records(case: tuple[Callable[[bytes], None], bytes]) -> None:
    read, data = case
    refusals = [outcome(read, part) for part in cut_short(data, times(data, 40))]
    assert sum(refusals) > len(refusals) // 4
    assert refusals[1]


@pytest.mark.parametrize("case", INPUTS, indirect=True)
def test_what_is_changed_ends_soon(case: tuple[Callable[[bytes], None], bytes]) -> None:
    read, data = case
    chance = random.Random(len(data))
    refusals = [outcome(read, changed(data, chance)) for _ in range(times(data, 25))]
    assert any(refusals) or len(refusals) < 25  # a page is as good as any other


def changed(data: bytes, chance: random.Random) -> bytes:
    mutated = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        place = chance.choice([chance.randrange(min(len(data), 600)), chance.randrange(len(data))])
        width = chance.choice([1, 1, 2, 4, 8])
        value = chance.choice([bytes(8), b"\xff" * 8, b"\x7f" + b"\xff" * 7, chance.randbytes(8)])
        mutated[place : place + width] = value[: len(mutated[place : place + width])]
    return bytes(mutated)


def heap_of(read: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        read()
    except REFUSALS:
        pass
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return peak


@pytest.mark.parametrize("case", ["return path", "libvirt", "qcow2", "multifd"], indirect=True)
def test_memory_is_that_of_the_input(case: tuple[Callable[[bytes], None], bytes]) -> None:
    """Lengths and counts of four thousand million are no reason to ask for as much."""
    read, data = case
    chance = random.Random(1)
    for _ in range(12):
        place = chance.randrange(min(len(data), 600))
        huge = data[:place] + b"\xff" * 4 + data[place + 4 :]
        assert heap_of(lambda: read(huge)) < HEAP_FACTOR * len(huge) + (4 << 20)  # noqa: B023 - called at once


def parts_after(starts: int) -> bytes:
    """Many PARTs of the first of some devices; each finds its START by going back over those that came later."""
    opened = b"".join(
        b"\1" + pack(">I", number) + b"\x0cdirty-bitmap" + pack(">II", 0, 1) + b"\1" for number in range(starts)
    )
    return b"QEVM" + pack(">I", 3) + opened + (b"\2" + pack(">I", 0) + b"\1") * 2000 + b"\0"


def test_sections_that_look_far_back_take_no_more_than_others() -> None:
    data = parts_after(32)
    trees = []
    held = heap_of(lambda: trees.append(QemuMigrationEnvelope(0, KaitaiStream(BytesIO(data)))))
    assert len(trees[0].records) == 32 + 2000 + 1
    assert held < HEAP_FACTOR * len(data)
    with pytest.raises(KaitaiStructError):
        QemuMigrationEnvelope(0, KaitaiStream(BytesIO(parts_after(33))))


def test_tables_that_refer_to_themselves_are_read_once() -> None:
    image = qcow2_image.Image()
    l1 = [image.cluster] * 50
    image.place(pack(">Q", image.cluster) * image.l2_entries)
    image.snapshot(l1, image.cluster * image.l2_entries * 50)
    data = image.whole()
    assert heap_of(lambda: read_all(QemuQcow2VmState.from_bytes(data))) < 20 << 20

"""qcow2 snapshots: every kind of cluster in either kind of table, and which snapshot is meant."""

import random
from typing import Any

import pytest

from savevm_inspect.container import spool
from savevm_inspect.container.source import Source
from savevm_inspect.errors import NotFound

from .qcow2_image import Image, filled, kinds_of

FORMS = [
    pytest.param(bits, version, extended, compression, id=f"{1 << bits} v{version} ext{extended} {compression}")
    for bits, version, extended, compression in (
        (9, 2, False, 0),
        (9, 3, False, 0),
        (12, 3, False, 1),
        (14, 3, True, 0),
        (16, 3, True, 1),
        (16, 2, False, 0),
        (16, 3, False, 1),
        (21, 3, False, 0),
    )
]


@pytest.mark.parametrize(("bits", "version", "extended", "compression"), FORMS)
@pytest.mark.parametrize("seed", range(6))
def test_every_kind_of_cluster(bits: int, version: int, extended: bool, compression: int, seed: int) -> None:
    chance = random.Random(seed)
    image = Image(bits=bits, version=version, extended=extended, compression=compression)
    image.disk_size = chance.choice((0, 1, 5 << 20))
    count = chance.randrange(1, 5 if bits > 16 else 3 * image.l2_entries if bits < 12 else 40)
    if chance.random() < 0.4:
        runs = [chance.choice(kinds_of(image)) for _ in range(count // 9 + 1)]
        clusters = [(kind, filled(image, kind, seed)) for kind in runs for _ in range(9)][:count]
    else:
        clusters = [(kind, filled(image, kind, n)) for n, kind in enumerate(chance.choices(kinds_of(image), k=count))]
    plain = b"".join(data for _, data in clusters)
    size = len(plain) - chance.randrange(image.cluster)
    image.snapshot(image.vm_state(clusters, gap=chance.random() < 0.3), size, extra=chance.choice((8, 16, 24, 32)))
    with Source(image.whole()) as source:
        assert source.container == "qcow2"
        assert source.facts["vm_state_size"] == size
        assert bytes(source.buffer) == plain[:size]
        assert not source.problems


@pytest.mark.parametrize("pattern", [0, 1, 0x80000000, 0x55555555, 0xFFFF0000, 0xFFFFFFFF])
def test_subclusters(pattern: int) -> None:
    image = Image(bits=14, extended=True)
    data = filled(image, "data", 5)
    expected = b"".join(data[n * 512 : n * 512 + 512] if pattern >> n & 1 else bytes(512) for n in range(32))
    l1 = [image.place(image.entry("data", data, subclusters=pattern | (~pattern & 0xFF00FF) << 32))]
    image.snapshot(l1, image.cluster)
    with Source(image.whole()) as source:
        assert bytes(source.buffer) == expected


def test_what_lies_in_one_piece_is_not_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError("spooled")

    monkeypatch.setattr(spool.Spool, "__init__", fail)
    image = Image()
    clusters = [("data", filled(image, "data", n)) for n in range(20)]
    image.snapshot(image.vm_state(clusters), 20 * image.cluster - 100)
    with Source(image.whole()) as source:
        assert bytes(source.buffer) == b"".join(data for _, data in clusters)[:-100]


def several() -> Any:
    """Three with VM state, one without; the second was taken of a smaller disk, two have a number for a name."""
    image = Image(disk_size=3 << 20)
    for number, (name, disk_size) in enumerate((("first", 3 << 20), ("small", 1 << 20), ("1", 3 << 20)), start=1):
        image.snapshot(
            image.vm_state([("data", bytes([number]) * image.cluster)]),
            image.cluster,
            name=name,
            id_str=str(number),
            disk_size=disk_size,
        )
    image.snapshot([], 0, name="disk only", id_str="4")
    return image


@pytest.mark.parametrize(("wanted", "number"), [("first", 1), ("small", 2), ("2", 2), ("1", 3), ("3", 3)])
def test_several_snapshots(wanted: str, number: int) -> None:
    with Source(several().whole(), snapshot=wanted) as source:
        assert bytes(source.buffer) == bytes([number]) * 512
        assert source.facts["snapshot_id"] == str(number)
        assert source.facts["snapshots"] == 4


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (None, r"several snapshots with VM state, name one \(--snapshot\): 'first' \(id 1, 512 bytes\), 'small'"),
        ("second", r"no snapshot 'second' in the qcow2 image; it has: 'first' \(id 1, 512 bytes\), .*'disk only'"),
        ("disk only", r"snapshot 'disk only' has no VM state"),
        ("4", r"snapshot 'disk only' has no VM state"),
        ("", r"no snapshot ''"),
    ],
)
def test_which_snapshot_is_meant(wanted: str | None, message: str) -> None:
    with pytest.raises(NotFound, match=message):
        Source(several().whole(), snapshot=wanted)


def test_the_only_one_with_vm_state_is_taken() -> None:
    image = Image()
    image.snapshot([], 0, name="disk", id_str="1")
    image.snapshot(image.vm_state([("data", b"x" * 512)]), 512, name="vm", id_str="2")
    with Source(image.whole()) as source:
        assert source.facts["snapshot"] == "vm"


def test_no_snapshot_and_none_with_vm_state() -> None:
    with pytest.raises(NotFound, match="no internal snapshot"):
        Source(Image().whole())
    image = Image()
    image.snapshot([], 0, name="disk\n\x1b[31m")
    with pytest.raises(NotFound, match=r"no snapshot of the qcow2 image has VM state: 'disk\\n\\x1b\[31m' \(id 1"):
        Source(image.whole())


def test_two_of_one_name() -> None:
    image = Image()
    for number in "12":
        image.snapshot(image.vm_state([("data", number.encode() * 512)]), 512, name="twin", id_str=number)
    with pytest.raises(NotFound, match="several snapshots called 'twin'"):
        Source(image.whole(), snapshot="twin")
    with Source(image.whole(), snapshot="2") as source:
        assert bytes(source.buffer) == b"2" * 512

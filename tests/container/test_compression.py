"""Compressed files: what went in comes out, what is cut or damaged is said, and nothing grows without bound."""

import bz2
import gzip
import lzma
import os
import random
import resource
import struct
import time
import zlib
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import lzallright
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from savevm_inspect.container import compression, lzop, spool
from savevm_inspect.container.compression import UNPACKERS, zstd_module
from savevm_inspect.container.magic import PACKED_AS
from savevm_inspect.container.source import Source
from savevm_inspect.errors import BadPayload, MissingPackage, SavevmError, StreamError, Truncated, Unsupported

FACTOR = int(os.environ.get("SAVEVM_FUZZ_FACTOR", "1"))
"""How many times the usual number of mutations; the long run sets it."""


def lzop_file(data: bytes, *, flags: int = 0x1, block_bytes: int = 256 << 10, name: bytes = b"vm") -> bytes:
    """As lzop 1.04 writes it: by default with an Adler-32 of what is unpacked."""
    header = struct.pack(">HHHBBIIIIB", 0x1040, 0x20A0, 0x0940, 1, 5, flags, 0o100644, 0, 0, len(name)) + name
    checksum = zlib.crc32(header) if flags & 0x1000 else zlib.adler32(header)
    out = [lzop.LZOP_MAGIC, header, struct.pack(">I", checksum)]
    for start in range(0, len(data), block_bytes):
        plain = data[start : start + block_bytes]
        packed = lzallright.LZOCompressor().compress(plain)
        packed = packed if len(packed) < len(plain) else plain
        out.append(struct.pack(">II", len(plain), len(packed)))
        sums = [(0x1, zlib.adler32, plain), (0x100, zlib.crc32, plain)]
        if packed is not plain:
            sums += [(0x2, zlib.adler32, packed), (0x200, zlib.crc32, packed)]
        out.extend(struct.pack(">I", function(of)) for flag, function, of in sums if flags & flag)
        out.append(packed)
    return b"".join(out) + bytes(4)


PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": lambda data: zstd_module().compress(data),
    "lzop": lzop_file,
}
MAGIC = {name: magic for magic, name in PACKED_AS.items()}
MULTIPLE = [name for name in PACK if name != "lzop"]


def opened(data: bytes, *, strict: bool = True) -> tuple[str, bytes, tuple[SavevmError, ...]]:
    with Source(data, strict=strict) as source:
        return source.container, bytes(source.buffer), source.problems


def sample(length: int) -> bytes:
    """Neither constant nor random: words that repeat."""
    chance = random.Random(length)
    words = [chance.randbytes(24) for _ in range(9)]
    return b"".join(chance.choice(words) for _ in range(length // 24 + 1))[:length]


def test_every_compression_is_tried() -> None:
    assert set(PACK) == set(UNPACKERS) == set(PACKED_AS.values())


@pytest.mark.parametrize("name", PACK)
@settings(max_examples=30)
@given(
    pieces=st.lists(st.tuples(st.binary(min_size=1, max_size=60), st.integers(1, 9000)), max_size=6),
    padding=st.integers(0, 3),
)
def test_what_went_in_comes_out(name: str, pieces: list[tuple[bytes, int]], padding: int) -> None:
    plain = b"QEVM" + b"".join(piece * count for piece, count in pieces)
    zeros = bytes(padding * 4 if name in MULTIPLE else 0)
    assert opened(PACK[name](plain) + zeros) == (name, plain, ())


@pytest.mark.parametrize("name", MULTIPLE)
@pytest.mark.parametrize("lengths", [(0, 1), (3 << 20, 0, 5000), (1 << 20, 1 << 20), (70_000,) * 9])
def test_several_members_are_one_file(name: str, lengths: tuple[int, ...]) -> None:
    parts = [sample(length) for length in lengths]
    assert opened(b"".join(map(PACK[name], parts)))[:2] == (name, b"".join(parts))


@pytest.mark.parametrize("flags", [0x0, 0x1, 0x3, 0x100, 0x300, 0x303, 0x1001])
@pytest.mark.parametrize("block_bytes", [1000, 256 << 10])
def test_the_checksums_of_lzop(flags: int, block_bytes: int) -> None:
    plain = sample(100_000) + random.Random(0).randbytes(5000)
    assert opened(lzop_file(plain, flags=flags, block_bytes=block_bytes))[1] == plain


@pytest.mark.parametrize("name", PACK)
def test_cut_at_every_prefix(name: str) -> None:
    plain = sample(3000)
    packed = PACK[name](plain)
    magic = MAGIC[name]
    for length in range(len(magic), len(packed)):
        with pytest.raises(Truncated, match=r"^0x[0-9a-f]+: the \w+ data is cut at its end, byte \d+$") as caught:
            opened(packed[:length])
        container, got, problems = opened(packed[:length], strict=False)
        assert container == name
        assert plain.startswith(got)
        assert [type(problem) for problem in problems] == [Truncated]
        assert caught.value.offset == len(got)


@pytest.mark.parametrize("name", PACK)
def test_mutations_end_in_bytes_or_one_line(name: str) -> None:
    plain = sample(3000)
    packed = PACK[name](plain)
    chance = random.Random(name)
    wrong = 0
    for _ in range(400 * FACTOR):
        mutated = bytearray(packed)
        for _ in range(chance.choice((1, 1, 4))):
            mutated[chance.randrange(len(MAGIC[name]), len(packed))] = chance.randrange(256)
        try:
            _, got, problems = opened(bytes(mutated), strict=False)
        except SavevmError as error:
            assert "\n" not in str(error)  # noqa: PT017 - either outcome is right
            continue
        wrong += bool(problems) or got != plain
        assert all(isinstance(problem, StreamError) and "\n" not in str(problem) for problem in problems)
    assert wrong


@pytest.mark.parametrize("name", PACK)
def test_what_follows_is_not_passed_over(name: str) -> None:
    with pytest.raises((BadPayload, Truncated)):
        opened(PACK[name](sample(500)) + b"something else entirely, of some length")
    _, got, problems = opened(PACK[name](sample(500)) + b"something else entirely, of some length", strict=False)
    assert got == sample(500)
    assert problems


@pytest.mark.parametrize("name", PACK)
def test_a_bomb_ends_at_the_limit_in_little_memory(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "MIN_LIMIT_BYTES", 24 << 20)
    monkeypatch.setattr(spool, "MAX_EXPANSION", 10)
    bomb = PACK[name](bytes(96 << 20))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(Unsupported, match=r"longer than \d+ bytes, 10 times the \d+ bytes that it is made of"):
        opened(bomb, strict=False)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10


def test_a_spool_leaves_room_on_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("usage", (), {"free": 2000})
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    assert opened(gzip.compress(sample(1000)))[1] == sample(1000)
    with pytest.raises(Unsupported, match="1000 bytes, half of what is free in"):
        opened(gzip.compress(sample(1001)))


def test_the_memory_that_xz_may_ask_for(monkeypatch: pytest.MonkeyPatch) -> None:
    large = lzma.compress(b"x", filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 64 << 20}])
    assert opened(large)[1] == b"x"
    monkeypatch.setattr(compression, "XZ_MEMORY_BYTES", 32 << 20)
    with pytest.raises(BadPayload, match=r"[Mm]emory"):
        opened(large)


def test_the_window_that_zstd_may_ask_for() -> None:
    zstd = zstd_module()
    options = {zstd.CompressionParameter.window_log: 30}
    packer = zstd.ZstdCompressor(options=options)
    large = packer.compress(sample(4 << 20)) + packer.flush()
    with pytest.raises(BadPayload, match="memory"):
        opened(large)


def test_very_many_members_take_linear_time() -> None:
    started = time.process_time()
    assert opened(gzip.compress(b"") * 20_000)[:2] == ("gzip", b"")
    assert time.process_time() - started < 10


@pytest.mark.parametrize(
    ("lengths", "message"),
    [((2 << 20, 100), "a block of 2097152 bytes"), ((10, 11), "packed into 11"), ((10, 0), "packed into 0")],
)
def test_lengths_of_lzop_blocks(lengths: tuple[int, int], message: str) -> None:
    data = lzop_file(b"")[:-4] + struct.pack(">III", *lengths, 0) + bytes(200)
    with pytest.raises(BadPayload, match=message):
        opened(data)


def test_an_lzo_block_that_expands_far_past_its_length() -> None:
    packed = lzallright.LZOCompressor().compress(bytes(8 << 20))
    data = lzop_file(b"", flags=0)[:-4] + struct.pack(">II", len(packed) + 1, len(packed)) + packed + bytes(4)
    with pytest.raises(BadPayload, match=f"unpacks to {8 << 20} bytes, expected {len(packed) + 1}"):
        opened(data)


def test_lzop_of_another_method() -> None:
    data = bytearray(lzop_file(b"x"))
    data[len(lzop.LZOP_MAGIC) + 6] = 128
    with pytest.raises(Unsupported, match="method 128"):
        opened(bytes(data))


@pytest.mark.parametrize(
    ("name", "module", "remedy"),
    [
        ("lzop", "lzallright", r"lzop needs lzallright: pip install 'savevm-inspect\[lzop\]'"),
        ("zstd", "backports", r"zstd needs backports\.zstd: pip install backports\.zstd"),
    ],
)
def test_a_library_that_is_not_there(name: str, module: str, remedy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = PACK[name](b"x")
    monkeypatch.setitem(__import__("sys").modules, module, None)
    if name == "zstd":
        monkeypatch.setitem(__import__("sys").modules, "compression", None)
    with pytest.raises(MissingPackage, match=f"^{remedy}$"):
        opened(packed)


def test_long_runs_of_zeros_take_no_room() -> None:
    with ExitStack() as resources:
        file = spool.Spool(resources, packed_bytes=None)
        for _ in range(64):
            file.write(bytes(1 << 20))
        file.write(b"end")
        file.skip(9 << 20)
        view = file.view()
        assert len(view) == (73 << 20) + 3
        assert bytes(view[(64 << 20) - 2 : (64 << 20) + 5]) == b"\0\0end\0\0"
        assert not any(view[: 64 << 20 : 1 << 12])
        assert os.fstat(file._file.fileno()).st_blocks * 512 < 1 << 20


def test_temporary_files_have_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    with Source(gzip.compress(b"QEVM")) as source:
        assert bytes(source.buffer) == b"QEVM"
        assert list(tmp_path.iterdir()) == []

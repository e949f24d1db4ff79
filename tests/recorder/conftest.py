"""A guest for the recorder: a boot sector that dirties memory for ever, and one recording of it."""

import struct
from dataclasses import dataclass
from pathlib import Path

import pytest

from savevm_inspect.container.capture_folder import CaptureFolder
from savevm_inspect.recorder.qemu import record_qemu

MIB = 1 << 20
PAGE_BYTES = 4096
DIRTIED = range(1 * MIB, 6 * MIB, PAGE_BYTES)
"""Addresses of the bytes that the guest increments, in guest-physical memory and in ``pc.ram`` alike."""

_LOAD_ADDR = 0x7C00  # where a BIOS puts the boot sector
_PROTECTED_OFFSET = 0x40
_GDT_OFFSET = 0x80
_GDTR_OFFSET = 0xA0


def boot_sector() -> bytes:
    """The 512 bytes that a BIOS loads and starts in 16-bit mode, assembled by hand."""
    real_mode = bytes.fromhex(
        "fa"  # cli
        "31 c0"  # xor ax, ax
        "8e d8"  # mov ds, ax
        "8e d0"  # mov ss, ax
        "bc 00 7c"  # mov sp, 0x7c00
        "e4 92"  # in al, 0x92       the fast A20 gate: without it odd megabytes are not there
        "0c 02"  # or al, 2
        "e6 92"  # out 0x92, al
        "0f 01 16 a0 7c"  # lgdt [0x7ca0]
        "0f 20 c0"  # mov eax, cr0
        "0c 01"  # or al, 1           protected mode
        "0f 22 c0"  # mov cr0, eax
        "ea 40 7c 08 00"  # jmp 0x08:0x7c40
    )
    protected_mode = bytes.fromhex(
        "66 b8 10 00"  # mov ax, 0x10
        "8e d8"  # mov ds, ax
        "bf 00 00 10 00"  # sweep: mov edi, 0x100000
        "fe 07"  # next: inc byte [edi]
        "81 c7 00 10 00 00"  # add edi, 0x1000
        "81 ff 00 00 60 00"  # cmp edi, 0x600000
        "72 f0"  # jb next
        "eb e9"  # jmp sweep
    )
    flat_segments = struct.pack(
        "<QQQ",
        0,  # the null descriptor
        0x00CF_9A00_0000_FFFF,  # 0x08: code, base 0, 4 GiB, 32 bits
        0x00CF_9200_0000_FFFF,  # 0x10: data, base 0, 4 GiB
    )
    sector = bytearray(512)
    for offset, content in (
        (0, real_mode),
        (_PROTECTED_OFFSET, protected_mode),
        (_GDT_OFFSET, flat_segments),
        (_GDTR_OFFSET, struct.pack("<HI", len(flat_segments) - 1, _LOAD_ADDR + _GDT_OFFSET)),
        (510, b"\x55\xaa"),  # what makes it a boot sector
    ):
        sector[offset : offset + len(content)] = content
    return bytes(sector)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One recording.

    Attributes:
        path: the capture folder.
        capture: the same, opened.
        memory: the stopped source's guest-physical memory from 0 to the end of its RAM.
    """

    path: Path
    capture: CaptureFolder
    memory: bytes

    @property
    def stream(self) -> Path:
        """The file of the main channel."""
        return self.capture.forward()[0]

    @property
    def dirtied(self) -> bytes:
        """The bytes that the guest counts in."""
        return bytes(self.memory[addr] for addr in DIRTIED)


@pytest.fixture(scope="session")
def boot_disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A disk image that boots the dirtying guest."""
    path = tmp_path_factory.mktemp("boot") / "boot.img"
    path.write_bytes(boot_sector() + bytes(MIB - 512))
    return path


@pytest.fixture(scope="session")
def pc_command(boot_disk: Path) -> str:
    """The command line of a pc with 16 MiB that runs the dirtying guest."""
    disk = f"-drive file={boot_disk},format=raw,if=ide,snapshot=on"
    return f"qemu-system-x86_64 -machine pc -m 16 -nodefaults -display none {disk}"


@pytest.fixture(scope="session")
def recorded_pc(tmp_path_factory: pytest.TempPathFactory, pc_command: str) -> Recorded:
    """A live migration of the dirtying guest, slow enough for several passes, with its ground truth."""
    path = tmp_path_factory.mktemp("recorded") / "pc"
    for run_seconds in (1, 4, 16):  # a slow machine may need longer to boot
        record_qemu(
            pc_command,
            path,
            run_seconds=run_seconds,
            bandwidth_bytes_per_s=16 * MIB,
            downtime_limit_ms=500,
            truth=True,
        )
        recorded = Recorded(
            path=path, capture=CaptureFolder.open(path), memory=(path / "memory.bin").read_bytes()
        )
        if any(recorded.dirtied):
            return recorded
    pytest.fail("the guest never ran its loop")

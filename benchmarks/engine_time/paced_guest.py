"""A guest without an operating system that writes to its memory at a pace: the real counterpart of a Workload.

The boot sector goes to protected mode, makes some pages hold something, says so on port 0xe9, and then adds one to
the first word of a page chosen at random among the hot ones, so many times a second by the TSC. A write that comes
late (the guest was stopped, or waited for a page) is not made up for. ESI counts the writes, so that
``info registers`` tells how many there were without one more page being dirtied.
"""

import ctypes
import mmap
import struct
import time
from dataclasses import dataclass

PAGE_BYTES = 4096
FIRST_PAGE = 256
"""The pages that are filled begin at 1 MiB, the hot ones with them."""

READY = b"!"
_LOAD_ADDR = 0x7C00
_PROTECTED_OFFSET, _GDTR_OFFSET, _GDT_OFFSET = 0x28, 0xE0, 0xE8
_SEGMENTS = struct.pack("<QQQ", 0, 0x00CF_9A00_0000_FFFF, 0x00CF_9200_0000_FFFF)  # 0x08 code, 0x10 data: 4 GiB each
_SECTOR_BYTES = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class PacedWrites:
    """What the guest does.

    Attributes:
        writes_per_s: how often it writes; 0 is an idle guest.
        hot_pages: to how many pages.
        filled_pages: how many pages hold something other than zeros, the hot ones among them.
    """

    writes_per_s: int = 0
    hot_pages: int = 0
    filled_pages: int = 2048


def boot_sector(writes: PacedWrites, tsc_hz: float) -> bytes:
    """The 512 bytes that a BIOS loads and starts in 16-bit mode, assembled by hand.

    Args:
        writes: what the guest does.
        tsc_hz: ticks of its time stamp counter a second; under TCG it is the host's.
    """
    real_mode = bytes.fromhex(
        "fa"  # cli
        "31 c0 8e d8"  # xor ax, ax; mov ds, ax
        "e4 92 0c 02 e6 92"  # in al, 0x92; or al, 2; out 0x92, al     the fast A20 gate
        "0f 01 16 e0 7c"  # lgdt [0x7ce0]
        "0f 20 c0 66 83 c8 01 0f 22 c0"  # cr0 |= PE
        "66 ea 28 7c 00 00 08 00"  # jmp 0x08:0x7c28
    )
    filling = (
        bytes.fromhex(
            "66 b8 10 00 8e d8 8e c0 8e d0"  # mov ax, 0x10; mov ds, ax; mov es, ax; mov ss, ax
            "bf"  # mov edi, ...
        )
        + struct.pack("<I", FIRST_PAGE * PAGE_BYTES)
        + b"\xb9"  # mov ecx, ...
        + struct.pack("<I", writes.filled_pages)
        + bytes.fromhex(
            "c7 07 01 00 00 00"  # next: mov dword [edi], 1
            "81 c7 00 10 00 00"  # add edi, 0x1000
            "49 75 f1"  # dec ecx; jnz next
            "b0 21 e6 e9"  # mov al, '!'; out 0xe9, al
        )
    )
    idle = bytes.fromhex("f4 eb fd")  # idle: hlt; jmp idle
    protected = filling + (_writing(writes, int(tsc_hz / writes.writes_per_s)) if writes.writes_per_s else idle)
    sector = bytearray(_SECTOR_BYTES)
    for offset, content in (
        (0, real_mode),
        (_PROTECTED_OFFSET, protected),
        (_GDTR_OFFSET, struct.pack("<HI", len(_SEGMENTS) - 1, _LOAD_ADDR + _GDT_OFFSET)),
        (_GDT_OFFSET, _SEGMENTS),
        (_SECTOR_BYTES - 2, b"\x55\xaa"),  # what makes it a boot sector
    ):
        sector[offset : offset + len(content)] = content
    return bytes(sector)


def _writing(writes: PacedWrites, period: int) -> bytes:
    """The loop; ``period`` is the time between two writes in ticks."""
    ticks = struct.pack("<I", period)
    return (
        bytes.fromhex(
            "31 f6 bd 01 00 00 00"  # xor esi, esi; mov ebp, 1
            "0f 31 89 c3"  # rdtsc; mov ebx, eax
            "0f 31 29 d8 78 fa"  # wait: rdtsc; sub eax, ebx; js wait
            "3d"  # cmp eax, period
        )
        + ticks
        + bytes.fromhex("72 02 01 c3 81 c3")  # jb due; add ebx, eax; due: add ebx, period
        + ticks
        + bytes.fromhex(
            "69 ed 0d 66 19 00 81 c5 5f f3 6e 3c"  # imul ebp, ebp, 1664525; add ebp, 1013904223
            "89 e8 31 d2 c1 e8 08 b9"  # mov eax, ebp; xor edx, edx; shr eax, 8; mov ecx, ...
        )
        + struct.pack("<I", writes.hot_pages)
        + bytes.fromhex("f7 f1 c1 e2 0c ff 82")  # div ecx; shl edx, 12; inc dword [edx + ...]
        + struct.pack("<I", FIRST_PAGE * PAGE_BYTES)
        + bytes.fromhex("46 eb c5")  # inc esi; jmp wait
    )


def tsc_hz(seconds: float = 0.3) -> float:
    """Ticks of this machine's time stamp counter a second, by a function of its own that reads it (x86-64)."""
    code = bytes.fromhex("0f 31 48 c1 e2 20 48 09 d0 c3")  # rdtsc; shl rdx, 32; or rax, rdx; ret
    with mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC) as page:
        page[: len(code)] = code
        at = ctypes.c_char.from_buffer(page)
        read = ctypes.CFUNCTYPE(ctypes.c_uint64)(ctypes.addressof(at))
        begin, then = time.perf_counter(), read()
        time.sleep(seconds)
        hz = (read() - then) / (time.perf_counter() - begin)
        del at, read
    return hz

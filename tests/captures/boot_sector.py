"""A guest without an operating system: 512 bytes that dirty memory for ever."""

import struct

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


def boot_disk() -> bytes:
    """A disk of 1 MiB that starts with the boot sector."""
    return boot_sector().ljust(MIB, b"\0")

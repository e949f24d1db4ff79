"""What kind of ELF file a core is, and the headers of such a file."""

import struct
from dataclasses import dataclass

_ET_CORE, _EV_CURRENT = 4, 1
CLASS32, CLASS64 = 1, 2
LSB, MSB = 1, 2


@dataclass(frozen=True, slots=True)
class Target:
    """What kind of ELF file a core is.

    Attributes:
        machine: its e_machine.
        elf_class: 1 for 32 bits, 2 for 64.
        data: 1 for little-endian, 2 for big-endian.
    """

    machine: int
    elf_class: int = CLASS64
    data: int = LSB

    @property
    def order(self) -> str:
        """The byte order, as :mod:`struct` writes it."""
        return "<" if self.data == LSB else ">"

    @property
    def header_bytes(self) -> int:
        """Size of the file's header."""
        return 64 if self.elf_class == CLASS64 else 52

    @property
    def segment_bytes(self) -> int:
        """Size of a program header."""
        return 56 if self.elf_class == CLASS64 else 32

    def header(self, segments: int) -> bytes:
        """The file's header."""
        word = "Q" if self.elf_class == CLASS64 else "I"
        return struct.pack(
            f"{self.order}16sHHI3{word}IHHHHHH",
            b"\x7fELF" + bytes((self.elf_class, self.data, _EV_CURRENT)),
            *(_ET_CORE, self.machine, _EV_CURRENT, 0, self.header_bytes, 0),
            *(0, self.header_bytes, self.segment_bytes, segments, 0, 0, 0),
        )

    def segment(self, kind: int, offset: int, gpa: int, length: int) -> bytes:
        """A program header; as with QEMU the virtual address is the physical one."""
        if self.elf_class == CLASS64:
            return struct.pack(f"{self.order}II6Q", kind, 0, offset, gpa, gpa, length, length, 0)
        return struct.pack(f"{self.order}8I", kind, offset, gpa, gpa, length, length, 0, 0)

    def note(self, name: bytes, kind: int, content: bytes) -> bytes:
        """A note; name and content are padded to four bytes."""
        name += b"\0"
        padded = name.ljust(-(-len(name) // 4) * 4, b"\0") + content.ljust(-(-len(content) // 4) * 4, b"\0")
        return struct.pack(f"{self.order}III", len(name), len(content), kind) + padded


I386 = Target(3, CLASS32)
X86_64 = Target(62)
ARM = Target(40, CLASS32)
AARCH64 = Target(183)
RISCV32, RISCV64 = Target(243, CLASS32), Target(243)
PPC = Target(20, CLASS32, MSB)
PPC64, PPC64LE = Target(21, data=MSB), Target(21)
S390 = Target(22, data=MSB)
LOONGARCH64 = Target(258)
M68K = Target(4, CLASS32, MSB)
SPARC64 = Target(43, data=MSB)

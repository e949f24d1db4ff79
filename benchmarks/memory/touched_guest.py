"""Real streams of any size: a guest without an operating system touches its pages once, is stopped and migrated.

The boot sector goes to long mode, where it reaches memory above 4 GiB, adds one to the first byte of every page of
the ranges that it is given (or of every second, and so on), says so on port 0xe9 and halts.
"""

import json
import shlex
import socket
import struct
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

MIB, GIB = 1 << 20, 1 << 30
PAGE_BYTES = 4096
_LOWEST = 1 * MIB  # below it lie the sector itself, its page tables, and the VGA's window
_BELOW_4_GIB = 3 * GIB  # as much of the RAM of machine type pc lies there at most; the rest begins at 4 GiB
_LONG_MODE_OFFSET, _GDTR_OFFSET, _GDT_OFFSET, _RANGES_OFFSET = 0xA0, 0xE0, 0xE8, 0x100
_LOAD_ADDR = 0x7C00
_READY = b"!"


def boot_sector(ram_bytes: int, step_pages: int) -> bytes:
    """The 512 bytes that a BIOS loads and starts in 16-bit mode, assembled by hand.

    Args:
        ram_bytes: how much memory the guest has.
        step_pages: touch every n-th page.
    """
    real_mode = bytes.fromhex(
        "fa"  # cli
        "31 c0 8e d8 8e c0 8e d0"  # xor ax, ax; mov ds, ax; mov es, ax; mov ss, ax
        "bc 00 7c"  # mov sp, 0x7c00
        "e4 92 0c 02 e6 92"  # in al, 0x92; or al, 2; out 0x92, al     the fast A20 gate
        "bf 00 10 b9 00 08 66 31 c0 fc 66 f3 ab"  # clear two pages at 0x1000
        "66 c7 06 00 10 03 20 00 00"  # the first of them points to the second
        "bf 00 20 66 b8 83 00 00 00 66 31 d2 b9 40 00"  # which maps 64 pages of 1 GiB
        "66 89 05 66 89 55 04"  # map: mov [di], eax; mov [di + 4], edx
        "66 05 00 00 00 40 66 83 d2 00"  # add eax, 0x40000000; adc edx, 0
        "83 c7 08 e2 ea"  # add di, 8; loop map
        "0f 01 16 e0 7c"  # lgdt [0x7ce0]
        "0f 20 e0 0c 20 0f 22 e0"  # cr4 |= PAE
        "66 b8 00 10 00 00 0f 22 d8"  # cr3 = 0x1000
        "66 b9 80 00 00 c0 0f 32 80 cc 01 0f 30"  # EFER |= LME
        "0f 20 c0 66 0d 01 00 00 80 0f 22 c0"  # cr0 |= PG | PE
        "ea a0 7c 08 00"  # jmp 0x08:0x7ca0
    )
    long_mode = (
        bytes.fromhex(
            "be 00 7d 00 00"  # mov esi, 0x7d00
            "48 ad 48 89 c7"  # range: lodsq; mov rdi, rax
            "48 ad 48 89 c1"  # lodsq; mov rcx, rax
            "e3 10"  # jrcxz done
            "fe 07"  # next: inc byte [rdi]
            "48 81 c7"  # add rdi, ...
        )
        + struct.pack("<I", step_pages * PAGE_BYTES)
        + bytes.fromhex(
            "48 39 cf 72 f2"  # cmp rdi, rcx; jb next
            "eb e4"  # jmp range
            "b0 21 e6 e9"  # done: mov al, '!'; out 0xe9, al
            "f4 eb f9"  # hlt; jmp done
        )
    )
    segments = struct.pack("<QQ", 0, 0x00AF_9A00_0000_FFFF)  # 0x08: code of 64 bits
    low = min(ram_bytes, _BELOW_4_GIB)
    ranges = [(_LOWEST, low), (4 * GIB, 4 * GIB + ram_bytes - low)] if ram_bytes > low else [(_LOWEST, low)]
    sector = bytearray(512)
    for offset, content in (
        (0, real_mode),
        (_LONG_MODE_OFFSET, long_mode),
        (_GDTR_OFFSET, struct.pack("<HI", len(segments) - 1, _LOAD_ADDR + _GDT_OFFSET)),
        (_GDT_OFFSET, segments),
        (_RANGES_OFFSET, b"".join(struct.pack("<QQ", *each) for each in ranges)),
        (510, b"\x55\xaa"),  # what makes it a boot sector
    ):
        sector[offset : offset + len(content)] = content
    return bytes(sector)


def make_stream(output: Path, *, ram_bytes: int, step_pages: int = 1, binary: str = "qemu-system-x86_64") -> None:
    """Let a guest touch its memory, stop it, and migrate it to a file.

    Args:
        output: the stream to make.
        ram_bytes: how much memory the guest has.
        step_pages: it touches every n-th page; the others stay zero.
        binary: QEMU's program.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "disk").write_bytes(boot_sector(ram_bytes, step_pages).ljust(MIB, b"\0"))
        port, said = folder / "qmp", folder / "said"
        command = (
            f"{binary} -machine pc -cpu qemu64,+pdpe1gb -accel tcg -m {ram_bytes // MIB} -nodefaults -display none "
            f"-drive file={folder / 'disk'},format=raw,if=ide,snapshot=on -debugcon file:{said} "
            f"-qmp unix:{port},server=on,wait=on"
        )
        with subprocess.Popen(shlex.split(command)) as qemu:
            try:
                _drive(_connect(port, qemu), said, output)
            finally:
                qemu.kill()


def _connect(port: Path, qemu: "subprocess.Popen[bytes]") -> socket.socket:
    while qemu.poll() is None:
        try:
            line = socket.socket(socket.AF_UNIX)
            line.connect(str(port))
        except OSError:
            line.close()
            time.sleep(0.05)
        else:
            return line
    raise SystemExit(f"QEMU ended with status {qemu.returncode}")


def _drive(line: socket.socket, said: Path, output: Path) -> None:
    with line, line.makefile("rwb") as talk:

        def ask(command: str, **arguments: object) -> Any:
            talk.write(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
            talk.flush()
            while True:
                answer = json.loads(talk.readline())
                if "error" in answer:
                    raise SystemExit(f"{command}: {answer['error']['desc']}")
                if "return" in answer:
                    return answer["return"]

        talk.readline()  # the greeting
        ask("qmp_capabilities")
        while not said.exists() or not said.read_bytes().endswith(_READY):  # the BIOS talks there, too
            time.sleep(0.1)
        ask("stop")
        ask("migrate-set-parameters", **{"max-bandwidth": 1 << 40})
        ask("migrate", uri=f"exec:cat > {shlex.quote(str(output))}")
        while (status := ask("query-migrate")["status"]) != "completed":
            if status == "failed":
                raise SystemExit("the migration failed")
            time.sleep(0.1)
        ask("quit")

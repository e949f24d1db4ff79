"""Ground truth from a stopped source: its memory and its registers, read past the migration code.

A decoder that rebuilds the guest's memory from the stream must hit these bytes.
"""

from pathlib import Path

from ..errors import RecordError
from .replies import count, mapping, text
from .session import QmpSession

MEMORY = "memory.bin"
REGISTERS = "registers.txt"

_LOW_MEMORY_LIMIT_BYTES = 2 << 30
"""Up to here RAM of the PC machines lies in one piece (hw/i386/pc_q35.c, pc_q35_init)."""


async def take_truth(session: QmpSession, folder: Path) -> None:
    """Write the guest-physical memory from 0 on, as long as RAM is large, and all CPUs' registers.

    On the PC machines that is RAM block ``pc.ram`` at the same offsets, except for 640 KiB to 1 MiB, where
    guest-physical addresses show the VGA window and ROM.

    Args:
        session: of a source that is stopped.
        folder: where ``memory.bin`` and ``registers.txt`` go.

    Raises:
        RecordError: QEMU refused it, or RAM is larger than 2 GiB and so lies in more than one piece.
    """
    summary = mapping(await session.execute("query-memory-size-summary"), "query-memory-size-summary")
    size_bytes = count(summary.get("base-memory"), "query-memory-size-summary's base-memory")
    if size_bytes > _LOW_MEMORY_LIMIT_BYTES:
        raise RecordError(f"ground truth needs RAM of at most 2 GiB, this machine has {size_bytes} bytes")
    memory = folder.absolute() / MEMORY
    memory.touch()
    if size_bytes:
        await session.execute("pmemsave", {"val": 0, "size": size_bytes, "filename": str(memory)})
    registers = await session.execute("human-monitor-command", {"command-line": "info registers -a"})
    (folder / REGISTERS).write_text(text(registers, "info registers").replace("\r\n", "\n"), encoding="utf-8")

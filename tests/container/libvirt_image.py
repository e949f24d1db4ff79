"""libvirt save images, made as libvirt makes them (src/qemu/qemu_saveimage.c), or wrong on demand."""

import random
import struct

from savevm_inspect.container.libvirt import QEMU_SAVE_MAGIC

XML = "<domain type='qemu'>\n  <name>tiny</name>\n</domain>\n"
COOKIE = "<qemusave><cpu/></qemusave>\n"
STREAM = b"QEVM\0\0\0\3" + random.Random(1).randbytes(5000)


def image(
    data: bytes = STREAM,
    *,
    magic: bytes = QEMU_SAVE_MAGIC,
    order: str = "<",
    version: int = 2,
    data_len: int | None = None,
    was_running: int = 1,
    compressed: int = 0,
    cookie_offset: int | None = None,
    xml: bytes = XML.encode(),
    cookie: bytes = COOKIE.encode(),
    padding: int = 64 << 10,
) -> bytes:
    texts = xml + b"\0" + (cookie + b"\0" if cookie else b"")
    offset = len(xml) + 1 if cookie else 0
    numbers = (
        version,
        len(texts) + padding if data_len is None else data_len,
        was_running,
        compressed,
        offset if cookie_offset is None else cookie_offset,
    )
    return magic + struct.pack(f"{order}5I56x", *numbers) + texts + bytes(padding) + data

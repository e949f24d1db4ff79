"""The first bytes of all containers, apart from what opens them, which is imported when it is needed."""

from typing import Final

LZOP_MAGIC: Final = b"\x89LZO\0\r\n\x1a\n"

PACKED_AS: Final = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    LZOP_MAGIC: "lzop",
}
"""How a file is packed that starts with these bytes."""

QEMU_SAVE_MAGIC: Final = b"LibvirtQemudSave"
QEMU_SAVE_PARTIAL: Final = b"LibvirtQemudPart"
QCOW_MAGIC: Final = b"QFI\xfb"
XEMU_MAGIC: Final = b"xemu"

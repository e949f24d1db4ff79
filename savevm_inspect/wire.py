"""Every number of the migration wire format, in QEMU's spelling.

The upstream file of each table is named in its docstring (QEMU 10.2). Nothing here has behaviour.
"""

from enum import IntEnum, IntFlag
from typing import Final

QEMU_VM_FILE_MAGIC: Final = 0x5145564D
"""The four bytes ``QEVM`` that open a stream (migration/savevm.h)."""

QEMU_VM_FILE_VERSION_COMPAT: Final = 2
"""The format before QEMU 0.15's; recognised, never read (migration/savevm.h)."""

QEMU_VM_FILE_VERSION: Final = 3
"""The only stream version QEMU writes (migration/savevm.h)."""


class VmRecord(IntEnum):
    """The type byte that opens each record (migration/savevm.h)."""

    QEMU_VM_EOF = 0x00
    QEMU_VM_SECTION_START = 0x01
    QEMU_VM_SECTION_PART = 0x02
    QEMU_VM_SECTION_END = 0x03
    QEMU_VM_SECTION_FULL = 0x04
    QEMU_VM_SUBSECTION = 0x05
    QEMU_VM_VMDESCRIPTION = 0x06
    QEMU_VM_CONFIGURATION = 0x07
    QEMU_VM_COMMAND = 0x08
    QEMU_VM_SECTION_FOOTER = 0x7E


class MigCmd(IntEnum):
    """The subcommands of a QEMU_VM_COMMAND record (migration/savevm.c, enum qemu_vm_cmd)."""

    MIG_CMD_INVALID = 0
    MIG_CMD_OPEN_RETURN_PATH = 1
    MIG_CMD_PING = 2
    MIG_CMD_POSTCOPY_ADVISE = 3
    MIG_CMD_POSTCOPY_LISTEN = 4
    MIG_CMD_POSTCOPY_RUN = 5
    MIG_CMD_POSTCOPY_RAM_DISCARD = 6
    MIG_CMD_PACKAGED = 7
    MIG_CMD_ENABLE_COLO = 8
    MIG_CMD_POSTCOPY_RESUME = 9
    MIG_CMD_RECV_BITMAP = 10
    MIG_CMD_SWITCHOVER_START = 11


MIG_CMD_LENGTH: Final[dict[MigCmd, int]] = {
    MigCmd.MIG_CMD_OPEN_RETURN_PATH: 0,
    MigCmd.MIG_CMD_PING: 4,
    MigCmd.MIG_CMD_POSTCOPY_LISTEN: 0,
    MigCmd.MIG_CMD_POSTCOPY_RUN: 0,
    MigCmd.MIG_CMD_PACKAGED: 4,
    MigCmd.MIG_CMD_POSTCOPY_RESUME: 0,
    MigCmd.MIG_CMD_SWITCHOVER_START: 0,
}
"""The argument length in bytes of each command that has a fixed one (migration/savevm.c, mig_cmd_args)."""


class RamSaveFlag(IntFlag):
    """The low bits of the 64-bit word that opens each RAM record (migration/ram.h)."""

    RAM_SAVE_FLAG_ZERO = 0x002
    RAM_SAVE_FLAG_MEM_SIZE = 0x004
    RAM_SAVE_FLAG_PAGE = 0x008
    RAM_SAVE_FLAG_EOS = 0x010
    RAM_SAVE_FLAG_CONTINUE = 0x020
    RAM_SAVE_FLAG_XBZRLE = 0x040
    RAM_SAVE_FLAG_HOOK = 0x080
    RAM_SAVE_FLAG_COMPRESS_PAGE = 0x100
    RAM_SAVE_FLAG_MULTIFD_FLUSH = 0x200


MULTIFD_MAGIC: Final = 0x11223344
"""What opens a multifd channel and each of its packets (migration/multifd.h)."""

MULTIFD_VERSION: Final = 1
"""The version after it."""

MULTIFD_PACKET_SIZE: Final = 512 * 1024
"""Bytes of pages that a packet has room for (migration/multifd.h)."""


class MultifdFlag(IntFlag):
    """The flags of a packet; five bits name a compression (migration/multifd.h)."""

    MULTIFD_FLAG_SYNC = 1 << 0
    MULTIFD_FLAG_ZLIB = 1 << 1
    MULTIFD_FLAG_ZSTD = 2 << 1
    MULTIFD_FLAG_QPL = 4 << 1
    MULTIFD_FLAG_UADK = 8 << 1
    MULTIFD_FLAG_QATZIP = 16 << 1
    MULTIFD_FLAG_DEVICE_STATE = 32 << 1


MULTIFD_FLAG_COMPRESSION_MASK: Final = 0x1F << 1
"""The bits of a packet's flags that name its compression."""

RAM_SAVE_VERSION: Final = 4
"""The version_id of the ``ram`` section since QEMU 0.12 (migration/ram.c, ram_mig_init)."""

ENCODING_FLAG_XBZRLE: Final = 0x01
"""The byte before the length of an xbzrle page; no other encoding was ever defined (migration/ram.c)."""

MAPPED_RAM_HDR_VERSION: Final = 1
"""The version of a block's mapped-ram header (migration/ram.c)."""

MAPPED_RAM_FILE_OFFSET_ALIGNMENT: Final = 1 << 20
"""What the offset of a block's first page is a multiple of, in bytes (migration/ram.c)."""


VMS_NULLPTR_MARKER: Final = 0x30
"""The byte that stands for a null pointer in an array (migration/vmstate-types.c)."""

VMSTATE_INSTANCE_ID_ANY: Final = 0xFFFFFFFF
"""As an instance_id when registering: the lowest number above those in use (include/migration/vmstate.h)."""

MAX_VM_CMD_PACKAGED_SIZE: Final = 0x0FFFFFFF
"""The length in bytes that a package stays below (migration/savevm.h)."""


class BlkMigFlag(IntFlag):
    """The low bits of the word that opens each record of block migration (migration/block.c, until QEMU 9.0)."""

    BLK_MIG_FLAG_DEVICE_BLOCK = 0x01
    BLK_MIG_FLAG_EOS = 0x02
    BLK_MIG_FLAG_PROGRESS = 0x04
    BLK_MIG_FLAG_ZERO_BLOCK = 0x08


BDRV_SECTOR_BITS: Final = 9
"""Log2 of a disk's sector in bytes (include/block/block-common.h)."""

BDRV_SECTOR_SIZE: Final = 1 << BDRV_SECTOR_BITS

BLK_MIG_BLOCK_SIZE: Final = 1 << 20
"""Bytes of a disk that a record of block migration holds (migration/block.c)."""

HTAB_VERSION: Final = 1
"""The version of ``spapr/htab`` (hw/ppc/spapr.c)."""

HTAB_NONE: Final = 0xFFFFFFFF
"""In the place of the table's size: there is none, the guest uses radix translation (hw/ppc/spapr.c)."""

HASH_PTE_SIZE_64: Final = 16
"""Bytes of an entry of the hash page table (target/ppc/mmu-hash64.h)."""


class StattribFlag(IntFlag):
    """The flags of s390 storage attributes and storage keys (hw/s390x/s390-stattrib.c, s390-skeys.c)."""

    STATTR_FLAG_EOS = 0x01
    STATTR_FLAG_MORE = 0x02
    STATTR_FLAG_ERROR = 0x04
    STATTR_FLAG_DONE = 0x08


class DirtyBitmapFlag(IntFlag):
    """What a dirty bitmap record holds (migration/block-dirty-bitmap.c, DIRTY_BITMAP_MIG_FLAG_*)."""

    EOS = 0x01
    ZEROES = 0x02
    BITMAP_NAME = 0x04
    DEVICE_NAME = 0x08
    START = 0x10
    COMPLETE = 0x20
    BITS = 0x40


DIRTY_BITMAP_VERSION: Final = 1
"""The version of ``dirty-bitmap`` (migration/block-dirty-bitmap.c)."""

DIRTY_BITMAP_CHUNK_SIZE: Final = 1 << 10
"""Bytes of a bitmap that a chunk holds at most, before padding (migration/block-dirty-bitmap.c, CHUNK_SIZE)."""

DIRTY_BITMAP_ALIGN: Final = 4 * 8
"""What the length of a chunk's bits is padded to, in bytes (bdrv_dirty_bitmap_serialization_align)."""

DIRTY_BITMAP_MIG_EXTRA_FLAGS: Final = 0x80
"""In the first byte of flags: one more follows; in the second: two more (qemu_get_bitmap_flags)."""


class DirtyBitmapStartFlag(IntFlag):
    """What a bitmap is when it is announced (migration/block-dirty-bitmap.c, DIRTY_BITMAP_MIG_START_FLAG_*)."""

    ENABLED = 0x01
    PERSISTENT = 0x02
    AUTOLOAD = 0x04  # from older versions; means nothing now


class MigRpMessage(IntEnum):
    """The messages of the return path, from destination to source (migration/migration.c, mig_rp_message_type)."""

    MIG_RP_MSG_INVALID = 0
    MIG_RP_MSG_SHUT = 1
    MIG_RP_MSG_PONG = 2
    MIG_RP_MSG_REQ_PAGES_ID = 3
    MIG_RP_MSG_REQ_PAGES = 4
    MIG_RP_MSG_RECV_BITMAP = 5
    MIG_RP_MSG_RESUME_ACK = 6
    MIG_RP_MSG_SWITCHOVER_ACK = 7


MIG_RP_MSG_LENGTH: Final[dict[MigRpMessage, int]] = {
    MigRpMessage.MIG_RP_MSG_SHUT: 4,
    MigRpMessage.MIG_RP_MSG_PONG: 4,
    MigRpMessage.MIG_RP_MSG_REQ_PAGES: 12,
    MigRpMessage.MIG_RP_MSG_RESUME_ACK: 4,
    MigRpMessage.MIG_RP_MSG_SWITCHOVER_ACK: 0,
}
"""The length in bytes of each message that has a fixed one (migration/migration.c, rp_cmd_args)."""

MIG_RP_MSG_LIMIT_BYTES: Final = 512
"""What a message holds at most, without the bitmap after it (migration/migration.c, source_return_path_thread)."""

RAMBLOCK_RECV_BITMAP_ENDING: Final = 0x0123456789ABCDEF
"""The 64-bit number after a received bitmap (migration/ram.c)."""

MIGRATION_RESUME_ACK_VALUE: Final = 1
"""The only value that a resume is acknowledged with (migration/migration.h)."""

QEMU_VM_PING_PACKAGED_LOADED: Final = 0x42
"""The number of the ping whose answer says that the package of device state is loaded (migration/savevm.h)."""


class VfioMigFlag(IntEnum):
    """The 64-bit words between the parts of a VFIO device's state (hw/vfio/vfio-migration-internal.h)."""

    VFIO_MIG_FLAG_END_OF_STATE = 0xFFFFFFFFEF100001
    VFIO_MIG_FLAG_DEV_CONFIG_STATE = 0xFFFFFFFFEF100002
    VFIO_MIG_FLAG_DEV_SETUP_STATE = 0xFFFFFFFFEF100003
    VFIO_MIG_FLAG_DEV_DATA_STATE = 0xFFFFFFFFEF100004
    VFIO_MIG_FLAG_DEV_INIT_DATA_SENT = 0xFFFFFFFFEF100005
    VFIO_MIG_FLAG_DEV_CONFIG_LOAD_READY = 0xFFFFFFFFEF100006


VFIO_VERSION: Final = 1
"""The version of a VFIO device's sections (hw/vfio/migration.c)."""

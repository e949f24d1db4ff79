"""Guest memory: blocks, pages, mapped-ram, COLO's cache, bitmaps of a recovery (migration/ram.c)."""

from typing import Final

from ..row import Part, Row

_DAMAGED: Final = (
    "If it is the first error of the log, the stream is damaged or was read from a wrong offset: `savevm-inspect "
    "check` finds the first record that is not as it should be."
)

ROWS: Final = (
    Row(
        key="block-unknown",
        values=("block",),
        part=Part.BLOCK_LIST,
        cause="The source has a RAM block that the destination does not: a device with memory of its own (a "
        "graphics card, a ROM, a DIMM, an NVDIMM) is missing or sits at another address, or a memory backend has "
        "another id (pc.ram against the id= of -object memory-backend-...).",
        remedy="Give the destination the same devices at the same addresses, and the same memory backend: -machine "
        "memory-backend= with the same id, or none on both sides. `savevm-inspect info` lists the blocks of the "
        "stream.",
    ),
    Row(
        key="block-not-migratable",
        values=("block",),
        part=Part.BLOCK_LIST,
        cause="The block is there, but is excluded from migration on this side: not registered as migratable, or "
        "x-ignore-shared is on and the block is shared.",
        remedy="Set x-ignore-shared alike on both sides, and share=on of the memory backend too.",
    ),
    Row(
        key="block-address",
        values=("block", "received", "local"),
        part=Part.BLOCK_LIST,
        cause="With x-ignore-shared a shared block must lie at the same guest-physical address on both sides, and "
        "does not: the sizes of memory, the slots or the machine type differ.",
        remedy="Use the same -m, the same memory devices in the same order and the same machine type.",
    ),
    Row(
        key="block-page-size",
        values=("block", "local", "received"),
        part=Part.BLOCK_LIST,
        cause="With postcopy-ram both sides must back a block with pages of one size: one has huge pages "
        "(hugetlbfs) and the other has not, or they differ in size.",
        remedy="Use the same kind of memory backend (mem-path, pagesize) on both hosts, or switch postcopy-ram off.",
    ),
    Row(
        key="block-size",
        values=("block", "received", "local"),
        part=Part.BLOCK_LIST,
        cause="A RAM block has another length in the stream than on the destination: -m, a device's memory "
        "(vgamem_mb, ram_size_mb) or the image of a ROM differs. Blocks that may be resized (ROMs, ACPI tables) "
        "take the stream's length; others must be equal.",
        remedy="For pc.ram use the same -m; for a card its properties; for a ROM (names with .rom or pc.bios) the "
        "same firmware package, or romfile= of the source's size.",
    ),
    Row(
        key="block-too-large",
        values=("block", "received", "maximum"),
        part=Part.BLOCK_LIST,
        cause="A block that may be resized is longer in the stream than this side allows: mostly a device's ROM, or "
        "ACPI tables that have grown with the number of devices or CPUs.",
        remedy="Use a firmware or ROM image on the destination that is padded to at least the source's size; for "
        "tables the same machine type and devices.",
    ),
    Row(
        key="block-resize-lost",
        part=Part.NONE,
        cause="A RAM block's size was changed for which the migration has no block.",
        remedy="A bug of QEMU; report it with the machine type.",
    ),
    Row(
        key="block-resized",
        values=("block", "state"),
        part=Part.NONE,
        cause="A RAM block changed its size (a reset of the guest rebuilds ACPI tables or ROMs) while it was "
        "migrated; the source cancels the migration, a destination in postcopy can't go on.",
        remedy="Migrate again once the guest has finished its reboot.",
    ),
    Row(
        key="block-resize-discard",
        values=("block",),
        part=Part.NONE,
        cause="After a block was resized on the destination of a postcopy migration its memory could not be "
        "discarded.",
        remedy="See the host's kernel log; repeat the migration without postcopy.",
    ),
    Row(
        key="block-of-page-unknown",
        values=("block",),
        part=Part.PAGES,
        cause="A page belongs to a block that the list of blocks did not name, or that is not there on this side.",
        remedy=_DAMAGED,
    ),
    Row(
        key="page-without-block",
        part=Part.PAGES,
        cause="A page says that it belongs to the block of the page before it (flag CONTINUE), and there was none "
        "on that channel.",
        remedy=_DAMAGED,
    ),
    Row(
        key="page-address-lost",
        part=Part.PAGES,
        cause="A page could not be placed: its block is not known, see the line before.",
        remedy="See the line before.",
        context=True,
    ),
    Row(
        key="page-offset",
        values=("addr",),
        part=Part.PAGES,
        cause="A page lies outside its block: the block is shorter here than on the source, or eight bytes were "
        "read as the head of a page that are none.",
        remedy="Compare the sizes of the blocks. " + _DAMAGED,
    ),
    Row(
        key="page-fill",
        values=("value",),
        part=Part.PAGES,
        cause="A page that is sent as one repeated byte must be of zeros, and the byte is not 0. QEMU up to 9 "
        "filled the page with it; nothing sends such a page.",
        remedy=_DAMAGED,
    ),
    Row(
        key="page-flags",
        values=("flags",),
        part=Part.PAGES,
        cause="The low bits of a page's head are a combination that nothing writes: reading has lost its way, the "
        "stream is damaged, or it uses something that this QEMU no longer reads (compressed pages, removed in 9.1).",
        remedy="If the source has the capability compress, switch it off (use multifd with multifd-compression). "
        + _DAMAGED,
    ),
    Row(
        key="page-flags-postcopy",
        values=("flags",),
        part=Part.PAGES,
        cause="During postcopy a page has flags that are not valid there (xbzrle or hooks, for instance), or "
        "reading has lost its way.",
        remedy="Do not mix capabilities that postcopy can't have; see the errors before. " + _DAMAGED,
    ),
    Row(
        key="page-flags-mapped-ram",
        values=("flags",),
        part=Part.PAGES,
        cause="With mapped-ram pages lie at offsets of the file, but the section has a page in line.",
        remedy="Set mapped-ram alike on both sides. " + _DAMAGED,
    ),
    Row(
        key="page-compressed-unexpected",
        part=Part.PAGES,
        cause="A compressed page comes, and the capability compress is off on the destination.",
        remedy="Set compress alike on both sides; better switch it off: QEMU 9.1 removed it.",
    ),
    Row(
        key="page-compressed-length",
        values=("length",),
        part=Part.PAGES,
        cause="A compressed page says that it is negative in length or longer than a page can get.",
        remedy=_DAMAGED,
    ),
    Row(
        key="page-decompress",
        part=Part.PAGES,
        cause="The bytes of a compressed page are no zlib stream, or give more or less than a page.",
        remedy=_DAMAGED + " Old sources write a page that the guest changes meanwhile; `-global "
        "migration.decompress-error-check=off` passes over that.",
    ),
    Row(
        key="page-compress",
        part=Part.NONE,
        cause="On the source zlib failed to compress a page.",
        remedy="Switch the capability compress off.",
    ),
    Row(
        key="xbzrle-page",
        part=Part.PAGES,
        cause="A page that is sent as a difference to its content before (xbzrle) can't be applied: the compression "
        "is of an unknown kind, the length is above a page, or the runs go beyond it. The line before or after has "
        "the address.",
        remedy="Check that nothing else wrote to the destination's memory. "
        + _DAMAGED
        + " Without xbzrle the migration "
        "avoids it.",
    ),
    Row(
        key="xbzrle-memory",
        part=Part.NONE,
        cause="The source has no memory for xbzrle's buffers.",
        remedy="Lower xbzrle-cache-size, or switch xbzrle off.",
    ),
    Row(
        key="ram-state-memory",
        part=Part.NONE,
        cause="The source has no memory for what it keeps of guest memory while migrating.",
        remedy="Free memory on the source's host.",
    ),
    Row(
        key="clear-bitmap-shift",
        values=("given", "used"),
        part=Part.NONE,
        cause="A warning: x-clear-bitmap-shift is out of bounds, and the nearest value is used.",
        remedy="Harmless. Leave the parameter as it is by default.",
    ),
    Row(
        key="free-page-hint",
        part=Part.NONE,
        cause="virtio-balloon gave a hint about free pages that lie in no RAM block.",
        remedy="A bug of the guest's balloon driver or of QEMU; switch free-page-hint off.",
    ),
    Row(
        key="discard-block-unknown",
        values=("block",),
        part=Part.COMMAND,
        cause="Pages of a block are to be discarded for postcopy, and there is no such block on the destination.",
        remedy="Compare memory backends and devices of both sides, as for an unknown block.",
    ),
    Row(
        key="ram-setup-failed",
        part=Part.NONE,
        cause="The source could not set up the migration of memory: the line before says why (write tracking, "
        "multifd, RDMA).",
        remedy="See the line before.",
        context=True,
    ),
    Row(
        key="rdma-registration",
        part=Part.NONE,
        cause="Memory could not be registered with the RDMA adapter.",
        remedy="Allow QEMU to lock that much memory (ulimit -l, memlock), or leave rdma-pin-all off.",
    ),
    Row(
        key="multifd-sync-failed",
        part=Part.NONE,
        cause="The source could not bring its multifd channels in step with the main channel: one of them broke.",
        remedy="See the errors of multifd before it and the destination's log.",
        context=True,
    ),
    Row(
        key="write-tracking-failed",
        part=Part.NONE,
        cause="A background snapshot needs the kernel to protect guest memory against writing (userfaultfd), and "
        "that failed for a block: shared or file-backed memory, huge pages, or a kernel without it.",
        remedy="Use anonymous memory (or memfd/hugetlbfs on a kernel from 5.19 on), and allow userfaultfd "
        "(vm.unprivileged_userfaultfd). Or save without background-snapshot.",
    ),
    Row(
        key="nvdimm-postcopy",
        values=("block", "host"),
        part=Part.NONE,
        cause="Postcopy can't be used while the VM has an NVDIMM.",
        remedy="Migrate by precopy.",
    ),
    Row(
        key="mapped-ram-header-cut",
        values=("expected", "read"),
        part=Part.MAPPED_RAM,
        cause="The file ends within the header of a block, or could not be read there.",
        remedy="See whether the file was written to its end and is given with the offset it was written at.",
    ),
    Row(
        key="mapped-ram-version",
        values=("known", "received"),
        part=Part.MAPPED_RAM,
        cause="The header of a block in the mapped-ram file has a version that this QEMU does not know: a newer "
        "source, or the bytes are no such header (mapped-ram is on here and was off when the file was written).",
        remedy="Set mapped-ram as it was when the file was written.",
    ),
    Row(
        key="mapped-ram-page-size",
        values=("received", "local"),
        part=Part.MAPPED_RAM,
        cause="The header of a block says another size of a guest page than this machine has, or is damaged.",
        remedy="Use the same machine type and CPU; check the file's offset.",
    ),
    Row(
        key="mapped-ram-bitmap",
        part=Part.MAPPED_RAM,
        cause="The bitmap that says which pages a block has in the file could not be read to its end.",
        remedy="The file is shorter than it was, or was not written to its end (a full disk, a QEMU that was ended).",
    ),
    Row(
        key="mapped-ram-alignment",
        values=("block",),
        part=Part.MAPPED_RAM,
        cause="Pages of a block must begin at a multiple of 1 MiB in the file, and its header says otherwise.",
        remedy="The header is damaged, or the file was moved to another offset: offsets in it count from the start "
        "of the file and must stay as they were.",
    ),
    Row(
        key="mapped-ram-range",
        values=("block",),
        part=Part.MAPPED_RAM,
        cause="The bitmap of a block marks pages beyond its end: the block is shorter here than in the file, or the "
        "bitmap is damaged.",
        remedy="Compare the size of the block (-m, devices); then the file's checksum.",
    ),
    Row(
        key="mapped-ram-page-unread",
        values=("block", "addr", "file_offset"),
        part=Part.MAPPED_RAM,
        cause="A page that the bitmap names could not be read from the file.",
        remedy="See the reason after it; mostly the file is shorter than it was.",
    ),
    Row(
        key="mapped-ram-bitmap-unwritten",
        part=Part.NONE,
        cause="The source could not write a block's bitmap into the file.",
        remedy="See the reason after it: a full disk, or a file that can't be written at an offset (a pipe).",
    ),
    Row(
        key="colo-cache",
        values=("block", "size"),
        part=Part.NONE,
        cause="COLO's secondary keeps a second copy of guest memory, and has no memory for it.",
        remedy="The host needs twice the VM's memory.",
    ),
    Row(
        key="colo-cache-missing",
        values=("block",),
        part=Part.NONE,
        cause="A page came for COLO's cache of a block that has none.",
        remedy="A bug, or COLO was started twice; see the lines before.",
    ),
    Row(
        key="request-without-block",
        values=("block",),
        part=Part.RETURN_PATH,
        cause="The destination asked for a page of a block that the source does not have, or asked for the same "
        "block as before when there was none.",
        remedy="The return path was damaged, or the two sides' blocks differ: compare memory backends.",
    ),
    Row(
        key="request-overrun",
        values=("start", "length", "block_length"),
        part=Part.RETURN_PATH,
        cause="The destination asked for a page beyond the end of the source's block.",
        remedy="Compare the sizes of the blocks on both sides.",
    ),
    Row(
        key="request-misaligned",
        values=("start", "length"),
        part=Part.RETURN_PATH,
        cause="The destination asked for memory that does not begin or end at a page of the host: page sizes of the "
        "hosts differ, or the message is damaged.",
        remedy="Postcopy needs the same page size on both hosts.",
    ),
    Row(
        key="urgent-page-failed",
        values=("block", "start"),
        part=Part.NONE,
        cause="A page that the destination waits for could not be sent on the preempt channel.",
        remedy="See the connection of that channel; then recover the migration (migrate-recover, migrate resume=on).",
    ),
    Row(
        key="recovery-block-unknown",
        values=("block",),
        part=Part.RETURN_PATH,
        cause="In the recovery of a postcopy migration the received-bitmap of a block is asked for or sent that the "
        "other side does not have.",
        remedy="Compare memory backends of both sides; the bytes of that message may be damaged.",
    ),
    Row(
        key="recovery-block-name",
        values=("length",),
        part=Part.COMMAND,
        cause="A request for a block's received-bitmap has no valid name of a block.",
        remedy="The main channel of the recovery is damaged, or something else connected to it.",
    ),
    Row(
        key="recovery-bitmap-size",
        values=("block", "received", "expected"),
        part=Part.RETURN_PATH,
        cause="The received-bitmap that came back for a block has another size than its length asks for.",
        remedy="Compare the sizes of the blocks on both sides.",
    ),
    Row(
        key="recovery-bitmap-end",
        values=("block", "mark"),
        part=Part.RETURN_PATH,
        cause="The received-bitmap of a block does not end with its mark (0x0123456789abcdef).",
        remedy="The return path lost or gained bytes; recover once more.",
    ),
    Row(
        key="recovery-bitmap-unread",
        values=("block",),
        part=Part.RETURN_PATH,
        cause="The received-bitmap of a block could not be read: the return path broke once more.",
        remedy="Repair the network and recover again.",
    ),
    Row(
        key="recovery-bitmap-state",
        values=("state",),
        part=Part.RETURN_PATH,
        cause="A received-bitmap came when no recovery was under way.",
        remedy="The destination thinks otherwise of the state of the migration than the source: see `query-migrate` "
        "on both.",
    ),
)

"""Multifd: packets of memory and device state over several connections (migration/multifd*.c)."""

from typing import Final

from ..row import Part, Row

_ALIKE: Final = (
    "Set multifd, multifd-channels and multifd-compression alike on both sides before the migration. If they are "
    "alike, the channel's bytes are damaged or reading lost its way earlier."
)
_ZIP: Final = (
    "See the lines before; if it recurs, switch multifd-compression to another method or to none, and report it "
    "with the library's version."
)

ROWS: Final = (
    Row(
        key="multifd-initial-unread",
        values=("channel",),
        part=Part.MULTIFD,
        cause="A further connection came in and its first packet could not be read or was refused. Mostly something "
        "else connected: a port scanner, a health check, a second source, or a source with another number of "
        "channels.",
        remedy="See the rest of the line. Let nothing but the source connect to that port; set multifd-channels "
        "alike.",
    ),
    Row(
        key="multifd-magic",
        values=("magic", "expected"),
        part=Part.MULTIFD,
        cause="A packet of a multifd channel does not begin with 11 22 33 44: multifd is on at one side only, "
        "compression differs and made the packet before longer than thought, or a connection is no multifd channel.",
        remedy=_ALIKE,
    ),
    Row(
        key="multifd-version",
        values=("version", "expected"),
        part=Part.MULTIFD,
        cause="A packet has another version than 1, the only one there is.",
        remedy=_ALIKE,
    ),
    Row(
        key="multifd-uuid",
        values=("received", "local", "channel"),
        part=Part.MULTIFD,
        cause="A multifd channel belongs to a VM with another UUID: two migrations reach one port, or -uuid differs.",
        remedy="Start the destination with the source's -uuid, and give each migration a port of its own.",
    ),
    Row(
        key="multifd-channel-id",
        values=("channel", "channels"),
        part=Part.MULTIFD,
        cause="The source opened more multifd channels than the destination expects.",
        remedy="Set multifd-channels alike on both sides.",
    ),
    Row(
        key="multifd-channel-twice",
        values=("channel",),
        part=Part.MULTIFD,
        cause="Two connections say that they are the same multifd channel: two sources reach one port, or a "
        "connection was duplicated by a proxy.",
        remedy="Give each migration a port of its own.",
    ),
    Row(
        key="multifd-flags",
        values=("channel", "flags", "expected"),
        part=Part.MULTIFD,
        cause="The packet was made with another compression than the destination is set to (flags: 0 none, 2 zlib, "
        "4 zstd, 8 qpl, 16 uadk, 32 qatzip; the lowest bit is SYNC).",
        remedy="Set multifd-compression alike on both sides.",
    ),
    Row(
        key="multifd-page-count",
        values=("pages", "expected"),
        part=Part.MULTIFD,
        cause="A packet has more pages than a packet may have (512 KiB of guest memory). 7.2 and later versions "
        "agree in that, so page sizes differ, or the packet is damaged.",
        remedy="Use the same machine type and CPU. " + _ALIKE,
    ),
    Row(
        key="multifd-page-offset",
        values=("offset", "maximum"),
        part=Part.MULTIFD,
        cause="A page of a packet lies outside its block: the block is shorter on the destination, or the packet is "
        "damaged.",
        remedy="Compare the sizes of RAM blocks on both sides (-m, devices).",
    ),
    Row(
        key="multifd-block-unknown",
        values=("block",),
        part=Part.MULTIFD,
        cause="A packet is of a RAM block that the destination does not have.",
        remedy="Give both sides the same memory backends and devices at the same addresses.",
    ),
    Row(
        key="multifd-packet-length",
        values=("channel", "length", "expected"),
        part=Part.MULTIFD,
        cause="The data of a packet has not the length that its header and its pages ask for.",
        remedy=_ALIKE,
    ),
    Row(
        key="multifd-packet-too-long",
        values=("channel", "length", "maximum"),
        part=Part.MULTIFD,
        cause="A packet claims more data than the destination has set aside for one: it is damaged or hostile.",
        remedy=_ALIKE,
    ),
    Row(
        key="multifd-packet-not-empty",
        values=("channel",),
        part=Part.MULTIFD,
        cause="A packet without pages says that data follows.",
        remedy=_ALIKE,
    ),
    Row(
        key="multifd-cut",
        part=Part.MULTIFD,
        cause="A channel was closed between the header of a packet and its data: the source failed or was ended.",
        remedy="Read the source's log.",
    ),
    Row(
        key="multifd-send-failed",
        part=Part.NONE,
        cause="The source could not send on its multifd channels: one of them broke or has ended.",
        remedy="See the error before it, and the destination's log: mostly the destination closed them after an "
        "error of its own.",
        context=True,
    ),
    Row(
        key="multifd-channel-quit",
        values=("channel",),
        part=Part.NONE,
        cause="A sending thread had ended already when more was to be sent: an error or a cancellation came before.",
        remedy="See the error before it.",
        context=True,
    ),
    Row(
        key="multifd-transport",
        part=Part.NONE,
        cause="Multifd needs a transport that can open several connections (tcp, unix, file), and this one can't "
        "(exec, fd).",
        remedy="Use tcp: or unix:, or switch multifd off.",
    ),
    Row(
        key="multifd-tls-end",
        part=Part.NONE,
        cause="A TLS connection was not closed as the protocol asks for; the data had been transferred.",
        remedy="A warning, if the migration completed. Otherwise the peer died: see its log.",
    ),
    Row(
        key="multifd-device-name",
        part=Part.MULTIFD,
        cause="A packet with device state (VFIO) has a device's name that does not end.",
        remedy=_ALIKE,
    ),
    Row(
        key="multifd-device-packet",
        part=Part.MULTIFD,
        cause="A packet with device state (VFIO) is empty or is marked SYNC, which those never are.",
        remedy=_ALIKE,
    ),
    Row(
        key="device-buffer-unknown",
        values=("idstr", "instance_id"),
        part=Part.MULTIFD,
        cause="Device state came on a multifd channel for a device that the destination does not have, or that "
        "can't take it there.",
        remedy="Give both sides the same VFIO devices at the same addresses, with x-migration-multifd-transfer set "
        "alike.",
    ),
    Row(
        key="zlib-inflate",
        values=("channel", "returned"),
        part=Part.MULTIFD,
        cause="The destination can't unpack a packet with zlib, or it gives less than its pages: bytes are lost or "
        "damaged, or the packet was not packed with zlib.",
        remedy=_ALIKE,
    ),
    Row(
        key="zstd-decompress",
        values=("channel", "returned"),
        part=Part.MULTIFD,
        cause="The destination can't unpack a packet with zstd, or it gives more than its pages: bytes are lost or "
        "damaged, or the packet was not packed with zstd.",
        remedy=_ALIKE,
    ),
    Row(
        key="compression-setup",
        values=("channel", "error"),
        part=Part.NONE,
        cause="The library of the chosen multifd-compression could not be set up: memory, or an invalid level.",
        remedy="Free memory, lower multifd-channels, or choose another method.",
    ),
    Row(
        key="compression-failed",
        values=("channel", "returned"),
        part=Part.NONE,
        cause="On the source the library of the chosen multifd-compression failed to pack a packet.",
        remedy=_ZIP,
    ),
    Row(
        key="decompression-failed",
        values=("channel", "returned"),
        part=Part.MULTIFD,
        cause="On the destination the accelerator (QAT, UADK, QPL) could not unpack a packet, or it gave another "
        "length than a page.",
        remedy=_ALIKE,
    ),
    Row(
        key="accelerator-setup",
        part=Part.NONE,
        cause="The accelerator for multifd-compression (QAT, UADK, IAA by QPL) is not there or could not be set up.",
        remedy="Check its driver and QEMU's access to its device; or choose zlib or zstd.",
    ),
    Row(
        key="accelerator-job",
        values=("error",),
        part=Part.NONE,
        cause="A job of Intel's QPL failed, or gave another length than a page.",
        remedy=_ZIP,
    ),
    Row(
        key="accelerator-absent",
        part=Part.NONE,
        cause="UADK's hardware is not there; pages are sent as they are.",
        remedy="A warning on the source. A destination that gets compressed pages without the hardware fails: have "
        "it on both.",
    ),
)

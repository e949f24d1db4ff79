"""Requests of a SCSI device in flight: a VM that was paused on an I/O error and saved (hw/scsi/scsi-bus.c).

What a request holds depends on the host adapter and on the device, which the field does not name: so each combination
is a layout, and the one that fits to the last byte counts.
"""

from collections.abc import Callable
from functools import partial
from itertools import product

from .coder import Coder, FieldContext, Layout
from .virtio.element import element

_CDB_BYTES = 16
_SECTOR_BYTES = 512
_TO_BE_RETRIED = 1
_SRP_CRQ_BYTES, _SRP_IU_BYTES, _SENSE_BYTES = 16, 256, 252

_DMA_OPCODES = frozenset((0x08, 0x28, 0xA8, 0x88, 0x0A, 0x2A, 0xAA, 0x8A, 0x2E, 0xAE, 0x8E))
"""READ, WRITE and WRITE AND VERIFY; all other commands are emulated (scsi-disk.c, scsi_disk_reqops_dispatch)."""

_TO_DEVICE_OPCODES = frozenset(
    bytes.fromhex(
        "04 07 0a 15 18 1b 1d 24 2a 2e 2f 30 31 32 38 39"
        "3a 3b 3d 3f 40 41 42 4c 55 5d 5f 8a 8e 8f 93 a4"
        "aa ae af b0 b1 b2 b6 bf"
    )
)
"""Commands whose data goes to the device (scsi-bus.c, scsi_cmd_xfer_mode)."""
_ATA_PASSTHROUGH_OPCODES = frozenset((0xA1, 0x85))
_ATA_FROM_DEVICE = 0x08


def _requests(
    coder: Coder,
    _context: FieldContext,
    *,
    adapter: Callable[[Coder], None],
    device: Callable[[Coder, bytes, bool], None],
) -> None:
    """put_scsi_requests."""
    for mark in coder.marked("request", mark="mark"):
        if mark not in (1, 2):
            coder.refuse(f"a request with mark {mark}, expected 1 or 2")
        cdb = coder.buffer("cdb", _CDB_BYTES)
        coder.record(("tag", "uint32"), ("lun", "uint32"))
        adapter(coder)
        device(coder, cdb, mark == _TO_BE_RETRIED)


def _no_adapter(_coder: Coder) -> None:
    """Adapters that save nothing: megasas, lsi53c895a, esp, usb-storage."""


def _virtio_scsi(coder: Coder) -> None:
    """hw/scsi/virtio-scsi.c, virtio_scsi_save_request."""
    with coder.inside("virtio-scsi"):
        coder.number("queue", most=1023)
        element(coder)


def _mptsas(coder: Coder) -> None:
    """hw/scsi/mptsas.c, mptsas_save_request; of a little-endian host, whose structure it is."""
    with coder.inside("mptsas"):
        with coder.inside("scsi_io"):
            coder.record(("TargetID", "uint8"), ("Bus", "uint8"), ("ChainOffset", "uint8"), ("Function", "uint8"))
            coder.record(("CDBLength", "uint8"), ("SenseBufferLength", "uint8"), ("Reserved", "uint8"))
            coder.record(("MsgFlags", "uint8"), ("MsgContext", "le32"))
            coder.buffer("LUN", 8)
            coder.number("Control", "le32")
            coder.buffer("CDB", _CDB_BYTES)
            coder.record(("DataLength", "le32"), ("SenseBufferLowAddr", "le32"))
        coder.table("sg", coder.count("nsg"), ("base", "uint64"), ("len", "uint64"))


def _spapr_vscsi(coder: Coder) -> None:
    """hw/scsi/spapr_vscsi.c, vmstate_spapr_vscsi_req."""
    with coder.inside("spapr_vscsi"):
        coder.buffer("crq.raw", _SRP_CRQ_BYTES)
        coder.buffer("viosrp_iu_buf", _SRP_IU_BYTES)
        coder.record(("qtag", "uint32"), ("active", "bool"), ("data_len", "uint32"), ("writing", "bool"))
        coder.number("senselen")
        coder.buffer("sense", _SENSE_BYTES)
        coder.record(("dma_fmt", "uint8"), ("local_desc", "uint16"), ("total_desc", "uint16"))
        coder.number("cdb_offset", "uint16")


def _disk(coder: Coder, cdb: bytes, retry: bool) -> None:
    """hw/scsi/scsi-disk.c, scsi_disk_save_request."""
    coder.number("sector", "uint64")
    sectors = coder.number("sector_count")
    length = coder.number("buflen")
    if not length:
        return
    if _is_to_device(cdb):
        coder.buffer("data", min(sectors * _SECTOR_BYTES, length))
    elif not retry:
        coder.buffer("data", coder.number("iov_len", most=length))


def _disk_without_emulated(coder: Coder, cdb: bytes, retry: bool) -> None:
    """Commands that need no data of the disk were not saved before ``migrate-emulated-scsi-request``."""
    if cdb[0] in _DMA_OPCODES:
        _disk(coder, cdb, retry)


def _passthrough(coder: Coder, cdb: bytes, _retry: bool) -> None:
    """hw/scsi/scsi-generic.c, scsi_generic_save_request."""
    length = coder.number("buflen", "int32")
    if length > 0 and _is_to_device(cdb):
        coder.buffer("data", length)


def _is_to_device(cdb: bytes) -> bool:
    if cdb[0] in _ATA_PASSTHROUGH_OPCODES:
        return not cdb[2] & _ATA_FROM_DEVICE
    return cdb[0] in _TO_DEVICE_OPCODES


SCSI_REQUESTS: tuple[Layout, ...] = tuple(
    partial(_requests, adapter=adapter, device=device)
    for adapter, device in product(
        (_no_adapter, _virtio_scsi, _mptsas, _spapr_vscsi), (_disk, _disk_without_emulated, _passthrough)
    )
)
"""Every combination of adapter and device."""

"""What each transport saves before a virtio device: PCI, the s390x channel subsystem, memory-mapped registers.

The first bytes distinguish them: version 2 of a PCI device, the virtual channel subsystem, a selector that is 0 or 1.
"""

from collections.abc import Callable
from dataclasses import dataclass

from .. import pci
from ..coder import Coder

QUEUE_MAX = 1024
_PCI_DEVICE_VERSION = 2
_PCI_LINES = 4
_PCI_CONVENTIONAL_BYTES = 0x100
_PCI_EXTENDED_BYTES = 0x1000 - _PCI_CONVENTIONAL_BYTES
_VIRTIO_VENDOR = 0x1AF4
_VIRTUAL_CSSID = 0xFE
_MAX_CIWS = 62


@dataclass(frozen=True, slots=True)
class VirtioTransport:
    """How a transport saves its part of a device.

    Attributes:
        queue_align: whether each queue states its alignment.
        queue_vector: whether each queue states its interrupt vector.
        extra_state: what it adds to the device's subsections.
    """

    queue_align: bool
    queue_vector: bool
    extra_state: Callable[[Coder], None]


def saved_by_transport(coder: Coder) -> VirtioTransport:
    """The part before the device (``save_config`` of each bus).

    Raises:
        BadPayload: the bytes begin as those of no transport do.
    """
    if coder.has("pci_dev", _is_pci):
        return _pci(coder)
    if coder.has("parent_obj", lambda data: data[:1] == bytes((_VIRTUAL_CSSID,))):
        return _ccw(coder)
    if not coder.has("host_features_sel", lambda data: bytes(data[:4]) in (b"\0\0\0\0", b"\0\0\0\1")):
        coder.refuse("no transport of virtio begins like this")
    return _mmio(coder)


def _is_pci(data: memoryview) -> bool:
    head = _PCI_DEVICE_VERSION.to_bytes(4) + _VIRTIO_VENDOR.to_bytes(2, "little")
    return data[: len(head)] == head


def _pci(coder: Coder) -> VirtioTransport:
    """hw/virtio/virtio-pci.c, virtio_pci_save_config; hw/pci/pci.c, vmstate_pci_device."""
    with coder.inside("pci_dev"):
        coder.number("version_id", "int32 le")
        with coder.inside("config"):
            config = pci.config(coder, _PCI_CONVENTIONAL_BYTES)
            if pci.is_express(config):
                pci.extended_config(coder, _PCI_EXTENDED_BYTES)
        coder.numbers("irq_state", "uint32", _PCI_LINES)
        vectors = pci.msix_vectors(config)
        if vectors:
            with coder.inside("msix"):
                pci.msix_table(coder, vectors)
    if vectors:
        coder.number("config_vector", "uint16")
    return VirtioTransport(queue_align=False, queue_vector=bool(vectors), extra_state=_pci_extra_state)


def _pci_extra_state(coder: Coder) -> None:
    """hw/virtio/virtio-pci.c, vmstate_virtio_pci."""
    coder.subsection("virtio_pci/modern_state", _pci_modern_state)


def _pci_modern_state(coder: Coder, _version: int) -> None:
    coder.record(("dfselect", "uint32"), ("gfselect", "uint32"))
    coder.numbers("guest_features", "uint32", 2)
    for _ in coder.indices("vqs", QUEUE_MAX):
        coder.record(("num", "uint16"), ("unused", "uint8"), ("enabled", "bool"))
        _addresses(coder)
    coder.subsection(
        "virtio_pci/modern_state/features128", lambda coder, _: coder.numbers("guest_features", "uint32", 2)
    )


def _addresses(coder: Coder) -> None:
    for ring in ("desc", "avail", "used"):
        coder.numbers(ring, "uint32", 2)


def _mmio(coder: Coder) -> VirtioTransport:
    """hw/virtio/virtio-mmio.c, virtio_mmio_save_config."""
    coder.record(("host_features_sel", "uint32"), ("guest_features_sel", "uint32"), ("guest_page_shift", "uint32"))
    return VirtioTransport(queue_align=True, queue_vector=False, extra_state=_mmio_extra_state)


def _mmio_extra_state(coder: Coder) -> None:
    """hw/virtio/virtio-mmio.c, vmstate_virtio_mmio."""
    coder.subsection("virtio_mmio/state", _mmio_state)


def _mmio_state(coder: Coder, _version: int) -> None:
    coder.numbers("guest_features", "uint32", 2)
    for _ in coder.indices("vqs", QUEUE_MAX):
        coder.record(("num", "uint16"), ("enabled", "bool"))
        _addresses(coder)


def _ccw(coder: Coder) -> VirtioTransport:
    """hw/s390x/virtio-ccw.c, vmstate_virtio_ccw_dev."""
    with coder.inside("parent_obj"), coder.inside("sch"):
        _subchannel(coder)
    for indicator in ("indicators", "indicators2", "summary_indicator"):
        with coder.inside(indicator):
            coder.record(("len", "int32"), ("addr", "uint64"))
    coder.number("config_vector", "uint16")
    with coder.inside("routes"), coder.inside("adapter"):
        coder.number("ind_offset", "uint64")
        coder.subsection("s390_adapter_info/summary_offset", lambda coder, _: coder.number("summary_offset"))
    coder.record(("thinint_isc", "uint8"), ("revision", "int32"))
    return VirtioTransport(queue_align=False, queue_vector=True, extra_state=lambda _: None)


def _subchannel(coder: Coder) -> None:
    """hw/s390x/css.c, vmstate_subch_dev."""
    coder.record(("cssid", "uint8"), ("ssid", "uint8"), ("migrated_schid", "uint16"), ("devno", "uint16"))
    coder.number("thinint_active", "bool")
    with coder.inside("curr_status"):
        with coder.inside("pmcw"):
            coder.record(("intparm", "uint32"), ("flags", "uint16"), ("devno", "uint16"))
            coder.record(("lpm", "uint8"), ("pnom", "uint8"), ("lpum", "uint8"), ("pim", "uint8"))
            coder.record(("mbi", "uint16"), ("pom", "uint8"), ("pam", "uint8"))
            coder.numbers("chpid", "uint8", 8)
            coder.number("chars", "uint32")
        with coder.inside("scsw"):
            coder.record(("flags", "uint16"), ("ctrl", "uint16"), ("cpa", "uint32"))
            coder.record(("dstat", "uint8"), ("cstat", "uint8"), ("count", "uint16"))
        coder.number("mba", "uint64")
        coder.numbers("mda", "uint8", 4)
    coder.numbers("sense_data", "uint8", 32)
    coder.number("channel_prog", "uint64")
    with coder.inside("last_cmd"):
        coder.record(("cmd_code", "uint8"), ("flags", "uint8"), ("count", "uint16"), ("cda", "uint32"))
    coder.number("last_cmd_valid", "bool")
    with coder.inside("id"):
        coder.record(("reserved", "uint8"), ("cu_type", "uint16"), ("cu_model", "uint8"))
        coder.record(("dev_type", "uint16"), ("dev_model", "uint8"), ("unused", "uint8"))
        coder.table("ciw", _MAX_CIWS, ("type", "uint8"), ("command", "uint8"), ("count", "uint16"))
    coder.record(("ccw_fmt_1", "bool"), ("ccw_no_data_cnt", "uint8"))
    coder.subsection("s390_subch_dev/orb", _orb)


def _orb(coder: Coder, _version: int) -> None:
    with coder.inside("orb"):
        coder.record(("intparm", "uint32"), ("ctrl0", "uint16"), ("lpm", "uint8"), ("ctrl1", "uint8"))
        coder.number("cpa", "uint32")

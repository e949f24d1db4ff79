"""Field types of a description: which are one number, which have a layout, and which stay bytes.

Structs, lists and trees, whose content the description has, are :mod:`.walk`'s. ``BYTES_BY_NATURE`` is the documented
list of types that stay bytes, each with its reason; a type that is in no table gives
:class:`~savevm_inspect.stream.values.Undecoded`, and its section is not called decoded.
"""

from collections.abc import Callable, Sequence

from ..wire import VMS_NULLPTR_MARKER
from . import cpu_layouts, cpu_types, pci, runs, usb_redir
from .coder import Coder, FieldContext, Layout
from .scalars import SCALARS
from .schema import FieldSchema
from .scsi import SCSI_REQUESTS
from .virtio import virtio
from .virtio.gpu import blob_resources, gpu

BYTES_BY_NATURE = {
    "buffer": "VMSTATE_BUFFER: the device keeps it as a run of bytes and gives it no structure",
    "unused_buffer": "VMSTATE_UNUSED: zero bytes in place of a field that was retired",
}
"""Types that are bytes by nature, with the reason."""

WITHIN_VIRTIO = {
    "virtio-net vhost-user backend state": "in a subsection of virtio-net, which the type virtio holds undescribed",
    "virtqueue_extra_state": "the transport's subsections, which the type virtio holds undescribed",
}
"""Types that no description names, since their fields lie within one of type ``virtio``, with where."""

TIMER_OFF = -1
"""Expiry time of a timer that does not run (migration/savevm.c, timer_get)."""

_MEANINGS: dict[str, Callable[[int], str]] = {
    "timer": lambda value: "off" if value == TIMER_OFF else f"expires at {value} ns",
    "cpsr": cpu_types.describe_cpsr,
    "pstate64": cpu_types.describe_cpsr,
    "fpscr": cpu_types.describe_fpscr,
    "sreg": cpu_types.describe_sreg,
    "psr": cpu_types.describe_psr,
    "xcc": cpu_types.describe_xcc,
    "sr": cpu_types.describe_sr,
    "CPU_Double_U": cpu_types.describe_double,
}

NUMBERS: dict[tuple[str, int], str] = {
    **{(kind, scalar.size_bytes): kind for kind, scalar in SCALARS.items()},
    ("CPU_Double_U", 8): "uint64",
    ("cpsr", 4): "uint32",
    ("cpu/altivec/vscr", 4): "uint32",
    ("eind", 1): "uint8",
    ("fpcr", 8): "uint64",
    ("fpr", 8): "uint64",
    ("fpscr", 4): "uint32",
    ("fpsr", 8): "uint64",
    ("fsr", 4): "uint32",
    ("fsr", 8): "uint64",
    ("int32_as_uint16", 2): "uint16",
    ("msr", 4): "uint32",
    ("powered_off", 1): "bool",
    ("psr", 4): "uint32",
    ("pstate64", 8): "uint64",
    ("psw", 4): "uint32",
    ("psw", 8): "uint64",
    ("rampD", 1): "uint8",
    ("rampX", 1): "uint8",
    ("rampY", 1): "uint8",
    ("rampZ", 1): "uint8",
    ("sr", 4): "uint32",
    ("sreg", 1): "uint8",
    ("uint16_from_uint8", 1): "uint8",
    ("vsr", 8): "uint64",
    ("xcc", 4): "uint32",
}
"""Types that are one number, by name and size in bytes: a name is not unique -> kind of number."""


_POINTER_MARKS = {VMS_NULLPTR_MARKER: "nullptr", VMS_NULLPTR_MARKER + 1: "pointer"}
"""Marks of an element of an array of pointers (migration/vmstate-types.c, put_nullptr)."""


def pointer_mark(coder: Coder, context: FieldContext) -> None:
    """Whether an element of an array of pointers is there."""
    coder.marker("", _POINTER_MARKS, context.type)


def capability(coder: Coder, _context: FieldContext) -> None:
    """A name with its length in one byte before it (migration/savevm.c, put_capability)."""
    coder.buffer("name", coder.count("length", "uint8"))


LAYOUTS: dict[tuple[str, str], tuple[Layout, ...]] = {
    ("GByteArray", ""): (runs.run,),
    ("avr", ""): (cpu_layouts.words,),
    ("bitmap", ""): (cpu_layouts.words,),
    ("blob", "virtio-gpu/blob"): (blob_resources,),
    ("capability", ""): (capability,),
    ("fpr", ""): (cpu_layouts.words,),
    ("irqs", "s390-flic"): (cpu_layouts.kvm_s390_irqs,),
    ("msix state", ""): (pci.msix_field,),
    ("nullptr", ""): (pointer_mark,),
    ("pci config", ""): (pci.config_field,),
    ("pci irq state", ""): (pci.irq_state,),
    ("ptr-marker", ""): (pointer_mark,),
    ("scsi-requests", ""): SCSI_REQUESTS,
    ("shpc", ""): (pci.shpc,),
    ("slbe", ""): (cpu_layouts.words,),
    ("tlb entry", ""): (cpu_layouts.hppa_tlb_entry, cpu_layouts.hppa_tlb_entry_of_pa1),
    ("tlb_entry", "cpu/tlb"): (cpu_layouts.mips_tlb_entry,),
    ("usb-redir-bufpq", ""): (usb_redir.buffered_packets,),
    ("usb-redir-packet-id-q", ""): (usb_redir.packet_ids,),
    ("usb-redir-parser", ""): (usb_redir.parser,),
    ("virtio", ""): (virtio,),
    ("virtio-fs back-end state", ""): (runs.backend_state,),
    ("virtio-gpu", "virtio-gpu"): (gpu,),
}
"""Types with a structure of their own, by name and the ``vmsd_name`` of the owner, empty for any owner."""


def number_kind(type_name: str, size: int) -> str | None:
    """The kind of number that a type of this size is; ``None`` if it is none."""
    return NUMBERS.get((type_name, size))


def meaning_of(type_name: str) -> Callable[[int], str] | None:
    """What says what a number of this type means; ``None`` if nothing does."""
    return _MEANINGS.get(type_name)


def layouts_of(context: FieldContext) -> Sequence[Layout]:
    """The layouts that a field can have; none if there is no codec for it."""
    return LAYOUTS.get((context.type, context.owner.name)) or LAYOUTS.get((context.type, ""), ())


def element_name(field: FieldSchema, position: int) -> str:
    """The name of one element: with its index after it, if the field is an array."""
    return field.name if field.index is None else f"{field.name}[{field.index + position}]"

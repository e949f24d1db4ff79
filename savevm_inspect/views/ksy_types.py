"""The schema of devices as types of Kaitai Struct.

Each state (a device, a nested struct, a subsection) becomes a type, equal ones the same. What the wire states is read
from the wire: which subsections are there, and where a list ends. The type holds what only the description states:
lengths of arrays and buffers, and which elements of an array of pointers are null.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ..errors import SchemaError, printable
from ..vmstate.fields import BYTES_BY_NATURE, number_kind
from ..vmstate.scalars import SCALARS
from ..vmstate.schema import FieldSchema, StateSchema
from ..vmstate.walk import INLINE, LISTS, TREE
from .ksy_names import UniqueNames, identifier

Entry = dict[str, Any]
"""An entry of a type's ``seq``, without its ``id``."""

LIMIT_STATE_BYTES = 1 << 30
"""A state that claims to be longer gives no type: some array in it is longer than any reader should try to read."""

_LIMIT_SUBSECTION_NAME = 255
_NUMBERS = {"?": "u1", "b": "s1", "B": "u1", "h": "s2", "H": "u2", "i": "s4", "I": "u4", "q": "s8", "Q": "u8"}
"""By the letter for :mod:`struct`; a truth value is a byte that is 0 or 1."""

_OBVIOUS = {"struct", "buffer", *(f"{sign}int{bits}" for sign in ("u", "") for bits in (8, 16, 32, 64))}
"""QEMU's types that need no mention beside Kaitai's."""

_VIRTIO_KINDS = {
    "virtio-net": 1,
    "virtio-blk": 2,
    "virtio-console": 3,
    "virtio-balloon": 5,
    "virtio-iommu": 23,
    "virtio-mem": 24,
    "virtio-nsm": 33,
}
"""Devices that write something of their own, by ``vmsd_name``; their numbers in the virtio standard."""

SCSI_ADAPTERS = {"virtio-scsi": 1, "mptsas": 2, "spapr_vscsi": 3}
"""Host adapters that save a part of their own of each request, by ``vmsd_name``; their numbers in the format."""

_WITH_SECTORS = "scsi-disk"
_MMID_SINCE = 3
_MIPS_WIDE_BYTES = 32
_MMID_BYTES = 4
_NODES_BYTES, _KEY_BYTES = 4, 8
_WORD_BYTES = 8
_PCI_HEADER_BYTES = 0x40
_MSIX_ENTRY_BITS = 16 * 8 + 1


class StateTypes:
    """Makes types of schemas.

    Args:
        taken: names of types that there are already.
        adapters: the host adapter of each SCSI bus, by what the idstrs of its devices begin with.

    Attributes:
        types: what was made, by name.
        parts: names of the ready-made types (``formats/plain``) that these use.
    """

    def __init__(self, taken: Sequence[str], adapters: Mapping[str, int]) -> None:
        self.types: dict[str, dict[str, Any]] = {}
        self.parts: set[str] = set()
        self._names = UniqueNames(taken)
        self._same: dict[str, str] = {}
        self._adapters = adapters
        self._idstr = ""
        self._device = ""

    def of_device(self, idstr: str, state: StateSchema) -> str:
        """The name of the type of a device's state.

        Raises:
            SchemaError: a state is too long, or has a subsection that no stream can hold.
        """
        if state.length > LIMIT_STATE_BYTES:
            raise SchemaError(f"device {idstr!r} is {state.length} bytes, more than {LIMIT_STATE_BYTES}")
        self._idstr, self._device = idstr, state.name
        return self._of_state(state, state.name or idstr)

    def _of_state(self, state: StateSchema, name: str) -> str:
        return self._named(f"{identifier(name, 'unnamed')}_state", self._body(state, name, []))

    def _of_subsection(self, state: StateSchema) -> str:
        head = {"id": "subsection", "type": self._part("subsection_head", state.version)}
        return self._named(f"{identifier(state.name, 'unnamed')}_subsection", self._body(state, state.name, [head]))

    def _named(self, wanted: str, body: dict[str, Any]) -> str:
        """The name of a type with this body; a new one if there is none yet."""
        key = json.dumps(body)
        if key not in self._same:
            self._same[key] = self._names.take(wanted)
            self.types[self._same[key]] = body
        return self._same[key]

    def _part(self, name: str, *arguments: int) -> str:
        self.parts.add(name)
        given = (str(each).lower() if isinstance(each, bool) else str(each) for each in arguments)
        return f"{name}({', '.join(given)})" if arguments else name

    def _body(self, state: StateSchema, name: str, seq: list[Entry]) -> dict[str, Any]:
        names = UniqueNames(each["id"] for each in seq)
        seq.extend(_named_entry(field, self._entry(field, state), names) for field in state.fields)
        instances: dict[str, Any] = {}
        for subsection in state.subsections:
            made = names.take(identifier(subsection.name.rsplit("/", 1)[-1], "unnamed"))
            ahead = names.take(f"ahead_{made}")
            instances[ahead] = {"pos": "_io.pos", "type": self._part("subsection_ahead")}
            seq.append(
                {
                    "id": made,
                    "-orig-id": printable(subsection.name),
                    "type": self._of_subsection(subsection),
                    "if": _is_ahead(ahead, subsection.name),
                }
            )
        about = printable(name) + (f", version {state.version}" if state.name else ", without a version")
        return {"doc": about, "seq": seq} | ({"instances": instances} if instances else {})

    def _entry(self, field: FieldSchema, owner: StateSchema) -> Entry:
        """How one element of a field is read."""
        if not field.size:
            return {"size": 0}
        kind = number_kind(field.type, field.size)
        if kind is not None:
            return {"type": _NUMBERS[SCALARS[kind].code]}
        if field.type in INLINE:
            return {"type": self._inline(field)}
        if field.type in LISTS:
            return {"type": self._list(field)}
        make = CODECS.get((field.type, owner.name)) or CODECS.get((field.type, ""))
        return (make(self, field, owner) if make else None) or {"size": field.size}

    def _inline(self, field: FieldSchema) -> str:
        names = [self._of_state(state, state.name or field.name) for state in field.states]
        if len(names) == 1:
            return names[0]
        return self._wrapper(field, "parts", [{"id": f"part_{at}", "type": each} for at, each in enumerate(names)])

    def _list(self, field: FieldSchema) -> str:
        """A linked list (put_qtailq, put_qlist)."""
        names = [self._of_state(state, state.name or field.name) for state in field.states]
        return self._wrapper(field, "list", self._marked(field, field.name, names))

    def _marked(self, field: FieldSchema, name: str, types: list[str]) -> list[Entry]:
        """A byte 1 before each element, a byte 0 at the end."""
        mark = {"id": "present", "type": "u1", "valid": {"max": 1}}
        if len(set(types)) == 1:
            element = {"id": "element", "type": types[0], "if": "present == 1"}
            kind = self._wrapper(field, "element", [mark, element])
            end = {"id": "elements", "-orig-id": printable(name), "type": kind}
            return [end | {"repeat": "until", "repeat-until": "_.present == 0"}]
        seq: list[Entry] = []
        for at, kind in enumerate(types):
            orig = {"-orig-id": printable(f"{name}[{at}]")}
            seq += [{"id": f"present_{at}", "type": "u1", "valid": 1}, {"id": f"element_{at}", **orig, "type": kind}]
        return [*seq, {"id": "end", "type": "u1", "valid": 0}]

    def _tree(self, field: FieldSchema, _owner: StateSchema) -> Entry | None:
        """A balanced tree: the number of nodes, then a list of keys and values (put_gtree)."""
        described = [self._of_state(state, state.name or field.name) for state in field.states]
        rest = field.size - _NODES_BYTES - 1 - sum(state.length for state in field.states)
        if rest == len(described) * (1 + _KEY_BYTES):
            pairs = [("u8", value) for value in described]
        elif 2 * rest == len(described):
            pairs = list(zip(described[::2], described[1::2], strict=True))
        else:
            return None
        nodes = [
            self._wrapper(field, "node", [{"id": "key", "type": key}, {"id": "value", "type": value}])
            for key, value in pairs
        ]
        count = {"id": "nnodes", "type": "u4"}
        return {"type": self._wrapper(field, "tree", [count, *self._marked(field, "node", nodes)])}

    def _wrapper(self, field: FieldSchema, what: str, seq: list[Entry]) -> str:
        return self._named(f"{identifier(field.name, 'unnamed')}_{what}", {"seq": seq})

    def _run(self, field: FieldSchema, kind: str, width: int) -> Entry:
        """Numbers of one width up to the end of a field; what is left over are bytes."""
        count, left = divmod(field.size, width)
        numbers = {"type": kind, "repeat": "expr", "repeat-expr": count}
        if field.count == 1 and not left:
            return numbers
        rest = [{"id": "rest", "size": left}] if left else []
        return {"type": self._wrapper(field, "numbers", [{"id": "numbers", **numbers}, *rest])}

    def _words(self, field: FieldSchema, _owner: StateSchema) -> Entry:
        return self._run(field, "u8", _WORD_BYTES)

    def _null(self, field: FieldSchema, _owner: StateSchema) -> Entry | None:
        return {"type": self._part("null_pointer")} if field.size == 1 else None

    def _scsi_requests(self, field: FieldSchema, _owner: StateSchema) -> Entry:
        adapter = self._adapters.get(self._idstr.rsplit("/", 2)[0], 0)
        return self._bounded(field, "scsi_requests", adapter, self._device == _WITH_SECTORS)

    def _pci_config(self, field: FieldSchema, _owner: StateSchema) -> Entry | None:
        return self._bounded(field, "pci_config") if field.size >= _PCI_HEADER_BYTES else None

    def _irq_state(self, field: FieldSchema, _owner: StateSchema) -> Entry:
        return self._run(field, "u4", 4)

    def _msix(self, field: FieldSchema, _owner: StateSchema) -> Entry | None:
        vectors = field.size * 8 // _MSIX_ENTRY_BITS
        fits = vectors * 16 + (vectors + 7) // 8 == field.size
        return {"type": self._part("msix_table", vectors)} if fits else None

    def _mips_tlb_entry(self, field: FieldSchema, owner: StateSchema) -> Entry:
        has_mmid = owner.version >= _MMID_SINCE
        is_wide = field.size == _MIPS_WIDE_BYTES + _MMID_BYTES * has_mmid
        return self._bounded(field, "mips_tlb_entry", has_mmid, is_wide)

    def _virtio(self, field: FieldSchema, _owner: StateSchema) -> Entry:
        return {"type": self._part("virtio", field.size, _VIRTIO_KINDS.get(self._device, 0))}

    def _bounded(self, field: FieldSchema, part: str, *arguments: int) -> Entry:
        """A ready-made type, which reads no further than to the end of the field."""
        return {"size": field.size, "type": self._part(part, *arguments)}


Codec = Callable[[StateTypes, FieldSchema, StateSchema], Entry | None]
"""How one element of a field of a state is read; ``None`` if it can't be of its size."""


def _ready_made(part: str) -> Codec:
    return lambda types, field, _owner: types._bounded(field, part)


CODECS: dict[tuple[str, str], Codec] = {
    ("GByteArray", ""): _ready_made("counted_bytes"),
    ("avr", ""): StateTypes._words,
    ("bitmap", ""): StateTypes._words,
    ("blob", "virtio-gpu/blob"): _ready_made("virtio_gpu_blobs"),
    ("fpr", ""): StateTypes._words,
    ("irqs", "s390-flic"): _ready_made("kvm_s390_irqs"),
    ("msix state", ""): StateTypes._msix,
    ("nullptr", ""): StateTypes._null,
    ("pci config", ""): StateTypes._pci_config,
    ("pci irq state", ""): StateTypes._irq_state,
    ("ptr-marker", ""): StateTypes._null,
    ("scsi-requests", ""): StateTypes._scsi_requests,
    ("shpc", ""): _ready_made("shpc"),
    ("slbe", ""): StateTypes._words,
    ("tlb entry", ""): _ready_made("hppa_tlb_entry"),
    ("tlb_entry", "cpu/tlb"): StateTypes._mips_tlb_entry,
    ("usb-redir-bufpq", ""): _ready_made("usb_redir_packets"),
    ("usb-redir-packet-id-q", ""): _ready_made("usb_redir_packet_ids"),
    ("usb-redir-parser", ""): _ready_made("counted_bytes"),
    ("virtio", ""): StateTypes._virtio,
    ("virtio-fs back-end state", ""): _ready_made("backend_state"),
    ("virtio-gpu", "virtio-gpu"): _ready_made("virtio_gpu"),
    (TREE, ""): StateTypes._tree,
}
"""Types with a structure of their own, by the keys of :data:`~savevm_inspect.vmstate.fields.LAYOUTS`."""


def _named_entry(field: FieldSchema, entry: Entry, names: UniqueNames) -> Entry:
    name, repeat = field.name, {}
    if field.size and field.count != 1:
        assert "repeat" not in entry, "an element that is an array has a type of its own"
        repeat = {"repeat": "expr", "repeat-expr": field.count}
        repeat |= {"-orig-index": field.index} if field.index else {}
    elif field.index is not None and field.size:
        name = f"{field.name}[{field.index}]"
    wanted = f"{name}_{field.index}" if repeat and field.index else name
    made = names.take(identifier(wanted, "unnamed"))
    named: Entry = {"id": made}
    if name != made:
        named["-orig-id"] = printable(name)
    if field.type not in _OBVIOUS:
        named["-orig-type"] = printable(field.type)
    about = list(_about(field, entry))
    return named | entry | repeat | ({"doc": "; ".join(about)} if about else {})


def _about(field: FieldSchema, entry: Entry) -> Iterator[str]:
    if "size" in entry and "type" not in entry and field.size:
        yield BYTES_BY_NATURE.get(field.type, "its structure is no part of this format")


def _is_ahead(ahead: str, name: str) -> str:
    """The condition that a subsection follows."""
    raw = name.encode()
    if len(raw) > _LIMIT_SUBSECTION_NAME:
        raise SchemaError(
            f"subsection {name[:40]!r}... has a name of {len(raw)} bytes, at most 255 fit into a stream"
        )
    if name.isascii():
        return f"{ahead}.mark == 0x05 and {ahead}.name == {literal(name)}"
    return f"{ahead}.mark == 0x05 and {ahead}.raw == [{', '.join(f'{each:#x}' for each in raw)}]"


def literal(text: str) -> str:
    """A string in Kaitai's expression language."""
    return f'"{"".join(_escape(char) for char in text)}"'


def _escape(char: str) -> str:
    if char in '"\\':
        return f"\\{char}"
    return char if char.isprintable() or ord(char) > 0xFFFF else f"\\u{ord(char):04x}"

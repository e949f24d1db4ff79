"""Guest memory of a stream: its blocks, where they lie, and memory as each processor sees it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from ..errors import NotFound, SavevmError
from ..memory.page_table import PageTable
from ..memory.rebuild import Memory
from ..memory.unpack import Buffers
from ..payload.ram_blocks import RamBlock
from ..stream.records import Configuration, Framing
from ..stream.values import Value
from .device import Device

# Who reads blocks needs none of this; so it is imported where it is used.
if TYPE_CHECKING:
    from ..memory.address_space import PhysicalMemory
    from ..memory.machines import Evidence
    from ..memory.mmu import VirtualMemory
    from ..memory.ranges import AddressMap, Range
    from ..memory.registers import Registers
    from ..memory.srat import Affinity
    from ..memory.vmcoreinfo import Vmcoreinfo

_CONFIG = "parent_obj/config[0]/device_registers"
_CONFIG_PLACE = 0x40
_PAM_BYTES = 7
_CMOS_HIGH, _CMOS_ABOVE_4G = slice(0x34, 0x36), slice(0x5B, 0x5E)
_CMOS_UNIT_BYTES, _CMOS_HIGH_FROM = 64 << 10, 16 << 20
_VMCOREINFO, _VMCOREINFO_FORMAT_ELF = "vmcoreinfo", 1
_VMCOREINFO_FIELDS = ("vmcoreinfo.guest_format", "vmcoreinfo.size", "vmcoreinfo.paddr")
_VIRTIO_MEM = {"virtio-mem-device-early": "tmp/addr", "virtio-mem": "virtio/device/addr"}
_MOST_TABLES_BYTES = 16 << 20


class Described(Protocol):
    """What guest memory needs of a stream."""

    @property
    def configuration(self) -> Configuration | None:
        """Its configuration record."""

    @property
    def blocks(self) -> tuple[RamBlock, ...]:
        """Its RAM blocks."""

    @property
    def devices(self) -> tuple[Device, ...]:
        """Its devices."""


class GuestMemory(Memory):
    """The RAM blocks of a stream by name, and the address spaces that they make up.

    Args:
        stream: where machine type, devices and registers come from.
        buffers: the bytes of each channel that holds pages.
        pages: the stream's pages.
        given: an address map by hand, for :meth:`mapped`.
    """

    def __init__(self, stream: Described, buffers: Buffers, pages: PageTable, given: "Sequence[Range]" = ()) -> None:
        super().__init__(buffers, pages)
        self._stream = stream
        self._given = tuple(given)

    def mapped(self, given: "Sequence[Range]") -> "GuestMemory":
        """The same memory with an address map by hand.

        Args:
            given: where blocks lie; replaces what would be found out about them.
        """
        return GuestMemory(self._stream, self._buffers, self._pages, given=given)

    @cached_property
    def evidence(self) -> "Evidence":
        """What the stream states of its machine, for the address map."""
        from ..memory.families import find_family  # noqa: PLC0415
        from ..memory.machines import Evidence  # noqa: PLC0415

        configuration = self._stream.configuration
        found = Evidence(
            machine=configuration.machine if configuration else "",
            blocks=self._stream.blocks,
            devices=frozenset(device.idstr for device in self._stream.devices),
            affinities=self._affinities(),
            virtio_mem=dict(self._virtio_mem()),
        )
        family = find_family(found)
        if family is None or not family.isa_bios:
            return found
        return replace(found, cmos=self._cmos(), pam=self._pam(*family.pam) if family.pam else None)

    @cached_property
    def address_map(self) -> "AddressMap":
        """Where the blocks lie in guest-physical memory, each piece with who says so.

        Raises:
            AddressError: the machine type is not known, or what is found is inconsistent.
        """
        from ..memory.address_map import build_map  # noqa: PLC0415

        return build_map(self.evidence, self._given)

    @property
    def unplaced(self) -> tuple[str, ...]:
        """Names of the blocks that :attr:`address_map` lacks: the guest sees them nowhere, or who knows where.

        Raises:
            AddressError: see :attr:`address_map`.
        """
        placed = {each.block for each in self.address_map.ranges}
        return tuple(sorted(set(self) - placed))

    @property
    def physical(self) -> "PhysicalMemory":
        """Guest-physical memory, as a file whose offsets are addresses; each time another, with its own position.

        Raises:
            AddressError: see :attr:`address_map`.
        """
        from ..memory.address_space import PhysicalMemory  # noqa: PLC0415

        return PhysicalMemory(self, self.address_map)

    @cached_property
    def cpus(self) -> "tuple[Registers, ...]":
        """The processors' registers, in the order of their numbers.

        Raises:
            NotFound: they are not in the stream, not decoded, or not of x86 or AArch64.
        """
        from . import cpus  # noqa: PLC0415

        found = [device for device in self._stream.devices if device.idstr == cpus.IDSTR]
        if not found:
            raise NotFound("the stream has no section of a processor")
        return tuple(cpus.read_cpu(device) for device in sorted(found, key=lambda each: each.instance_id))

    def virtual(self, cpu: int = 0) -> "VirtualMemory":
        """Memory as a processor sees it, as a file whose offsets are virtual addresses.

        Segments do not count: addresses are linear ones. Nor do access rights.

        Args:
            cpu: its number.

        Raises:
            NotFound: there is no such processor, or its registers can't be read.
            AddressError: where memory lies is not known.
        """
        from ..memory.paging import virtual_memory  # noqa: PLC0415

        for each in self.cpus:
            if each.number == cpu:
                return virtual_memory(each, self.physical)
        known = ", ".join(str(each.number) for each in self.cpus)
        raise NotFound(f"no processor {cpu}; the stream has: {known}")

    def vmcoreinfo(self, order: str) -> "Vmcoreinfo":
        """The note in which a Linux guest says where its structures lie: by the device, else found in memory.

        Args:
            order: the guest's byte order, ``<`` or ``>``.

        Raises:
            NotFound: there is none.
            AddressError: where memory lies is not known.
        """
        from ..memory.vmcoreinfo import read_vmcoreinfo, search_vmcoreinfo  # noqa: PLC0415

        numbers = [self._number(_VMCOREINFO, path) for path in ("has_vmcoreinfo", *_VMCOREINFO_FIELDS)]
        present, guest_format, size_bytes, gpa = numbers
        if present and guest_format == _VMCOREINFO_FORMAT_ELF and size_bytes and gpa:
            return read_vmcoreinfo(self.physical, gpa, size_bytes, order, "section vmcoreinfo")
        return search_vmcoreinfo(self.physical, order)

    def _number(self, idstr: str, path: str) -> int:
        value = self._field(idstr, path)
        return value if isinstance(value, int) else 0

    def _field(self, idstr: str, path: str) -> Value | None:
        """A field of a device, if the stream has it and it can be decoded."""
        for device in self._stream.devices:
            if device.idstr == idstr and all(each.framing is Framing.SCHEMA for each in device.sections):
                try:
                    return device.field(path).value
                except SavevmError:
                    return None  # the stream's account says what is wrong with the device
        return None

    def _buffer(self, idstr: str, path: str) -> bytes | None:
        value = self._field(idstr, path)
        return value if isinstance(value, bytes) else None

    def _affinities(self) -> "tuple[Affinity, ...]":
        """What the firmware's tables say of memory."""
        from ..memory.srat import TABLES, read_srat  # noqa: PLC0415

        sizes = {block.name: block.used_bytes for block in self._stream.blocks}
        if sizes.get(TABLES, _MOST_TABLES_BYTES) >= _MOST_TABLES_BYTES or self[TABLES].ignored:
            return ()
        return read_srat(self[TABLES].read())

    def _virtio_mem(self) -> Iterator[tuple[str, int]]:
        """Path and address of each virtio-mem; it says so early, with older machine types among all its state."""
        for name, field in _VIRTIO_MEM.items():
            for device in self._stream.devices:
                path, _, last = device.idstr.rpartition("/")
                if last == name and (gpa := self._number(device.idstr, field)):
                    yield path, gpa

    def _pam(self, idstr: str, register: int) -> bytes | None:
        """The PAM registers in the host bridge's configuration space."""
        registers = self._buffer(idstr, _CONFIG)
        index = register - _CONFIG_PLACE
        if registers is None or len(registers) < index + _PAM_BYTES:
            return None
        return registers[index : index + _PAM_BYTES]

    def _cmos(self) -> tuple[int, int] | None:
        """RAM below and above 4 GiB as the CMOS states it to the firmware (hw/i386/pc.c, pc_cmos_init)."""
        cmos = self._buffer("mc146818rtc", "cmos_data")
        if cmos is None or len(cmos) < _CMOS_ABOVE_4G.stop:
            return None
        high = int.from_bytes(cmos[_CMOS_HIGH], "little") * _CMOS_UNIT_BYTES
        above = int.from_bytes(cmos[_CMOS_ABOVE_4G], "little") * _CMOS_UNIT_BYTES
        return (_CMOS_HIGH_FROM + high, above) if high else None

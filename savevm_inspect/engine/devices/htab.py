"""``spapr/htab``: a pseries guest's hash page table, iterable like RAM, dirty entry by entry (hw/ppc/spapr.c).

It has no ``state_pending_*``: nobody waits for it at the switchover, so what the iterations did not manage is
sent with the VM stopped.
"""

from struct import Struct
from typing import Final

from ...errors import BadPayload
from ...payload.htab import IDSTR, HtabWriter
from ...wire import HASH_PTE_SIZE_64, HTAB_VERSION, VMSTATE_INSTANCE_ID_ANY
from ..machine.handlers import DeviceError, SaveVMHandlers
from ..machine.machine import Machine
from ..machine.qemu_file import QEMUFile, QEMUFileInput
from ..sim.scheduler import Steps

HPTE64_V_VALID: Final = 0x01
HPTE64_V_HPTE_DIRTY: Final = 0x40
MAX_ITERATION_US: Final = 5000
"""How long one turn may take (hw/ppc/spapr.c, MAX_ITERATION_NS)."""

_FLAG_BYTE: Final = 7  # the lowest byte of an entry's first word, which is big-endian
_LONGEST_RUN: Final = 0xFFFF
_ENTRY: Final = Struct(">QQ")
_REMOVE_EVERY: Final = 16


class HashPageTable:
    """A table of 16-byte entries; each carries its own dirty bit, which is clear when it is sent.

    Args:
        machine: whose table; every write of its guest changes an entry.
        htab_shift: log2 of the table's length in bytes.
    """

    def __init__(self, machine: Machine, htab_shift: int = 14) -> None:
        self._machine = machine
        self._shift = htab_shift
        self.table = bytearray(1 << htab_shift)
        self._index = 0
        self._first_pass = False
        machine.guest.on_write.append(self._map_page)
        self._changes = 0

    @classmethod
    def attach(cls, machine: Machine) -> "HashPageTable":
        """Build it into a machine and register it (spapr_machine_init)."""
        device = cls(machine)
        machine.registry.register_savevm_live(
            IDSTR, VMSTATE_INSTANCE_ID_ANY, HTAB_VERSION, SaveVMHandlers.of(cls), device
        )
        return device

    @property
    def num_entries(self) -> int:
        """Length of the table in entries."""
        return len(self.table) // HASH_PTE_SIZE_64

    def set_entry(self, index: int, page: int, *, valid: bool) -> None:
        """Enter a mapping, or take one out; the entry is dirty afterwards (h_enter, h_remove)."""
        flags = HPTE64_V_HPTE_DIRTY | (HPTE64_V_VALID if valid else 0)
        _ENTRY.pack_into(
            self.table, index * HASH_PTE_SIZE_64, flags | (page << 12 if valid else 0), page if valid else 0
        )

    def save_setup(self, f: QEMUFile) -> int:
        """State the table's size (htab_save_setup)."""
        HtabWriter(f).put_shift(self._shift)
        self._index = 0
        self._first_pass = True
        return 0

    def save_live_iterate(self, f: QEMUFile) -> int:
        """Send chunks of entries; done when a whole round found nothing dirty (htab_save_iterate)."""
        writer, finished = HtabWriter(f), False
        writer.begin_chunks()
        if self._first_pass:
            self._save_first_pass(f, limited=True)
        else:
            finished = self._save_later_pass(f, limited=True)
        writer.put_end_marker()
        return int(finished)

    def save_complete(self, f: QEMUFile) -> int:
        """Send all that is left, without regard to the rate limit (htab_save_complete)."""
        writer = HtabWriter(f)
        writer.begin_chunks()
        if self._first_pass:
            self._save_first_pass(f, limited=False)
        self._save_later_pass(f, limited=False)
        writer.put_end_marker()
        return 0

    def save_cleanup(self) -> None:
        """Begin anew next time (htab_save_cleanup)."""
        self._index = 0
        self._first_pass = False

    def load_state(self, f: QEMUFileInput, version_id: int) -> Steps[int]:
        """Read one section: the size, or chunks up to the end mark (htab_load)."""
        if version_id != HTAB_VERSION:
            raise DeviceError(f"version {version_id}, expected {HTAB_VERSION}")
        yield from f.fill(4)
        offset = f.offset
        shift = f.get_be32()
        if shift:
            if shift != self._shift:
                raise BadPayload(
                    f"a table of shift {shift}, this side has {self._shift}", offset=offset, section=f.section
                )
            self.table[:] = bytes(len(self.table))
            return 0
        while True:
            yield from f.fill(8)
            offset = f.offset
            index, n_valid, n_invalid = f.get_be32(), f.get_be16(), f.get_be16()
            if not (index or n_valid or n_invalid):
                return 0
            if index + n_valid + n_invalid > self.num_entries:
                raise BadPayload(
                    f"chunk of {n_valid} + {n_invalid} entries at {index} in a table of {self.num_entries}",
                    offset=offset,
                    section=f.section,
                )
            start = index * HASH_PTE_SIZE_64
            yield from f.fill(n_valid * HASH_PTE_SIZE_64)
            content = f.get_buffer(n_valid * HASH_PTE_SIZE_64) + bytes(n_invalid * HASH_PTE_SIZE_64)
            self.table[start : start + len(content)] = content

    def _map_page(self, page: int) -> None:
        """The guest wrote to a page: a mapping of it comes, or goes every now and then."""
        self._changes += 1
        self.set_entry(page % self.num_entries, page, valid=bool(self._changes % _REMOVE_EVERY))

    def _is(self, index: int, flag: int) -> bool:
        return bool(self.table[index * HASH_PTE_SIZE_64 + _FLAG_BYTE] & flag)

    def _run(self, start: int, *, valid: bool, dirty: bool) -> int:
        """End of the run of entries from an index on that are valid or not, and dirty if that is asked for.

        The entries of the run are clean afterwards.
        """
        index = start
        while (
            index < self.num_entries
            and index - start < _LONGEST_RUN
            and self._is(index, HPTE64_V_VALID) is valid
            and (not dirty or self._is(index, HPTE64_V_HPTE_DIRTY))
        ):
            self.table[index * HASH_PTE_SIZE_64 + _FLAG_BYTE] &= ~HPTE64_V_HPTE_DIRTY
            index += 1
        return index

    def _save_first_pass(self, f: QEMUFile, *, limited: bool) -> None:
        """Send every valid entry, dirty or not (htab_save_first_pass)."""
        began_us = self._machine.clock.now_us
        index = self._index
        while True:
            start = self._run(index, valid=False, dirty=False)
            index = self._run(start, valid=True, dirty=False)
            if index > start:
                self._put_chunk(f, start, index - start, 0)
                if limited and self._machine.clock.now_us - began_us > MAX_ITERATION_US:
                    break
            if index >= self.num_entries or f.rate_exceeded():
                break
        self._first_pass = index < self.num_entries
        self._index = index % self.num_entries

    def _save_later_pass(self, f: QEMUFile, *, limited: bool) -> bool:
        """Send dirty entries, once around the table at most; True if there were none (htab_save_later_pass)."""
        began_us = self._machine.clock.now_us
        index, examined, sent = self._index, 0, 0
        while True:
            start = index
            while start < self.num_entries and not self._is(start, HPTE64_V_HPTE_DIRTY):
                start += 1
            invalid_start = self._run(start, valid=True, dirty=True)
            end = self._run(invalid_start, valid=False, dirty=True)
            examined += end - index
            index = end
            if index > start:
                self._put_chunk(f, start, invalid_start - start, index - invalid_start)
                sent += index - start
                if limited and self._machine.clock.now_us - began_us > MAX_ITERATION_US:
                    break
            if examined >= self.num_entries:
                break
            index %= self.num_entries
            if limited and f.rate_exceeded():
                break
        self._index = index % self.num_entries
        return examined >= self.num_entries and not sent

    def _put_chunk(self, f: QEMUFile, start: int, n_valid: int, n_invalid: int) -> None:
        entries = self.table[start * HASH_PTE_SIZE_64 : (start + n_valid) * HASH_PTE_SIZE_64]
        HtabWriter(f).put_chunk(start, bytes(entries), n_invalid)

"""What takes part in a migration and in which order (migration/savevm.c, SaveState and register_savevm_live)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ...errors import SavevmError
from ...wire import VMSTATE_INSTANCE_ID_ANY
from .handlers import SaveVMHandlers
from .vmsd import MigrationPriority, VMStateDescription

_IDSTR_LIMIT_BYTES = 255


def _cut(idstr: str) -> str:
    """As much of a name as fits, in whole characters (pstrcat into the idstr of SaveStateEntry)."""
    return idstr.encode()[:_IDSTR_LIMIT_BYTES].decode(errors="ignore")


@dataclass(eq=False, slots=True, kw_only=True)
class SaveStateEntry:
    """One device in the list; upstream's structure of the same name.

    Attributes:
        idstr: its name in the stream.
        instance_id: distinguishes entries of one idstr.
        version_id: of the newest format that it writes and the newest that it reads.
        section_id: running number of its registration; it names the section on the wire.
        opaque: what every callback gets, the device itself.
        ops: its callbacks, or ``None`` if a description does it all.
        vmsd: its description, or ``None`` if callbacks do it all.
        alias_id: a further instance_id it answers to when loading; -1 for none.
        compat: idstr and instance_id from before devices had paths, or ``None``.
        load_version_id: version in the stream that is being loaded.
        load_section_id: section_id in that stream; it need not equal ours; -1 before one was seen.
    """

    idstr: str
    instance_id: int
    version_id: int
    section_id: int
    opaque: Any
    ops: SaveVMHandlers | None = None
    vmsd: VMStateDescription | None = None
    alias_id: int = -1
    compat: tuple[str, int] | None = None
    load_version_id: int = 0
    load_section_id: int = -1

    def has(self, handler: str) -> bool:
        """Whether the device has a callback; one that is described has none."""
        return self.ops is not None and getattr(self.ops, handler) is not None

    @property
    def priority(self) -> MigrationPriority:
        """Entries of a higher one are saved and loaded first."""
        return self.vmsd.priority if self.vmsd is not None else MigrationPriority.MIG_PRI_DEFAULT

    def __str__(self) -> str:
        return f"{self.idstr} (instance {self.instance_id})"


class Registry:
    """The list of all that is saved, in the order in which it is saved."""

    def __init__(self) -> None:
        self._entries: list[SaveStateEntry] = []
        self._global_section_id = 0

    def __iter__(self) -> Iterator[SaveStateEntry]:
        return iter(tuple(self._entries))

    def __len__(self) -> int:
        return len(self._entries)

    def register_savevm_live(
        self, idstr: str, instance_id: int, version_id: int, ops: SaveVMHandlers, opaque: object
    ) -> SaveStateEntry:
        """Register a device that has callbacks (register_savevm_live).

        Args:
            idstr: its name in the stream; what is longer than 255 bytes is cut off, as upstream.
            instance_id: distinguishes devices of one name; -1 or 0xffffffff takes the next free number.
            version_id: of the format that it writes.
            ops: its callbacks.
            opaque: what they get.

        Returns:
            The new entry.

        Raises:
            SavevmError: idstr and instance_id are taken.
        """
        idstr = _cut(idstr)
        return self._insert(
            SaveStateEntry(
                idstr=idstr,
                instance_id=self._instance_id(idstr, instance_id),
                version_id=version_id,
                section_id=self._global_section_id,
                ops=ops,
                opaque=opaque,
                # Upstream allocates the entry zeroed and never sets this one, so that a device with
                # callbacks answers to instance 0 besides its own.
                alias_id=0,
            )
        )

    def register_vmstate(
        self,
        vmsd: VMStateDescription,
        opaque: object,
        *,
        obj: str = "",
        instance_id: int = VMSTATE_INSTANCE_ID_ANY,
        alias_id: int = -1,
    ) -> SaveStateEntry:
        """Register a device that is described (vmstate_register_with_alias_id).

        Args:
            vmsd: the description.
            opaque: the object whose attributes are the fields.
            obj: path of the device; with one, the idstr is ``path/name``, and the bare name and instance_id
                only serve streams from before devices had paths.
            instance_id: distinguishes devices of one name; -1 or 0xffffffff takes the next free number.
            alias_id: a further instance_id to answer to when loading; -1 for none.

        Raises:
            SavevmError: idstr and instance_id are taken, or the path alone is too long.
        """
        idstr, compat = _cut(vmsd.name), None
        if obj:
            if len(obj.encode()) >= _IDSTR_LIMIT_BYTES:
                raise SavevmError(f"a path of {len(obj.encode())} bytes, at most {_IDSTR_LIMIT_BYTES - 1} fit: {obj}")
            wanted = instance_id & VMSTATE_INSTANCE_ID_ANY
            compat = (idstr, self._compat_instance_id(idstr) if wanted == VMSTATE_INSTANCE_ID_ANY else wanted)
            idstr = _cut(f"{obj}/{vmsd.name}")
            instance_id = VMSTATE_INSTANCE_ID_ANY
        return self._insert(
            SaveStateEntry(
                idstr=idstr,
                instance_id=self._instance_id(idstr, instance_id),
                version_id=vmsd.version_id,
                section_id=self._global_section_id,
                vmsd=vmsd,
                opaque=opaque,
                alias_id=alias_id,
                compat=compat,
            )
        )

    def unregister_savevm(self, obj: str, idstr: str, opaque: object) -> int:
        """Take out the entries of a name and an opaque (unregister_savevm).

        Args:
            obj: path of the device, put before the name; empty for none.
            idstr: the name.
            opaque: compared for identity, as pointers are.

        Returns:
            How many were taken out; none is no error.
        """
        name = _cut(f"{obj}/{idstr}" if obj else idstr)
        kept = [entry for entry in self._entries if not (entry.idstr == name and entry.opaque is opaque)]
        gone = len(self._entries) - len(kept)
        self._entries = kept
        return gone

    def find_se(self, idstr: str, instance_id: int) -> SaveStateEntry | None:
        """The entry that a section of this name and instance belongs to (find_se)."""
        for entry in self._entries:
            if entry.idstr == idstr and instance_id in (entry.instance_id, entry.alias_id):
                return entry
            if (
                entry.compat is not None
                and entry.compat[0] == idstr
                and instance_id in (entry.compat[1], entry.alias_id)
            ):
                return entry
        return None

    def entry_of(self, opaque: object) -> SaveStateEntry:
        """The entry of a device that has callbacks.

        Raises:
            SavevmError: it is not registered.
        """
        for entry in self._entries:
            if entry.ops is not None and entry.opaque is opaque:
                return entry
        raise SavevmError(f"{type(opaque).__name__} is not registered")

    def find_loaded(self, section_id: int) -> SaveStateEntry | None:
        """The entry whose START or FULL section had this number in the stream (qemu_loadvm_section_part_end)."""
        return next((entry for entry in self._entries if entry.load_section_id == section_id), None)

    def _instance_id(self, idstr: str, instance_id: int) -> int:
        wanted = instance_id & VMSTATE_INSTANCE_ID_ANY
        if wanted != VMSTATE_INSTANCE_ID_ANY:
            return wanted
        return 1 + max((entry.instance_id for entry in self._entries if entry.idstr == idstr), default=-1)

    def _compat_instance_id(self, name: str) -> int:
        used = (entry.compat[1] for entry in self._entries if entry.compat is not None and entry.compat[0] == name)
        return 1 + max(used, default=-1)

    def _insert(self, new: SaveStateEntry) -> SaveStateEntry:
        """Put an entry after all of its own or a higher priority (savevm_state_handler_insert)."""
        self._global_section_id += 1
        if self.find_se(new.idstr, new.instance_id) is not None:
            raise SavevmError(f"{new} is registered already")
        index = next(
            (number for number, entry in enumerate(self._entries) if entry.priority < new.priority),
            len(self._entries),
        )
        self._entries.insert(index, new)
        return new

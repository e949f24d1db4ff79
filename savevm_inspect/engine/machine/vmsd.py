"""A device's state declared as data: fields, subsections, hooks (include/migration/vmstate.h).

Nothing here moves bytes; :mod:`.vmstate` interprets a declaration for saving and for loading.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from ...errors import SavevmError
from ...vmstate.scalars import SCALARS
from .handlers import DeviceError

STRUCT: Final = "struct"
VSTRUCT: Final = "vstruct"
BUFFER: Final = "buffer"
UNUSED_BUFFER: Final = "unused_buffer"

_TYPES = frozenset((*SCALARS, STRUCT, VSTRUCT, BUFFER, UNUSED_BUFFER))


class MigrationPriority(IntEnum):
    """Devices of a higher priority are saved and loaded first."""

    MIG_PRI_LOW = 1
    MIG_PRI_DEFAULT = 2
    MIG_PRI_IOMMU = 3
    MIG_PRI_PCI_BUS = 4
    MIG_PRI_VIRTIO_MEM = 5
    MIG_PRI_APIC = 6
    MIG_PRI_GICV3_ITS = 7
    MIG_PRI_GICV3 = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class VMStateField:
    """One field: where its value lives in the object, and how it lies in the stream.

    Attributes:
        name: what the description calls it.
        type: a number of :data:`~savevm_inspect.vmstate.scalars.SCALARS`, ``struct`` (its description's own
            version), ``vstruct`` (the version in ``struct_version_id``), ``buffer`` (bytes) or
            ``unused_buffer`` (zeros that belong to nothing).
        attr: the attribute of the object that holds it; the field's name unless said otherwise.
        version_id: version of the description that the field came with.
        num: number of elements, for an array of fixed length.
        num_attr: attribute that holds the number of elements, for an array of variable length.
        size_bytes: length of a buffer.
        size_attr: attribute that holds the length of a buffer in bytes.
        pointers: the array may hold ``None``, which takes one byte in the stream.
        vmsd: description of a struct.
        struct_version_id: version of a vstruct.
        field_exists: (opaque, version_id) -> bool; decides alone, if there is one.
    """

    name: str
    type: str
    attr: str = ""
    version_id: int = 0
    num: int | None = None
    num_attr: str = ""
    size_bytes: int = 0
    size_attr: str = ""
    pointers: bool = False
    vmsd: "VMStateDescription | None" = None
    struct_version_id: int = 0
    field_exists: Callable[[Any, int], bool] | None = None

    def __post_init__(self) -> None:
        if self.type not in _TYPES:
            raise SavevmError(f"field {self.name}: no type is called {self.type!r}")
        if (self.type in (STRUCT, VSTRUCT)) != (self.vmsd is not None):
            raise SavevmError(f"field {self.name}: a struct, and nothing else, has a description of its own")
        if self.pointers and not self.is_array:
            raise SavevmError(f"field {self.name}: only an array can hold pointers")

    @property
    def is_array(self) -> bool:
        """Whether the attribute holds a list."""
        return self.num is not None or bool(self.num_attr)

    @property
    def attribute(self) -> str:
        """The attribute that holds the value."""
        return self.attr or self.name

    def exists(self, opaque: object, version_id: int) -> bool:
        """Whether a stream of a version has the field (vmstate_field_exists)."""
        if self.field_exists is not None:
            return self.field_exists(opaque, version_id)
        return self.version_id <= version_id

    def length(self, opaque: object) -> int:
        """Number of elements, 1 for what is no array (vmstate_n_elems)."""
        if self.num is not None:
            return self.num
        return int(getattr(opaque, self.num_attr)) if self.num_attr else 1

    def buffer_bytes(self, opaque: object) -> int:
        """Length of the buffer in bytes (vmstate_size)."""
        return int(getattr(opaque, self.size_attr)) if self.size_attr else self.size_bytes

    def element_bytes(self, opaque: object) -> int:
        """Length of one element in the stream in bytes; not for structs and pointers, which have no fixed one."""
        return SCALARS[self.type].size_bytes if self.type in SCALARS else self.buffer_bytes(opaque)

    def elements(self, opaque: object) -> list[Any]:
        """The values to save, a list also of what is no array.

        Raises:
            DeviceError: an array holds another number of values than it must.
        """
        if self.type == UNUSED_BUFFER:
            return [None]
        value = getattr(opaque, self.attribute)
        if not self.is_array:
            return [value]
        if len(value) != self.length(opaque):
            raise DeviceError(f"field {self.name} holds {len(value)} elements, expected {self.length(opaque)}")
        return list(value)

    def can_compress(self) -> bool:
        """Whether the description may describe an array by its first element alone (vmsd_can_compress)."""
        if self.field_exists is not None:
            return False
        if self.type != STRUCT or self.vmsd is None:
            return True
        return not self.vmsd.subsections and all(field.can_compress() for field in self.vmsd.fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class VMStateDescription:
    """The declaration of a device's, a struct's or a subsection's state.

    A hook fails by raising :class:`~savevm_inspect.engine.machine.handlers.DeviceError`.

    Attributes:
        name: what it is called; a subsection's begins with its parent's and a slash.
        version_id: the version that is written, the newest that is read.
        minimum_version_id: the oldest that is read.
        fields: in the order of the stream.
        subsections: written after the fields, each one only if it is needed.
        priority: for its order among the devices.
        early_setup: saved in the setup phase, before RAM, in a FULL section.
        unmigratable: a VM that has it can be neither saved nor loaded.
        dev_unplug_pending: (opaque) -> bool; whether the guest still has to let go of it before it can move.
        needed: (opaque) -> bool; without it, always.
        pre_save: (opaque), before the first byte.
        post_save: (opaque), after the last byte, also if a field failed.
        pre_load: (opaque), before the first byte.
        post_load: (opaque, version_id), after the last byte.
    """

    name: str
    version_id: int = 0
    minimum_version_id: int = 0
    fields: tuple[VMStateField, ...] = ()
    subsections: "tuple[VMStateDescription, ...]" = ()
    priority: MigrationPriority = MigrationPriority.MIG_PRI_DEFAULT
    early_setup: bool = False
    unmigratable: bool = False
    dev_unplug_pending: Callable[[Any], bool] | None = None
    needed: Callable[[Any], bool] | None = None
    pre_save: Callable[[Any], None] | None = None
    post_save: Callable[[Any], None] | None = None
    pre_load: Callable[[Any], None] | None = None
    post_load: Callable[[Any, int], None] | None = None

    def __post_init__(self) -> None:
        for subsection in self.subsections:
            if not subsection.name.startswith(self.name + "/"):
                raise SavevmError(
                    f"subsection {subsection.name!r} of {self.name!r} must begin with {self.name + '/'!r}"
                )

    def is_needed(self, opaque: object) -> bool:
        """Whether the section or subsection is to be sent at all (vmstate_section_needed)."""
        return self.needed is None or self.needed(opaque)

    def unique_name(self, field: VMStateField) -> str:
        """A field's name, numbered if several fields share it (vmsd_desc_field_start)."""
        same = [other for other in self.fields if other.name == field.name]
        if len(same) == 1:
            return field.name
        return f"{field.name}[{next(number for number, other in enumerate(same) if other is field)}]"

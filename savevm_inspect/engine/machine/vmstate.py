"""Saving and loading a declared device by interpreting its declaration (migration/vmstate.c).

While a device is saved, the same walk gathers what QEMU writes about it in the JSON after the stream.
"""

import struct
from typing import Any

from ...errors import BadPayload, Truncated
from ...stream.writer import Writer, put_subsection_header
from ...vmstate.scalars import SCALARS
from ...wire import VMS_NULLPTR_MARKER, VmRecord
from ..sim.scheduler import Steps
from .handlers import DeviceError
from .qemu_file import QEMUFileInput
from .vmsd import BUFFER, UNUSED_BUFFER, VSTRUCT, VMStateDescription, VMStateField

Json = dict[str, Any]
"""An object of the description; the order of its keys is that of QEMU's text."""


def vmstate_save_state(f: Writer, vmsd: VMStateDescription, opaque: Any, version_id: int | None = None) -> Json:
    """Write an object's fields and needed subsections (vmstate_save_state_v).

    Args:
        f: where to.
        vmsd: its declaration.
        opaque: the object.
        version_id: version to write; the declaration's own unless said otherwise.

    Returns:
        What the description says about it: ``vmsd_name``, ``version``, ``fields``, ``subsections``.

    Raises:
        DeviceError: a hook refused, or a value does not fit its field.
    """
    version = vmsd.version_id if version_id is None else version_id
    if vmsd.pre_save is not None:
        vmsd.pre_save(opaque)
    try:
        described: Json = {"vmsd_name": vmsd.name, "version": version, "fields": []}
        for field in vmsd.fields:
            if field.exists(opaque, version):
                described["fields"] += _save_field(f, vmsd, field, opaque)
        for subsection in vmsd.subsections:
            if subsection.is_needed(opaque):
                put_subsection_header(f, subsection.name, subsection.version_id)
                described.setdefault("subsections", []).append(vmstate_save_state(f, subsection, opaque))
    finally:
        if vmsd.post_save is not None:
            vmsd.post_save(opaque)
    return described


def _save_field(f: Writer, vmsd: VMStateDescription, field: VMStateField, opaque: Any) -> list[Json]:
    """Write a field's elements; returns their description, one entry where an array can be compressed."""
    elements = field.elements(opaque)
    described: list[Json] = []
    compress, silent, was_null = field.can_compress(), False, False
    for index, element in enumerate(elements):
        is_null = field.pointers and element is None
        alike = len(elements) - index
        if is_null != was_null:
            # A run of null pointers has another type than the elements around it, so it has an entry of its own.
            # The first run, if it is not null, claims the length of the whole array; so it does upstream.
            was_null, silent = is_null, False
            alike = _run_length(elements, index)
        start = f.transferred
        entry: Json = {"name": vmsd.unique_name(field)}
        if alike > 1:
            entry |= {"array_len": alike} if compress or is_null else {"index": index}
        entry["type"] = "nullptr" if is_null else field.type
        entry |= _put_null(f) if is_null else _save_element(f, field, element, opaque)
        entry["size"] = f.transferred - start
        if not silent:
            described.append(entry)
        silent = silent or compress
    return described


def _run_length(elements: list[Any], start: int) -> int:
    """Number of elements from an index on that are null, or not null, as the one there."""
    for index in range(start + 1, len(elements)):
        if (elements[index] is None) != (elements[start] is None):
            return index - start
    return len(elements) - start


def _put_null(f: Writer) -> Json:
    f.put_byte(VMS_NULLPTR_MARKER)
    return {}


def _save_element(f: Writer, field: VMStateField, element: Any, opaque: Any) -> Json:
    """Write one element; returns the keys that a struct adds to its entry."""
    if field.vmsd is not None:
        if field.type == VSTRUCT:
            return vmstate_save_state(f, field.vmsd, element, field.struct_version_id)
        return {"struct": vmstate_save_state(f, field.vmsd, element)}
    if field.type == UNUSED_BUFFER:
        f.put_buffer(bytes(field.buffer_bytes(opaque)))
    elif field.type == BUFFER:
        if len(element) != field.buffer_bytes(opaque):
            raise DeviceError(f"field {field.name} holds {len(element)} bytes, expected {field.buffer_bytes(opaque)}")
        f.put_buffer(bytes(element))
    else:
        try:
            f.put_buffer(SCALARS[field.type].pack(element))
        except struct.error as error:
            raise DeviceError(f"field {field.name}: {element!r} is no {field.type}") from error
    return {}


def vmstate_load_state(f: QEMUFileInput, vmsd: VMStateDescription, opaque: Any, version_id: int) -> Steps[None]:
    """Read an object's fields and the subsections that follow, as they arrive (vmstate_load_state).

    Args:
        f: where from.
        vmsd: its declaration.
        opaque: the object; its attributes are set.
        version_id: version of the stream.

    Raises:
        Truncated: the stream ends within it.
        BadPayload: the version is out of range, a value contradicts the object, a subsection is unknown.
        DeviceError: a hook refused.
    """
    if not vmsd.minimum_version_id <= version_id <= vmsd.version_id:
        raise BadPayload(
            f"version {version_id} of {vmsd.name}, expected {vmsd.minimum_version_id} to {vmsd.version_id}",
            offset=f.offset,
            section=f.section,
        )
    if vmsd.pre_load is not None:
        vmsd.pre_load(opaque)
    for field in vmsd.fields:
        if field.exists(opaque, version_id):
            yield from _load_field(f, field, opaque)
    yield from _load_subsections(f, vmsd, opaque)
    if vmsd.post_load is not None:
        vmsd.post_load(opaque, version_id)


def _load_field(f: QEMUFileInput, field: VMStateField, opaque: Any) -> Steps[None]:
    """Read a field's elements into the object."""
    length = field.length(opaque)
    if field.vmsd is not None or field.pointers:
        present = getattr(opaque, field.attribute)
        elements = list(present) if field.is_array else [present]
        if len(elements) < length:
            raise BadPayload(
                f"field {field.name} has {length} elements, the device {len(elements)}",
                offset=f.offset,
                section=f.section,
            )
        loaded = list(elements[:length])
        for index, element in enumerate(loaded):
            loaded[index] = yield from _load_element(f, field, element, opaque)
    else:
        needed = length * field.element_bytes(opaque)
        if not (yield from f.fill(needed)):  # before a list of that length is made
            raise Truncated(
                f"field {field.name} needs {needed} bytes, {f.remaining} are left",
                offset=f.offset,
                section=f.section,
            )
        before = None if field.is_array or field.type == UNUSED_BUFFER else getattr(opaque, field.attribute)
        loaded = [_load_scalar(f, field, before, opaque) for _ in range(length)]
    if field.type != UNUSED_BUFFER:
        setattr(opaque, field.attribute, loaded if field.is_array else loaded[0])


def _load_element(f: QEMUFileInput, field: VMStateField, present: Any, opaque: Any) -> Steps[Any]:
    """Read one element; returns it, a struct being the object that was there, with its attributes set."""
    offset = f.offset
    if field.pointers and present is None:
        yield from f.fill(1)
        if f.get_byte() != VMS_NULLPTR_MARKER:
            raise BadPayload(
                f"field {field.name}: no null pointer where the device has one", offset=offset, section=f.section
            )
        return None
    if field.vmsd is not None:
        version = field.struct_version_id if field.type == VSTRUCT else field.vmsd.version_id
        yield from vmstate_load_state(f, field.vmsd, present, version)
        return present
    yield from f.fill(field.element_bytes(opaque))
    return _load_scalar(f, field, present, opaque)


def _load_scalar(f: QEMUFileInput, field: VMStateField, present: Any, opaque: Any) -> Any:
    """Read one element that is no struct."""
    offset = f.offset
    if field.type in (BUFFER, UNUSED_BUFFER):
        return f.get_buffer(field.buffer_bytes(opaque))
    scalar = SCALARS[field.type]
    value = struct.unpack(scalar.format, f.get_buffer(scalar.size_bytes))[0]
    if field.type.endswith(" equal") and present is not None and value != present:
        raise BadPayload(f"field {field.name} is {value}, this side has {present}", offset=offset, section=f.section)
    return value


def _load_subsections(f: QEMUFileInput, vmsd: VMStateDescription, opaque: Any) -> Steps[None]:
    """Read the subsections that follow, as long as they are ours (vmstate_subsection_load)."""
    known = {subsection.name: subsection for subsection in vmsd.subsections}
    while (yield from f.fill(1)) and f.peek()[0] == VmRecord.QEMU_VM_SUBSECTION and (yield from f.fill(2)):
        ahead = 2 + f.peek(2)[1]
        yield from f.fill(ahead)
        name = bytes(f.peek(ahead))[2:].decode("utf-8", "replace")
        if not name.startswith(vmsd.name) or len(name) == len(vmsd.name):
            return  # it belongs to a description further out, or is none at all
        offset = f.offset
        if name not in known:
            raise BadPayload(f"subsection {name!r} does not exist in {vmsd.name}", offset=offset, section=f.section)
        yield from f.fill(ahead + 4)
        f.get_buffer(ahead)
        yield from vmstate_load_state(f, known[name], opaque, f.get_be32())

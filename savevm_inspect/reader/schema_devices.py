"""The devices that a schema has: a description's, or those that a QEMU says it can save (``-dump-vmstate``)."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from ..container.source import Source, SourceLike
from ..errors import SavevmError, SchemaError
from ..vmstate.schema import LIMIT_BYTES
from .schemas import is_vmstate_dump, load_schema

_MACHINE: Final = "vmschkmachine"


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaDevice:
    """A device of a schema.

    Attributes:
        name: its idstr; in what -dump-vmstate writes, the name of its class.
        instance_id: distinguishes devices of one idstr; ``None`` in what -dump-vmstate writes.
        vmsd_name: name of its VMStateDescription; empty for old-style devices.
        version_id: of the same.
        minimum_version_id: the oldest version that can be loaded; ``None`` in a description, which does not say it.
        fields: number of its own fields; those that depend on a state count in what -dump-vmstate writes.
    """

    name: str
    instance_id: int | None
    vmsd_name: str
    version_id: int
    minimum_version_id: int | None
    fields: int


def schema_devices(source: SourceLike) -> tuple[SchemaDevice, ...]:
    """List the devices of a schema.

    Args:
        source: a description (JSON), a stream that has one, in any container, or what -dump-vmstate writes.

    Raises:
        SavevmError: it can't be opened.
        SchemaError: it is none of these.
    """
    with Source(source) as opened:
        buffer = opened.buffer[opened.offset :]
        if is_vmstate_dump(buffer):
            return tuple(_dumped(bytes(buffer[: LIMIT_BYTES + 1]), opened.name))
    return tuple(
        SchemaDevice(
            name=key.idstr,
            instance_id=key.instance_id,
            vmsd_name=state.name,
            version_id=state.version,
            minimum_version_id=None,
            fields=len(state.fields),
        )
        for key, state in load_schema(source).description.devices.items()
    )


def _dumped(text: bytes, name: str) -> Iterator[SchemaDevice]:
    """What is in a dump (migration/savevm.c, dump_vmstate_json_to_file)."""
    if len(text) > LIMIT_BYTES:
        raise SchemaError(f"{name}: more than {LIMIT_BYTES} bytes")
    try:
        dump: dict[str, Any] = json.loads(text)
        for key, device in dump.items():
            if key != _MACHINE:
                described = device["Description"]
                yield SchemaDevice(
                    name=str(device["Name"]),
                    instance_id=None,
                    vmsd_name=str(described["name"]),
                    version_id=int(device["version_id"]),
                    minimum_version_id=int(device["minimum_version_id"]),
                    fields=len(described.get("Fields", ())),
                )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SchemaError(f"{name} is not what -dump-vmstate writes ({error!r})") from error


def refuse_json(source: Source) -> NoReturn:
    """Say what a source that is JSON is, which no stream is.

    Raises:
        SavevmError: always; the message says what it is, and what reads it.
    """
    buffer = source.buffer[source.offset :]
    if is_vmstate_dump(buffer):
        raise SavevmError(
            f"{source.name} is no stream: it is what -dump-vmstate writes, the devices that a QEMU can save; "
            "`savevm-inspect schema devices` lists them"
        )
    raise SavevmError(f"{source.name} is no stream: it is JSON; a description is for --schema, beside a stream")

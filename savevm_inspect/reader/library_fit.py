"""Which schema of the library fits a stream that does not name its machine type.

Machine types up to 2.2 and RHEL 7's write no configuration, no footers and no description. What tells is each
section: its name, the version in its header, the length between two headers, and values that its fields can have. A
device that does not fit by all of them stays opaque.
"""

from collections import Counter
from dataclasses import dataclass, replace
from typing import NamedTuple

from ..errors import SchemaError
from ..stream.records import Framing, Section, SectionKind
from ..vmstate.null_arrays import as_written
from ..vmstate.schema import Description, DeviceKey, StateSchema
from .attempt import Attempt
from .claim import Claim
from .misfit import impossible_value
from .schemas import Schema, library


class SchemaFit(NamedTuple):
    """How much of a stream a schema explains; the larger fit is the better one.

    Attributes:
        sections: how many sections have their name, version and length from it.
        explained_bytes: of their payloads.
        spare_devices: the number of its other devices, negative.
    """

    sections: int
    explained_bytes: int
    spare_devices: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _OpaqueSection:
    """A section that nothing describes yet, and what it is known by."""

    key: DeviceKey
    section: Section
    buffer: memoryview

    def has(self, state: StateSchema) -> bool:
        """Whether its payload can be of a schema."""
        claim = Claim(
            head=self.section.head,
            schema=state,
            buffer=self.buffer[: self.section.payload.end],
            channel=self.section.payload.channel,
            start=self.section.payload.offset,
        )
        claim = replace(claim, schema=as_written(state, claim.cursor()))
        has_version = not state.name or state.version == self.section.version_id
        return has_version and claim.end == self.section.payload.end and impossible_value(claim) is None


def best_of_library(bare: Attempt) -> tuple[Schema, str]:
    """Choose the schema that fits the sections of a stream best.

    Args:
        bare: the stream as it is read without a schema.

    Returns:
        The schema, with nothing in it but the devices that fit; and in a sentence which it is and why.

    Raises:
        SchemaError: nothing of the library fits.
    """
    opaque = _opaque_sections(bare)
    best: Schema | None = None
    most = SchemaFit(0, 0, 0)
    for entry in library():
        schema = entry.load()
        fitting = {
            each.key: schema.description.devices[each.key]
            for each in opaque
            if each.key in schema.description.devices and each.has(schema.description.devices[each.key])
        }
        explained = sum(each.section.payload.length for each in opaque if each.key in fitting)
        fit = SchemaFit(len(fitting), explained, len(fitting) - len(schema.description.devices))
        if fitting and fit > most:
            devices = Description(page_size=0, configuration=None, devices=fitting)
            best, most = replace(schema, description=devices), fit
    if best is None:
        raise SchemaError(
            f"the stream names no machine type, and nothing of the library fits its {len(opaque)} devices"
        )
    name = f"{best.origin.partition(':')[2]} ({best.machine})"
    why = f"{most.sections} of {len(opaque)} sections by name, version and length"
    return best, f"the stream names no machine type; of the library, {name} fits best: {why}"


def _opaque_sections(bare: Attempt) -> list[_OpaqueSection]:
    times: Counter[tuple[str, int]] = Counter()
    found = []
    for record in bare.channels.records:
        if isinstance(record, Section) and record.kind is SectionKind.FULL and record.framing is Framing.INFERRED:
            name = record.idstr, record.instance_id
            key = DeviceKey(*name, times[name])
            times[name] += 1
            found.append(
                _OpaqueSection(key=key, section=record, buffer=bare.channels.buffers[record.payload.channel])
            )
    return found

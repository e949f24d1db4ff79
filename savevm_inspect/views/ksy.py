"""A machine's stream as one format of Kaitai Struct, which needs nothing of this package.

The envelope and the payloads with a format of their own come from ``savevm_inspect/_ksy/parts.json``, which
``formats/bundle.mjs`` makes of the formats; the devices' types come from the description.
"""

import json
from dataclasses import replace
from importlib.resources import files
from typing import Any

from ..errors import SchemaError, printable
from ..reader.payloads import DEFAULT_PAGE_SIZE
from ..reader.stream import Stream
from ..stream.cursor import Cursor
from ..stream.plausible import FOOTER_BYTES
from ..stream.records import Configuration, Framing, SectionKind
from ..vmstate.null_arrays import as_written
from ..vmstate.schema import Description, DeviceKey
from .ksy_names import identifier
from .ksy_types import SCSI_ADAPTERS, StateTypes, literal
from .yaml_text import yaml_text

_NOTE = """\
Made by `savevm-inspect schema to-ksy` of the description of one machine's stream.

Subsections are read where they are there, lists as long as they are; those subsections of a device that this machine
did not send are bytes. Lengths of arrays and buffers are those of this machine as it was saved. A stream that differs
in more, such as in fields that depend on a state of which the stream has no mark, needs a format of its own.
"""
_SCAN = "device_payload"
_SECTIONS = ("section_start", "section_part", "section_full")


def ksy_of_stream(stream: Stream) -> str:
    """The format of a stream, as YAML.

    Args:
        stream: what it is to be of. Without a description, its devices are bytes of the lengths that were found.

    Raises:
        SchemaError: its description is not what it must be, or no format can be made of it.
        StreamError: it breaks before its first section, so that it is no machine's.
    """
    for problem in stream.problems:
        if isinstance(problem, SchemaError):
            raise problem
    if stream.problems and not stream.sections:
        raise stream.problems[0]
    configuration = next((each for each in stream.records if isinstance(each, Configuration)), None)
    lengths = {
        (section.idstr, section.instance_id): section.payload.length
        for section in stream.sections
        if section.kind is SectionKind.FULL and section.framing is Framing.INFERRED
    }
    return yaml_text(
        ksy_document(
            _as_written(stream),
            machine=configuration.machine if configuration else "",
            page_size=stream.page_size,
            lengths=lengths,
            offset=stream.offset,
            footers=any(section.span.end - section.payload.end == FOOTER_BYTES for section in stream.sections),
        )
    )


def _as_written(stream: Stream) -> Description | None:
    """The description, with those arrays as they lie in the stream of which it knows the first element alone."""
    if stream.description is None:
        return None
    devices = dict(stream.description.devices)
    for section in stream.sections:
        key = DeviceKey(section.idstr, section.instance_id)
        if section.framing is Framing.SCHEMA and not section.payload.channel and key in devices:
            devices[key] = as_written(devices[key], Cursor(stream.buffer, pos=section.payload.offset))
    return replace(stream.description, devices=devices)


def ksy_document(
    description: Description | None,
    *,
    machine: str = "",
    page_size: int = DEFAULT_PAGE_SIZE,
    lengths: dict[tuple[str, int], int] | None = None,
    offset: int = 0,
    footers: bool = False,
) -> dict[str, Any]:
    """The format of a machine's stream, as plain data.

    Args:
        description: what its devices' states consist of; ``None`` if unknown. A device that it refuses is bytes, as
            one that it does not have.
        machine: name of the machine type; empty if it is not known.
        page_size: bytes of a target page, where no record states it.
        lengths: bytes of the payload of each section that is not described, by (idstr, instance_id).
        offset: where in its file the stream starts, in bytes.
        footers: whether each section has one; then a section that does not end before one is an error.

    Raises:
        SchemaError: no format can be made of the description.
    """
    if description is not None and description.refused and not description.devices:
        raise next(iter(description.refused.values()))
    parts = json.loads(files("savevm_inspect._ksy").joinpath("parts.json").read_text("utf-8"))
    document: dict[str, Any] = parts["stream"]
    types: dict[str, Any] = document["types"]
    devices = description.devices if description else {}
    adapters = {
        key.idstr.rpartition("/")[0]: SCSI_ADAPTERS[state.name]
        for key, state in devices.items()
        if state.name in SCSI_ADAPTERS
    }
    made = StateTypes([*types, *parts["types"], "device_state"], adapters)
    first = {key: state for key, state in devices.items() if not key.nth}  # a format knows no order of sections
    cases = {_case(key.idstr, key.instance_id): made.of_device(key.idstr, state) for key, state in first.items()}
    for key, length in (lengths or {}).items():
        cases.setdefault(_case(*key), f"known_length({length})")
        made.parts.add("known_length")
    document["meta"]["id"] = f"qemu_{identifier(machine, 'machine')}"
    document["meta"]["title"] = f"QEMU migration stream of a {printable(machine) or 'machine'}"
    document["doc"] = _NOTE
    document["instances"]["page_size_default"]["value"] = page_size
    if offset:
        before = {"id": "before_stream", "size": offset, "doc": "what the file holds before the stream"}
        document["seq"].insert(0, before)
    if footers:
        for name in _SECTIONS:
            del _entry(types[name], "footer")["if"]
    _entry(types["section_full"], "payload")["type"] = "device_state(name.idstr, name.instance_id, name.section_id)"
    types["device_state"] = _device_state(cases)
    types |= made.types
    types |= {name: parts["types"][name] for name in sorted(_with_imports(made.parts, parts["imports"]))}
    return document


def _with_imports(names: set[str], imports: dict[str, list[str]]) -> set[str]:
    """Ready-made types, and those that they use in their turn."""
    found: set[str] = set()
    while names:
        found |= names
        names = {each for name in names for each in imports[name]} - found
    return found


def _entry(kind: dict[str, Any], name: str) -> dict[str, Any]:
    entry: dict[str, Any] = next(each for each in kind["seq"] if each["id"] == name)
    return entry


def _case(idstr: str, instance_id: int) -> str:
    return literal(f"{idstr}@{instance_id}")


def _device_state(cases: dict[str, str]) -> dict[str, Any]:
    return {
        "doc": "by idstr and instance_id; a payload that is not known ends where its footer seems to be",
        "params": [
            {"id": "idstr", "type": "str"},
            {"id": "instance_id", "type": "u4"},
            {"id": "section_id", "type": "u4"},
        ],
        "seq": [
            {
                "id": "state",
                "type": {
                    "switch-on": 'idstr + "@" + instance_id.to_s',
                    "cases": cases | {"_": f"{_SCAN}(section_id)"},
                },
            },
            {
                "id": "undescribed",
                "type": f"{_SCAN}(section_id)",
                "if": "next_type == record_type::subsection",
                "doc": "subsections that the description does not have, and what follows them",
            },
        ],
        "instances": {"next_type": {"pos": "_io.pos", "type": "u1", "enum": "record_type"}},
    }

"""What a stream alone says of a migration: its records and commands as events, without times."""

from collections.abc import Iterator
from typing import Any

from ..reader.stream import Stream
from ..rules.threads import Side
from ..stream.events import Event, EventKind, Origin
from ..stream.records import (
    Command,
    Configuration,
    EndOfStream,
    FileHeader,
    Interrupted,
    MultifdPacket,
    Record,
    Section,
    VmDescription,
)

_NAMES: dict[type[Record], str] = {
    FileHeader: "header",
    Configuration: "configuration",
    EndOfStream: "eof",
    VmDescription: "description",
    Interrupted: "interrupted",
    MultifdPacket: "multifd packet",
}


def stream_events(stream: Stream) -> Iterator[Event]:
    """The records of a stream in its order, as the source wrote them; nothing is known of when and by whom.

    Args:
        stream: any stream.
    """
    for seq, record in enumerate(record for record in stream.records if _worth_an_event(record)):
        span = {"channel": record.span.channel, "offset": record.span.offset, "length": record.span.length}
        common: dict[str, Any] = {"seq": seq, "time_us": 0, "side": Side.SOURCE, "origin": Origin.STREAM, **span}
        match record:
            case Command():
                yield Event(event=EventKind.COMMAND, name=record.command.name, **common)
            case Section():
                yield Event(
                    event=EventKind.RECORD,
                    name=record.kind.value,
                    idstr=record.idstr,
                    instance_id=record.instance_id,
                    section_id=record.section_id,
                    version_id=record.version_id,
                    **common,
                )
            case _:
                yield Event(event=EventKind.RECORD, name=_NAMES[type(record)], **common)


def _worth_an_event(record: Record) -> bool:
    return isinstance(record, Command | Section) or type(record) in _NAMES

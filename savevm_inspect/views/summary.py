"""A stream in one dictionary: the contract of ``savevm-inspect info --json``."""

from collections.abc import Iterator
from typing import Any

from ..errors import BadPayload
from ..reader.stream import Stream
from ..stream.records import FileHeader, Framing, Section
from ..wire import MigRpMessage


def summary(stream: Stream) -> dict[str, Any]:
    """What a stream is, and whose its bytes are.

    Args:
        stream: any stream, sound or not; every section is decoded.

    Returns:
        JSON-ready; lengths in bytes, ``start`` the offset of the type byte on its channel.
    """
    account = stream.account
    configuration = stream.configuration
    version = next((record.version for record in stream.records if isinstance(record, FileHeader)), None)
    return {
        "container": stream.container,
        "machine": configuration.machine if configuration else None,
        "stream_version": version,
        "page_size": stream.page_size if stream.page_size_from else None,
        "page_size_from": stream.page_size_from or None,
        "complete": stream.complete,
        "problems": [str(problem) for problem in problems(stream)],
        "remarks": [str(remark) for remark in stream.remarks],
        "capabilities": list(configuration.capabilities) if configuration else [],
        "schema": stream.schema_from,
        "size_bytes": stream.size_bytes,
        "decoded_bytes": account.decoded_bytes,
        "after_end_bytes": stream.after_end_bytes,
        "opaque_bytes": account.opaque_bytes,
        "hole_bytes": account.hole_bytes,
        "accounted_bytes": account.accounted_bytes,
        "ramblocks": [{"name": block.name, "used_bytes": block.used_bytes} for block in stream.blocks],
        "commands": [
            {
                "name": command.command.name.removeprefix("MIG_CMD_"),
                "channel": command.span.channel,
                "start": command.span.offset,
                "length": command.span.length,
            }
            for command in stream.commands
        ],
        "sections": [section_row(stream, section) for section in stream.sections],
    }


def problems(stream: Stream) -> list[Exception]:
    """Everything that is wrong: with the framing first, then with what the sections hold, then what came back."""
    return [*stream.problems, *stream.account.problems, *_reported_failures(stream)]


def _reported_failures(stream: Stream) -> Iterator[Exception]:
    """The destination's word that it could not load what was sent, however whole that is."""
    for message in stream.return_path:
        if message.message is MigRpMessage.MIG_RP_MSG_SHUT and message.arguments[0].value:
            yield BadPayload(
                "the destination says that it failed", offset=message.span.offset, section="the return path"
            )


def section_row(stream: Stream, section: Section) -> dict[str, Any]:
    """One section of :func:`summary`."""
    return {
        "section_id": section.section_id,
        "idstr": section.idstr,
        "instance_id": section.instance_id,
        "version_id": section.version_id,
        "kind": section.kind.value,
        "channel": section.span.channel,
        "start": section.span.offset,
        "length": section.span.length,
        "decoded": is_decoded(stream, section),
        "framing": section.framing.value,
        "salvaged": section.salvaged,
    }


def is_decoded(stream: Stream, section: Section) -> bool:
    """Whether no byte of a section is left unexplained; no payload at all is decoded."""
    explained = (section.span.channel, section.span.offset) not in stream.account.opaque_sections
    return explained and (section.framing is not Framing.INFERRED or not section.payload.length)

"""One reading of a stream's channels with one schema, and whether that schema is at fault where it breaks."""

from contextlib import ExitStack
from dataclasses import dataclass

from ..errors import StreamError
from ..stream.cursor import Cursor
from ..stream.records import Framing, Section
from ..vmstate.schema import Description
from .channels import Channels
from .claim import Claim
from .inputs import Inputs
from .misfit import blame_schema, impossible_value
from .payloads import Payloads


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What came out of a reading.

    Attributes:
        payloads: what consumed the sections.
        channels: what was read.
        errors: what is invalid or inconsistent, in the order in which it was found.
        misfit: the first of them that the schema is at fault for.
    """

    payloads: Payloads
    channels: Channels
    errors: tuple[StreamError, ...]
    misfit: StreamError | None


def attempt(
    inputs: Inputs,
    description: Description | None,
    resources: ExitStack,
    *,
    ends_at: int | None = None,
    salvage: bool = False,
) -> Attempt:
    """Read the channels.

    Args:
        inputs: where they are.
        description: the schema to read them with, if there is one.
        resources: take what compressed pages are unpacked to.
        ends_at: index on the main channel of the stream's own description, if that is it.
        salvage: whether to read on after damage.
    """
    main = Cursor(inputs.main.buffer, pos=inputs.offset)
    payloads = Payloads(main.buffer, description)
    errors: list[StreamError] = []
    misfits: list[StreamError] = []

    def report(error: StreamError) -> None:
        misfit = blame_schema(error, payloads.claim)
        if misfit is not None:
            misfits.append(misfit)
        errors.append(misfit or error)

    channels = Channels(
        main,
        resumed=inputs.resumed_cursors(),
        further=inputs.further_cursors(),
        payloads=payloads,
        resources=resources,
        report=report,
        ends_at=ends_at,
        salvage=salvage,
    )
    return Attempt(payloads=payloads, channels=channels, errors=tuple(errors), misfit=misfits[0] if misfits else None)


def described_sections(channels: Channels) -> list[Section]:
    """The sections whose length came from a schema."""
    return [record for record in channels.records if isinstance(record, Section) and record.framing is Framing.SCHEMA]


def doubt_schema(found: Attempt) -> StreamError | None:
    """Why a schema that is not the stream's own is not that of its devices; ``None`` if nothing speaks against it."""
    if found.misfit is not None:
        return found.misfit
    for section in described_sections(found.channels):
        claim = Claim(
            head=section.head,
            schema=found.payloads.schema_of(section),
            buffer=found.channels.buffers[section.payload.channel][: section.payload.end],
            channel=section.payload.channel,
            start=section.payload.offset,
        )
        doubt = impossible_value(claim)
        if doubt is not None:
            return doubt
    return None

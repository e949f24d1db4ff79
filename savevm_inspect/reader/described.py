"""Which description a stream is read with: its own, wherever that lies, or a schema from elsewhere."""

from contextlib import ExitStack
from dataclasses import dataclass, replace

from ..container.source import SourceLike
from ..errors import BadPayload, SavevmError, SchemaError, StreamError
from ..stream.ending import UNKNOWN
from ..stream.records import AfterEnd, Record
from ..vmstate.schema import Description, parse_description
from .attempt import Attempt, attempt, described_sections, doubt_schema
from .inputs import Inputs
from .trailer import description_at, last_description, later_descriptions, own_description


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedReading:
    """A stream as it was read, and the description that it was read with.

    Attributes:
        attempt: what came out.
        description: the schema; ``None`` if there is none that fits.
        schema_from: where that comes from: ``stream``, ``given``, ``library:NAME`` or ``none``.
        schema_choice: which schema of the library was chosen for a stream that names no machine type, and why; else
            empty.
        ends_at: index on the main channel of the stream's own description, if there is one.
        problems: why a description or a schema was not used, in the order in which that was found.
    """

    attempt: Attempt
    description: Description | None = None
    schema_from: str = "none"
    schema_choice: str = ""
    ends_at: int | None = None
    problems: tuple[SavevmError, ...] = ()


def read_described(inputs: Inputs, resources: ExitStack, schema: SourceLike | None) -> DescribedReading:
    """Read a stream with its own description or, if it has none, with a schema from elsewhere.

    Args:
        inputs: the bytes of its channels.
        resources: take what compressed pages are unpacked to.
        schema: where a schema is, if one is given; what is not needed is checked all the same, since whoever gives
            it would believe that it was used.
    """
    own = _read_own(inputs, resources)
    if schema is None:
        return own
    try:
        if own.description is None:
            return _read_with_schema(inputs, resources, schema, own)
        from .schemas import check_schema  # noqa: PLC0415

        check_schema(schema)
    except SavevmError as error:
        return replace(own, problems=(*own.problems, error))
    return own


def _read_own(inputs: Inputs, resources: ExitStack) -> DescribedReading:
    """Read the stream with its own description, wherever that is.

    Mostly it is what the input ends with. If something follows the stream, it is found once the stream's end is.
    """
    buffer = inputs.main.buffer
    start = last_description(buffer[inputs.offset :])
    own = None if start is None else inputs.offset + start
    found = _read_at(inputs, resources, own)
    records = found.attempt.channels.records
    if not found.attempt.errors and own_description(records) == own:
        return found
    for other in later_descriptions(records, buffer):
        described = _read_at(inputs, resources, other) if other != own else None
        if described is not None and own_description(described.attempt.channels.records) == other:
            return described
    if own is not None:
        bare = _read_at(inputs, resources, None)
        records = bare.attempt.channels.records
        ends_elsewhere = own_description(records) is None
        if ends_elsewhere and not bare.attempt.errors and not any(_is_unknown(each) for each in records):
            return bare  # the description is of what follows
    return found


def _read_at(inputs: Inputs, resources: ExitStack, start: int | None) -> DescribedReading:
    """Read the stream with the description at an offset, if there is one that is what one must be, or with none."""
    description: Description | None = None
    problems: tuple[SavevmError, ...] = ()
    try:
        if start is not None:
            description = parse_description(description_at(inputs.main.buffer, start))
    except SchemaError as error:
        problems = (error,)
    return DescribedReading(
        attempt=attempt(inputs, description, resources, ends_at=start),
        description=description,
        schema_from="none" if description is None else "stream",
        ends_at=start,
        problems=problems,
    )


def _read_with_schema(
    inputs: Inputs, resources: ExitStack, wanted: SourceLike, own: DescribedReading
) -> DescribedReading:
    """Read the stream with a schema from elsewhere; raises if that does not fit."""
    from .schemas import LIBRARY, choose_schema, configuration_of  # noqa: PLC0415

    configuration, choice = configuration_of(inputs.main.buffer[inputs.offset :]), ""
    if configuration is None and wanted == LIBRARY:
        from .library_fit import best_of_library  # noqa: PLC0415

        schema, choice = best_of_library(own.attempt)
    else:
        schema = choose_schema(wanted, configuration, lambda description: _count_described(inputs, description))
    found = attempt(inputs, schema.description, resources)
    doubt = doubt_schema(found) or _doubt_by_comparison(inputs, found)
    if doubt is not None:
        raise SchemaError(f"refused, it is not of this stream's devices: {doubt}")
    return replace(
        own, attempt=found, description=schema.description, schema_from=schema.origin, schema_choice=choice
    )


def _count_described(inputs: Inputs, description: Description) -> int:
    """How many sections a schema describes; raises if it does not fit."""
    with ExitStack() as resources:
        found = attempt(inputs, description, resources)
        doubt = doubt_schema(found) or _doubt_by_comparison(inputs, found)
        if doubt is not None:
            raise doubt
        return len(described_sections(found.channels))


def _doubt_by_comparison(inputs: Inputs, found: Attempt) -> StreamError | None:
    """What broke a reading with a schema, or made it end early, if the stream is sound without it."""
    unknown = next((each for each in found.channels.records if _is_unknown(each)), None)
    if not found.errors and unknown is None:
        return None
    with ExitStack() as resources:
        bare = attempt(inputs, None, resources)
        if bare.errors or unknown in bare.channels.records:
            return None
    if found.errors:
        return found.errors[0]
    assert unknown is not None  # there is nothing else to doubt
    return BadPayload("with it, the stream ends early", offset=unknown.span.offset)


def _is_unknown(record: Record) -> bool:
    return isinstance(record, AfterEnd) and record.what == UNKNOWN

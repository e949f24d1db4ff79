"""Why a schema and a stream do not agree: the first inconsistent field, named in the error."""

from ..errors import BadPayload, StreamError
from ..stream.cursor import Cursor
from ..stream.values import FieldValue
from ..vmstate.decode import decode_state
from ..vmstate.misfit import first_misfit
from ..wire import VmRecord
from .claim import Claim
from .section_end import find_footer


def blame_schema(error: StreamError, claim: Claim | None) -> StreamError | None:
    """Say why a section does not end where its schema says.

    Args:
        error: what the framer found there.
        claim: on the section that was framed last by a schema, if one was.

    Returns:
        An error of the same kind that names the first inconsistent field and has its offset; ``None`` if the
        schema is not at fault: the error is about something else, or about a stream that ends within the section.
    """
    if claim is None or error.offset not in (claim.start, claim.end):
        return None
    footer = _footer(claim)
    misfit = first_misfit(claim.schema, claim.cursor())
    if misfit is not None and misfit.offset <= (claim.end if footer is None else footer):
        return _located(error, claim, misfit.offset, f"the first inconsistency is {misfit.what}")
    if footer is None:
        return None
    field = _field_across(claim, footer)
    if field is not None and field.span.end > footer:
        return _located(
            error,
            claim,
            field.span.offset,
            f"field {field.path!r} of type {field.type!r}, {field.span.length} bytes at {field.span.offset:#x}, "
            f"reaches past the footer at {footer:#x}",
        )
    last = f"field {field.path!r}" if field else "no field at all"
    if footer < claim.end:
        return _located(error, claim, footer, f"what it has after {last} reaches past the footer at {footer:#x}")
    more = f"the footer comes {footer - claim.end} bytes after {last}{_subsection_at(claim, footer)}"
    return _located(error, claim, claim.end, more)


def impossible_value(claim: Claim) -> StreamError | None:
    """Look for a value that no QEMU writes, in a section that is as long as its schema says.

    Args:
        claim: on the section.

    Returns:
        An error that names the first of them; ``None`` if there is none.
    """
    misfit = first_misfit(claim.schema, claim.cursor())
    if misfit is None:
        return None
    return BadPayload(
        f"its schema has the right length by chance: {misfit.what}",
        offset=misfit.offset,
        section=claim.cursor().section,
    )


def _footer(claim: Claim) -> int | None:
    """Where a footer of the section is, as an offset of the channel."""
    cursor = claim.cursor()
    try:
        find_footer(cursor, claim.head)
    except StreamError:
        return None  # the stream ends within the section, or its machine type sends no footers
    return cursor.pos


def _field_across(claim: Claim, footer: int) -> FieldValue | None:
    """The first field that ends after a footer, or the last one if none does."""
    last = None
    try:
        for last in decode_state(claim.schema, claim.cursor()):
            if last.span.end > footer:
                break
    except StreamError:
        return last  # what lies after the footer is no state of this device
    return last


def _subsection_at(claim: Claim, footer: int) -> str:
    """Names the subsection that stands after a claim, if one does (migration/vmstate.c, vmstate_subsection_load)."""
    cursor = Cursor(claim.buffer[:footer], pos=claim.end)
    try:
        name = cursor.counted_text("a name") if cursor.u8() == VmRecord.QEMU_VM_SUBSECTION else ""
    except StreamError:
        return ""  # too short for one, or not text
    return f", with subsection {name!r}, which it lacks" if name.startswith(f"{claim.schema.name}/") else ""


def _located(error: StreamError, claim: Claim, offset: int, why: str) -> StreamError:
    message = f"its schema claims {claim.schema.length} bytes, up to {claim.end:#x}: {why}"
    return type(error)(message, offset=offset, section=claim.cursor().section)

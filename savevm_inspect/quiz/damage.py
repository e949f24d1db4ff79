"""A stream with one byte broken, and the question which."""

from random import Random

from ..errors import NotFound, SavevmError
from ..payload.ram import IDSTR
from ..reader.device import Device
from ..reader.stream import Stream, open_stream
from ..stream.records import Section
from .question import Question


def damage(stream: Stream, seed: int) -> Question:
    """Break one byte of a section, and ask which one.

    The broken stream is in :attr:`~.question.Question.data`. An answer is the offset of the byte; the idstr of the
    section, or that and the instance_id; or the path of the field.

    Args:
        stream: a sound one; its main channel is what is broken, outside of RAM.
        seed: which question.

    Raises:
        NotFound: it has no section that could be broken.
    """
    sections = [each for each in stream.sections if each.idstr != IDSTR and each.span.channel == 0]
    if not sections:
        raise NotFound("the stream has no section besides RAM")
    random = Random(seed)  # noqa: S311 - no secret hangs on it
    section = random.choice(sections)
    offset = random.randrange(section.span.offset, section.span.end)
    mask = 1 << random.randrange(8) if random.random() < 0.5 else 0xFF
    data = stream.edit().flip(offset, mask).to_bytes()
    path = _path(stream[section.idstr, section.instance_id], offset)
    wanted = {section.idstr, (section.idstr, section.instance_id), offset} | ({path} if path else set())
    where = f"byte {offset:#x}, {path or 'the frame'} of section {section.head}, xor {mask:#x}"
    return Question(
        f"one byte of this stream of {len(data)} bytes is broken, in a section that is not RAM: which?",
        data=data,
        judge=lambda given: given in wanted,
        reason=lambda: f"{where}: {_said(data, section)}",
    )


def _path(device: Device, offset: int) -> str:
    """The field that a byte belongs to; empty for header, marks and footer."""
    fields = (each for each in device.fields if each.span.offset <= offset < each.span.end)
    return next((each.path for each in fields), "")


def _said(data: bytes, section: Section) -> str:
    """What a strict reader says of the broken stream."""
    try:
        with open_stream(data) as again:
            for _ in again[section.idstr, section.instance_id].fields:
                pass
    except SavevmError as error:
        return f"read again, it is {error}"
    return "read again, it is sound: no footer and no size betrays another value"

"""What one should know of a stream that makes it no worse: QEMU loads it all the same."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from ..stream.records import Framing, Section
from ..vmstate.schema import Description


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """Something remarkable.

    Attributes:
        offset: of the byte that it is about, on its channel.
        section: ``ram (instance 0)``, or empty if it is not about a section.
        message: one line.
    """

    offset: int
    section: str
    message: str

    def __str__(self) -> str:
        return f"{self.offset:#x}{f' in section {self.section}' if self.section else ''}: {self.message}"


class Remarkable(Protocol):
    """What remarks need of a stream."""

    @property
    def sections(self) -> tuple[Section, ...]:
        """Its sections, in stream order."""

    @property
    def description(self) -> Description | None:
        """The schema that it was read with."""


def remarks(stream: Remarkable) -> Iterator[Remark]:
    """Look for what is remarkable.

    Args:
        stream: read to its end, or as far as it goes.

    Yields:
        The remarks, kind by kind.
    """
    yield from _refused_descriptions(stream)


def _about(section: Section, message: str) -> Remark:
    return Remark(
        offset=section.span.offset, section=f"{section.idstr} (instance {section.instance_id})", message=message
    )


def _refused_descriptions(stream: Remarkable) -> Iterator[Remark]:
    """Descriptions that are not what one must be; each costs its own device."""
    refused = stream.description.refused if stream.description else {}
    for key, error in refused.items():
        for section in stream.sections:
            if (section.idstr, section.instance_id) == key[:2] and section.framing is Framing.INFERRED:
                yield _about(section, f"its state is opaque: {error}")
                break

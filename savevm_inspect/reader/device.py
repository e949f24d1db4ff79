"""A device: all sections of one (idstr, instance_id), and the fields that they hold."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..errors import NotFound, printable
from ..markup import html_table
from ..stream.records import Framing, Section
from ..stream.values import FieldValue, Undecoded


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """All sections of one (idstr, instance_id).

    Attributes:
        idstr: its name in the stream.
        instance_id: distinguishes devices of one idstr.
        version_id: version of its format.
        sections: START, PARTs and END, or the one FULL section, in stream order.
        decode: yields the fields of one of its sections; the stream's, see :attr:`fields`.
    """

    idstr: str
    instance_id: int
    version_id: int
    sections: tuple[Section, ...]
    decode: Callable[[Section], Iterator[FieldValue]]

    @property
    def fields(self) -> tuple[FieldValue, ...]:
        """The leaves of its state in stream order; kept nowhere but for the section that was decoded last.

        Raises:
            StreamError: the bytes contradict the schema.
        """
        return tuple(field for section in self.sections for field in self.decode(section))

    def field(self, path: str) -> FieldValue:
        """One field by its path.

        Raises:
            NotFound: it has no such field; the message names those that are alike.
        """
        for field in self.fields:
            if field.path == path:
                return field
        alike = [field.path for field in self.fields if field.parts[-1] == path.rsplit("/", 1)[-1]]
        hint = f"; did you mean {', '.join(alike[:3])}" if alike else ""
        raise NotFound(f"{self.idstr} has no field {path!r}{hint}")

    def __repr__(self) -> str:
        size = sum(section.span.length for section in self.sections)
        count = len(self.sections)
        what = f"version {self.version_id}, {count} section{'' if count == 1 else 's'}, {size} bytes"
        return printable(f"<Device {self.idstr} (instance {self.instance_id}): {what}>")

    def _repr_html_(self) -> str:
        rows = ((field.path, field.type, field.text(), str(field.span)) for field in self.fields)
        return html_table(self, ("field", "type", "value", "bytes"), rows)


def opaque_bytes(section: Section, fields: tuple[FieldValue, ...]) -> int:
    """How many bytes of a section no schema and no codec explains.

    Args:
        section: the section.
        fields: what was decoded of it.
    """
    if section.framing is Framing.INFERRED:
        return section.payload.length
    return sum(field.span.length for field in fields if isinstance(field.value, Undecoded))

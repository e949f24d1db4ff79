"""What ``--json`` prints, as a table: each verb's document with its keys; docs/json.md is drawn from it.

A field whose type is wider than 32 bits is text in hexadecimal, by its type and not by its value: a program that
keeps numbers as floats (JavaScript, jq) would lose digits of some. Sizes, offsets and counts are numbers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from ..stream.values import FieldValue, Undecoded
from .ram import CLASS_KEYS

VERSION: Final = 1

_WIDE_BYTES: Final = 4
_NARROW: Final = frozenset(("subsection",))
"""Types whose bytes hold more than their number: the version of a subsection comes with its name."""


class JsonType(StrEnum):
    """What a key holds."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "true or false"
    TEXTS = "list of texts"
    OBJECT = "object"
    OBJECTS = "list of objects"
    VALUE = "value"


class Form(StrEnum):
    """What a document is."""

    OBJECT = "an object"
    ARRAY = "an array of objects"
    LINES = "an object a line"


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a document.

    Attributes:
        path: its name; within an object of a list, after the list's name and a dot.
        type: what it holds.
        what: what it means.
        optional: whether it may be ``null``.
    """

    path: str
    type: JsonType
    what: str
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What one verb prints.

    Attributes:
        verb: after ``savevm-inspect``.
        form: what it is.
        keys: of the object, or of each object of the array.
    """

    verb: str
    form: Form
    keys: tuple[Key, ...]

    @property
    def format(self) -> str:
        """What an object says of itself under ``format``."""
        return f"savevm-inspect/{self.verb.replace(' ', '-')}"


_T = JsonType
_MARKS: Final = (
    Key("format", _T.TEXT, "what the document is"),
    Key("version", _T.NUMBER, "of the format; it grows when a key changes its meaning"),
)
_SECTION: Final = (
    Key("section_id", _T.NUMBER, "the number that PART, END and footers refer to"),
    Key("idstr", _T.TEXT, "the device's name"),
    Key("instance_id", _T.NUMBER, "which device of that name"),
    Key("version_id", _T.NUMBER, "version of the device's format"),
    Key("kind", _T.TEXT, "start, part, end or full"),
    Key("channel", _T.NUMBER, "channel it is on; 0 is the main one"),
    Key("start", _T.NUMBER, "offset of its type byte"),
    Key("length", _T.NUMBER, "from the type byte through the footer, in bytes"),
    Key("decoded", _T.BOOLEAN, "whether no byte of it is left unexplained"),
    Key("framing", _T.TEXT, "how its end was found: schema, payload or inferred"),
    Key("salvaged", _T.BOOLEAN, "whether bytes were lost before it"),
)
_SENT: Final = (
    Key("sent_pages", _T.NUMBER, "pages that were sent"),
    Key("zero_pages", _T.NUMBER, "of them, as zeros"),
    Key("normal_pages", _T.NUMBER, "of them, with their content"),
    Key("xbzrle_pages", _T.NUMBER, "of them, as a difference"),
    Key("compressed_pages", _T.NUMBER, "of them, compressed one by one"),
    Key("sent_again_pages", _T.NUMBER, "of them, sent before"),
    Key("page_bytes", _T.NUMBER, "what they cost"),
    Key("wasted_bytes", _T.NUMBER, "of it, overwritten by a later sending"),
)
_CLASSES: Final = tuple(
    Key(f"classes.{name}", _T.NUMBER, f"pages that look like this: {name.removesuffix('_pages').replace('_', ' ')}")
    for name in CLASS_KEYS
)


def _within(name: str, keys: tuple[Key, ...]) -> tuple[Key, ...]:
    """Keys of the objects of a list."""
    return tuple(Key(f"{name}.{key.path}", key.type, key.what, key.optional) for key in keys)


_DOCUMENTS: Final = (
    Document(
        verb="info",
        form=Form.OBJECT,
        keys=(
            *_MARKS,
            Key("container", _T.TEXT, "where the stream is: raw, gzip, libvirt, qcow2, capture, ..."),
            Key("machine", _T.TEXT, "machine type, by the configuration", optional=True),
            Key("stream_version", _T.NUMBER, "of the file header", optional=True),
            Key("page_size", _T.NUMBER, "in bytes; null if it is unknown", optional=True),
            Key("page_size_from", _T.TEXT, "where it came from", optional=True),
            Key("complete", _T.BOOLEAN, "whether the proper end was reached"),
            Key("problems", _T.TEXTS, "what is wrong, with its offset"),
            Key("remarks", _T.TEXTS, "what is unusual, and loads nonetheless"),
            Key("capabilities", _T.TEXTS, "capabilities that the stream states"),
            Key("schema", _T.TEXT, "where the description is from: stream, given, library:NAME or none"),
            Key("size_bytes", _T.NUMBER, "all forward channels"),
            Key("decoded_bytes", _T.NUMBER, "of a decoded record or field"),
            Key("opaque_bytes", _T.NUMBER, "in a framed section that nothing explains"),
            Key("hole_bytes", _T.NUMBER, "alignment and absent pages"),
            Key("accounted_bytes", _T.NUMBER, "the sum of these three"),
            Key("after_end_bytes", _T.NUMBER, "what follows the stream; in none of the sums"),
            Key("ramblocks", _T.OBJECTS, "the RAM blocks"),
            *_within("ramblocks", (Key("name", _T.TEXT, "its idstr"), Key("used_bytes", _T.NUMBER, "its length"))),
            Key("commands", _T.OBJECTS, "the commands, in stream order"),
            *_within(
                "commands",
                (
                    Key("name", _T.TEXT, "without MIG_CMD_"),
                    Key("channel", _T.NUMBER, "channel it is on"),
                    Key("start", _T.NUMBER, "offset of its type byte"),
                    Key("length", _T.NUMBER, "in bytes"),
                ),
            ),
            Key("sections", _T.OBJECTS, "the sections, in stream order"),
            *_within("sections", _SECTION),
        ),
    ),
    Document(verb="sections", form=Form.ARRAY, keys=_SECTION),
    Document(
        verb="show",
        form=Form.ARRAY,
        keys=(
            Key("idstr", _T.TEXT, "the device's name"),
            Key("instance_id", _T.NUMBER, "which device of that name"),
            Key("path", _T.TEXT, "names from the device down to the field, joined with /"),
            Key("type", _T.TEXT, "QEMU's name of the type, followed by [count] for a run of numbers"),
            Key("value", _T.VALUE, "see below"),
            Key("meaning", _T.TEXT, "what a number says, where its bits have names"),
            Key("channel", _T.NUMBER, "channel its bytes are on"),
            Key("offset", _T.NUMBER, "of its first byte"),
            Key("length", _T.NUMBER, "in bytes"),
        ),
    ),
    Document(
        verb="explain",
        form=Form.OBJECT,
        keys=(
            *_MARKS,
            Key("errors", _T.OBJECTS, "errors that the lines hold, each once"),
            Key("errors.key", _T.TEXT, "its name in docs/errors.md"),
            Key("errors.line", _T.TEXT, "the line"),
            Key("errors.line_number", _T.NUMBER, "which one, from 1"),
            Key("errors.format", _T.TEXT, "how QEMU words it"),
            Key("errors.versions", _T.TEXTS, "which versions do, or who says it"),
            Key("errors.file", _T.TEXT, "the upstream file"),
            Key("errors.function", _T.TEXT, "the function; empty if that is not known"),
            Key("errors.values", _T.OBJECTS, "what the line says"),
            Key("errors.values.name", _T.TEXT, "of what"),
            Key("errors.values.text", _T.TEXT, "as the line has it"),
            Key("errors.names", _T.TEXT, "feature bits that the destination lacks; empty for other errors"),
            Key("errors.blamed", _T.OBJECTS, "the bytes of SOURCE that it is about, as far as the line names them"),
            Key("errors.blamed.channel", _T.NUMBER, "channel they are on"),
            Key("errors.blamed.offset", _T.NUMBER, "offset of the first one"),
            Key("errors.blamed.length", _T.NUMBER, "how many"),
            Key("errors.blamed.section", _T.TEXT, "their section; empty outside of sections"),
            Key("errors.blamed.field", _T.TEXT, "their field, register or part; empty if they are more than one"),
            Key("errors.blamed.value", _T.TEXT, "what they hold"),
            Key("errors.part", _T.TEXT, "what part of a stream it speaks of"),
            Key("errors.cause", _T.TEXT, "what it means"),
            Key("errors.remedy", _T.TEXT, "what to do"),
            Key("errors.context", _T.BOOLEAN, "whether it only says what failed, and another one says why"),
            Key("errors.cut", _T.BOOLEAN, "whether only a part of the wording is there"),
            Key("unknown", _T.OBJECTS, "lines that nobody is known to say, if no error was found"),
            Key("unknown.line", _T.TEXT, "the line"),
            Key("unknown.line_number", _T.NUMBER, "which one, from 1"),
            Key("unknown.near", _T.TEXTS, "wordings that share words with it, the nearest first"),
        ),
    ),
    Document(
        verb="check",
        form=Form.OBJECT,
        keys=(
            *_MARKS,
            Key("sound", _T.BOOLEAN, "whether the exit status is 0: complete and consistent"),
            Key("problems", _T.TEXTS, "what is wrong, with its offset"),
            Key("remarks", _T.TEXTS, "what is unusual, and loads nonetheless"),
            Key("explanation", _T.TEXTS, "of a broken stream: the last good record, and what follows it"),
            Key("size_bytes", _T.NUMBER, "all forward channels"),
            Key("opaque_bytes", _T.NUMBER, "in a framed section that nothing explains"),
            Key("section_count", _T.NUMBER, "how many sections were read"),
            Key("page_count", _T.NUMBER, "how many pages were read"),
        ),
    ),
    Document(
        verb="ram stats",
        form=Form.OBJECT,
        keys=(
            *_MARKS,
            Key("page_size", _T.NUMBER, "in bytes"),
            Key("sections", _T.NUMBER, "RAM sections"),
            *_SENT,
            Key("content_bytes", _T.NUMBER, "content of pages, as it is in the stream"),
            Key("ram_bytes", _T.NUMBER, "everything that RAM was sent in"),
            Key("other_bytes", _T.NUMBER, "of it, what is around the pages"),
            Key("iterations_from", _T.TEXT, "who says which iteration is which: events, inferred or unknown"),
            Key("iterations", _T.OBJECTS, "the passes over RAM"),
            *_within(
                "iterations",
                (
                    Key("number", _T.NUMBER, "from 1"),
                    Key("postcopy", _T.BOOLEAN, "whether the guest ran on at the destination"),
                    *_SENT,
                    Key("overwritten_pages", _T.NUMBER, "pages that a later sending made useless"),
                    Key("classes", _T.OBJECT, "what the pages that it sent look like"),
                    *_CLASSES,
                ),
            ),
            Key("blocks", _T.OBJECTS, "the RAM blocks"),
            *_within(
                "blocks",
                (
                    Key("name", _T.TEXT, "its idstr"),
                    Key("used_bytes", _T.NUMBER, "its length"),
                    *_SENT,
                    Key("missing_pages", _T.NUMBER, "pages that were never sent"),
                    Key("classes", _T.OBJECT, "what its final pages look like"),
                    *_CLASSES,
                ),
            ),
        ),
    ),
    Document(
        verb="ram map",
        form=Form.ARRAY,
        keys=(
            Key("gpa", _T.NUMBER, "guest-physical address; null if none is known", optional=True),
            Key("length", _T.NUMBER, "in bytes"),
            Key("block", _T.TEXT, "the RAM block"),
            Key("addr", _T.NUMBER, "where it begins in the block, in bytes"),
            Key("source", _T.TEXT, "who says so", optional=True),
        ),
    ),
    Document(
        verb="schema list",
        form=Form.ARRAY,
        keys=(
            Key("name", _T.TEXT, "for --schema library:NAME"),
            Key("machine", _T.TEXT, "the machine type"),
            Key("qemu", _T.TEXT, "version of the QEMU that wrote it"),
            Key("what", _T.TEXT, "the state of the machine"),
        ),
    ),
    Document(
        verb="header",
        form=Form.OBJECT,
        keys=(
            *_MARKS,
            Key("file", _T.TEXT, "the header"),
            Key("equals", _T.TEXT, "the version that has these callbacks, with these parameters", optional=True),
            Key("nearest", _T.OBJECT, "the version that differs least"),
            Key("nearest.version", _T.TEXT, "of QEMU"),
            Key("nearest.source", _T.TEXT, "header if that version's was read, inferred if not"),
            Key("nearest.evidence", _T.TEXT, "what it was read off, or inferred from"),
            Key("nearest.missing", _T.TEXTS, "callbacks that it has and the file lacks"),
            Key("nearest.more", _T.TEXTS, "callbacks that it lacks"),
            Key("nearest.other_parameters", _T.OBJECTS, "callbacks that it gives other parameters"),
            Key("nearest.other_parameters.name", _T.TEXT, "the callback"),
            Key("nearest.other_parameters.here", _T.TEXT, "as the file declares it"),
            Key("nearest.other_parameters.there", _T.TEXT, "its type there"),
            Key("nearest.other_order", _T.BOOLEAN, "whether it has them in another order"),
            Key("callbacks", _T.OBJECTS, "what the file declares, in its order"),
            Key("callbacks.name", _T.TEXT, "the callback"),
            Key("callbacks.line", _T.NUMBER, "of the file, from 1"),
            Key("callbacks.declared", _T.TEXT, "its declaration"),
            Key("callbacks.known", _T.BOOLEAN, "whether any version known here has it; if not, only `near` follows"),
            Key("callbacks.versions", _T.TEXTS, "the versions that have it"),
            Key("callbacks.near", _T.TEXTS, "names that are like it, the nearest first"),
            Key("callbacks.promise", _T.TEXT, "what it does"),
            Key("callbacks.sides", _T.TEXTS, "which ends call it"),
            Key("callbacks.phases", _T.TEXTS, "in which phases"),
            Key("callbacks.threads", _T.TEXTS, "in which threads"),
            Key("callbacks.bql", _T.TEXT, "whether the caller holds the big QEMU lock"),
            Key("callbacks.returns", _T.TEXT, "what its value means"),
            Key("callbacks.absent", _T.TEXT, "what it means for a device to have none"),
            Key("callbacks.legacy", _T.BOOLEAN, "whether a VMStateDescription is to replace it"),
            Key("callbacks.advice", _T.TEXT, "what the header advises"),
            Key("callbacks.parameters", _T.OBJECTS, "what it is given"),
            Key("callbacks.parameters.name", _T.TEXT, "the parameter"),
            Key("callbacks.parameters.type", _T.TEXT, "its C type"),
            Key("callbacks.parameters.meaning", _T.TEXT, "what it is for"),
        ),
    ),
    Document(
        verb="scenarios",
        form=Form.ARRAY,
        keys=(
            Key("name", _T.TEXT, "what it is asked for by"),
            Key("title", _T.TEXT, "what it is headed with"),
            Key("teaches", _T.TEXT, "what there is to see"),
        ),
    ),
)

DOCUMENTS: Final[Mapping[str, Document]] = {document.verb: document for document in _DOCUMENTS}
"""What each verb's ``--json`` prints; that of ``events`` are the lines of events.jsonl (docs/events.md)."""


def marked(verb: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """An object that says what it is.

    Args:
        verb: of the command line.
        facts: its other keys.
    """
    return {"format": DOCUMENTS[verb].format, "version": VERSION, **facts}


def field_row(idstr: str, instance_id: int, field: FieldValue) -> dict[str, Any]:
    """One field, as ``show`` prints it."""
    return {
        "idstr": idstr,
        "instance_id": instance_id,
        "path": field.path,
        "type": field.type,
        "value": json_value(field),
        "meaning": field.meaning,
        "channel": field.span.channel,
        "offset": field.span.offset,
        "length": field.span.length,
    }


def json_value(field: FieldValue) -> Any:
    """A field's value: bytes as hex text, numbers wider than 32 bits as text with ``0x``, in lists, too."""
    value = field.value
    if isinstance(value, Undecoded):
        return {"undecoded": value.why, "hex": value.data.hex()}
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, str | bool):
        return value
    if isinstance(value, tuple):
        wide = field.span.length > _WIDE_BYTES * len(value)
        return [hex(each) if wide and not isinstance(each, bool) else each for each in value]
    return hex(value) if field.span.length > _WIDE_BYTES and field.type not in _NARROW else value

"""A stream, looked around in: its records as an outline, and its bytes; the kernel's side of the explorer."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import anywidget
import traitlets

from ..errors import SavevmError, printable
from ..reader.stream import Stream
from ..span import Span
from ..views.outline import Outline, OutlineRow, Search, found_bytes, found_rows
from ..views.summary import problems
from ..views.units import bytes_text
from .explorer_still import explorer_still
from .front import module
from .messages import BadQuestion, Question, number, text

_MOST_ROWS: Final = 500
_MOST_BYTES: Final = 1 << 14
_TEXT_CHARS: Final = 300
_FIND_S: Final = 0.1
"""How long one answer to a search may take; the page asks for the next one."""

_FOUND: Final = 400

Answer = tuple[dict[str, Any], list[bytes]]
"""What is sent back: a message, and the bytes that go with it."""


def explore(stream: Stream) -> "Explorer":
    """Look around in a stream: records, fields, bytes.

    Args:
        stream: an open stream; it must stay open as long as the explorer is used.

    Returns:
        The explorer; as the last line of a notebook's cell it shows itself.

    Raises:
        MissingPackage: what it draws with is not installed.
    """
    return Explorer(stream)


class Explorer(anywidget.AnyWidget):
    """The explorer: the page draws what is in sight, and asks here for it.

    Args:
        stream: an open stream.

    Attributes:
        stream: the stream.
        selected: the bytes that stand out (``channel``, ``offset``, ``length``); set here or by hand in the page.
        kaitai: whether the rows below a record are those of the Kaitai tree.
    """

    _esm = module()
    view = traitlets.Unicode("explorer").tag(sync=True)
    selected = traitlets.Dict({"channel": 0, "offset": 0, "length": 0}).tag(sync=True)
    kaitai = traitlets.Bool(False).tag(sync=True)

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.outline = Outline(stream)
        super().__init__()
        self.on_msg(self._on_message)

    def __repr__(self) -> str:
        return f"<Explorer of {self.stream!r}>"

    def select(self, idstr: str, path: str = "") -> None:
        """Choose a device and one of its fields.

        Args:
            idstr: of the device; the first instance is chosen.
            path: of the field; empty for none.

        Raises:
            NotFound: there is no such device or field.
        """
        device = self.stream[idstr]
        span = device.field(path).span if path else device.sections[0].span
        self.selected = {"channel": span.channel, "offset": span.offset, "length": span.length}

    @property
    def span(self) -> Span:
        """The bytes that stand out."""
        chosen = self.selected
        return Span(channel=chosen["channel"], offset=chosen["offset"], length=chosen["length"])

    @traitlets.validate("selected")
    def _is_a_span(self, proposal: Mapping[str, Any]) -> dict[str, int]:
        value = proposal["value"]
        if set(value) != {"channel", "offset", "length"} or not all(type(each) is int for each in value.values()):
            raise traitlets.TraitError("selected has a channel, an offset and a length")
        return dict(value)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        bundle = super()._repr_mimebundle_(**kwargs)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        if data is not None:
            data["text/html"] = explorer_still(self.outline, self.span, kaitai=self.kaitai)
        return bundle

    # What a page asks -> what it gets ----------------------------------------------------------------------

    def answer(self, question: object) -> Answer | None:
        """The answer to a page that asks; the question may be anything.

        Args:
            question: ``{"ask": one of the questions, ...}``.

        Returns:
            The message and its bytes; ``None`` for what is no question.
        """
        if not isinstance(question, dict) or not isinstance(question.get("ask"), str):
            return None
        asked = _QUESTIONS.get(question["ask"])
        try:
            return None if asked is None else asked(self, question)
        except SavevmError as error:
            return {"problem": printable(str(error))}, []
        except BadQuestion:
            return None

    def _on_message(self, _widget: object, content: object, _buffers: object) -> None:
        answer = self.answer(content)
        if answer is not None and isinstance(content, dict):
            self.send({**answer[0], "key": content.get("key")}, buffers=answer[1])

    def _open(self, _question: Question) -> Answer:
        stream = self.stream
        machine = stream.configuration.machine if stream.configuration else "machine not said"
        return {
            "name": printable(stream.name.rsplit("/", 1)[-1]),
            "about": f"{printable(machine)}; {bytes_text(stream.size_bytes)}; sections: {len(stream.sections)}, "
            f"of devices: {len(stream.devices)}; messages that came back: {len(stream.return_path)}",
            "records": len(self.outline.records),
            "channels": [[each.channel, each.length] for each in self.outline.extents],
            "problems": [[problem, _place(span)] for problem, span in self.outline.problems()],
            "more": [printable(str(each)) for each in problems(stream)[len(stream.problems) :]],
        }, []

    def _rows(self, question: Question) -> Answer:
        first = number(question, "first", len(self.outline.records))
        last = min(first + number(question, "count", _MOST_ROWS), len(self.outline.records))
        return {"rows": [_cells(self.outline.record_row(each)) for each in range(first, last)]}, []

    def _parts(self, question: Question) -> Answer:
        record = number(question, "record", len(self.outline.records) - 1)
        parts = self.outline.parts(record, kaitai=question.get("kaitai") is True)
        first = number(question, "first", len(parts))
        rows = parts[first : first + number(question, "count", _MOST_ROWS)]
        return {"total": len(parts), "rows": [_cells(row) for row in rows]}, []

    def _window(self, question: Question) -> Answer:
        channel = number(question, "channel", 1 << 32)
        if channel not in self.stream.buffers:
            raise BadQuestion(f"there is no channel {channel}")
        buffer = self.stream.buffers[channel]
        offset = number(question, "offset", len(buffer))
        length = min(number(question, "length", _MOST_BYTES), len(buffer) - offset)
        span = Span(channel=channel, offset=offset, length=length)
        runs = self.outline.names.within(span)
        named = [[run.span.offset, run.span.length, _short(run.name), _short(run.meaning)] for run in runs]
        return {"names": named}, [bytes(buffer[span.offset : span.end])]

    def _at(self, question: Question) -> Answer:
        channel, offset = number(question, "channel", 1 << 32), number(question, "offset", 1 << 62)
        record = self.outline.record_at(channel, offset)
        if record is None:
            return {"record": None, "part": None, "total": 0}, []
        kaitai = question.get("kaitai") is True
        part = self.outline.part_at(record, offset, kaitai=kaitai)
        return {"record": record, "part": part, "total": len(self.outline.parts(record, kaitai=kaitai))}, []

    def _find(self, question: Question) -> Answer:
        find = Search(text(question, "what", 10), text(question, "wanted", _TEXT_CHARS))
        start = question.get("from")
        found: list[OutlineRow] = []
        ends = time.monotonic() + _FIND_S
        for following, rows in self._search(find, start):
            found += rows
            if len(found) >= _FOUND or time.monotonic() > ends:
                return {"rows": [_cells(row) for row in found[:_FOUND]], "next": following}, []
        return {"rows": [_cells(row) for row in found], "next": None}, []

    def _search(self, find: Search, start: object) -> Iterator[tuple[object, list[OutlineRow]]]:
        if find.what in ("names", "values"):
            yield from found_rows(self.outline, find, start if type(start) is int and start > 0 else 0)
            return
        wanted = _bytes_of(find.wanted) if find.what == "bytes" else find.wanted.encode(errors="replace")
        place = start if isinstance(start, list) and len(start) == 2 else [0, 0]
        if wanted and all(type(each) is int and each >= 0 for each in place):
            yield from found_bytes(self.outline, wanted, (place[0], place[1]))


_QUESTIONS: Final[Mapping[str, Callable[[Explorer, Question], Answer]]] = {
    "open": Explorer._open,
    "rows": Explorer._rows,
    "parts": Explorer._parts,
    "window": Explorer._window,
    "at": Explorer._at,
    "find": Explorer._find,
}


def _bytes_of(hexadecimal: str) -> bytes:
    try:
        return bytes.fromhex(hexadecimal)
    except ValueError as error:
        raise BadQuestion("not written in hexadecimal") from error


def _cells(row: OutlineRow) -> list[Any]:
    return [row.depth, _short(row.name), _short(row.text), *_place_of(row.span), int(row.branch)]


def _place_of(span: Span) -> list[int]:
    return [span.channel, span.offset, span.length]


def _place(span: Span | None) -> list[int] | None:
    return None if span is None else _place_of(span)


def _short(text: str) -> str:
    return printable(text if len(text) <= _TEXT_CHARS else f"{text[:_TEXT_CHARS]} …")

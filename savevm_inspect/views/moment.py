"""Everything there is to show of one event of a run: its card, both states, its bytes and its neighbours."""

from contextlib import ExitStack
from dataclasses import dataclass
from os import PathLike
from typing import Final

from ..container.capture_folder import CaptureFolder, Direction
from ..container.source import Source
from ..errors import SavevmError
from ..reader.stream import Stream
from ..rules.threads import Side
from ..span import Span
from ..timeline.timeline import Timeline
from ..trace.recorded import Recorded
from .bytes import ByteNames
from .cards import EventCard, event_card, headline
from .hexdump import HexRow, hex_rows
from .named import NamedBytes
from .states import StateRow, state_rows
from .units import bytes_text

_BYTES_SHOWN: Final = 256
_NEIGHBOURS: Final = 5
_UNSEEN: Final = {
    Side.SOURCE: "Nothing of the source was recorded, which alone knows what is pending.",
    Side.DESTINATION: "Nothing of a destination was recorded.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """One line of the list of events around the present one.

    Attributes:
        index: of the event.
        side: which end.
        text: the event in a few words.
        now: whether it is the present one.
    """

    index: int
    side: Side
    text: str
    now: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One event and all around it.

    Attributes:
        card: what the event says.
        states: both sides after it, with what it changed.
        hex_rows: the first bytes that it wrote or read; empty if it names none.
        runs: names of those bytes.
        bytes_note: how many bytes there are, or why there are none.
        neighbours: the events before and after it.
    """

    card: EventCard
    states: tuple[StateRow, ...]
    hex_rows: tuple[HexRow, ...]
    runs: tuple[NamedBytes, ...]
    bytes_note: str
    neighbours: tuple[Neighbour, ...]


class Playback:
    """A capture, opened to be played event by event.

    Args:
        capture: a capture folder, or its path; or that of QEMU's trace logs, as
            :meth:`~savevm_inspect.trace.recorded.Recorded.open` takes it.

    Attributes:
        capture: what was opened.
        timeline: its events.
        outcome: what became of the migration, if it did not complete and the capture says so; else empty.
        problem: why its stream can't be read; empty if it can, or if there is none.
        unseen: what the events can't show, since one side has none; empty if both have.

    Raises:
        SavevmError: it is none, or one without events.
    """

    def __init__(self, capture: str | PathLike[str]) -> None:
        self.capture = Recorded.open(capture)
        self._stream: Stream | None = None
        self._sources: dict[int, Source] = {}
        self._files = ExitStack()
        self.outcome = self.capture.folder.verdict if self.capture.folder is not None else ""
        self.problem = ""
        try:
            self._stream = self.capture.open_stream(strict=False)
            if self._stream is not None:
                self.problem = "; ".join(str(each) for each in self._stream.problems)
            elif isinstance(self.capture.origin, CaptureFolder):
                self.problem = "nothing was sent, so there are no bytes to look at"
        except SavevmError as error:
            self.problem = str(error)
        try:
            self.timeline = Timeline(self.capture.events(self._stream))
            if not len(self.timeline):
                raise SavevmError(f"{self.capture.path}: a capture without events; there is nothing to go through")
        except BaseException:
            self.close()
            raise
        seen = {event.side for event in self.timeline.events}
        self.unseen = " ".join(_UNSEEN[side] for side in Side if side not in seen)
        self._names = ByteNames(self._stream) if self._stream is not None else None

    def moment(self, index: int) -> Moment:
        """All there is to show of an event; the same whenever it is asked for.

        Args:
            index: of the event.

        Raises:
            NotFound: there is no such event.
        """
        card = event_card(self.timeline, index)
        rows, runs, note = self._bytes(card)
        first = max(index - _NEIGHBOURS, 0)
        last = min(index + _NEIGHBOURS + 1, len(self.timeline))
        return Moment(
            card=card,
            states=tuple(state_rows(self.timeline.at(index), self.timeline.at(index + 1))),
            hex_rows=tuple(rows),
            runs=tuple(runs),
            bytes_note=note,
            neighbours=tuple(
                Neighbour(index=number, side=event.side, text=headline(event), now=number == index)
                for number, event in enumerate(self.timeline.events[first:last], first)
            ),
        )

    def _bytes(self, card: EventCard) -> tuple[list[HexRow], list[NamedBytes], str]:
        span = card.span
        if span is None:
            return [], [], "this event names no bytes"
        if not span.length:
            return [], [], f"no bytes, at {span.offset:#x} of channel {span.channel}"
        data, where = self._read(span), f"at {span.offset:#x} of channel {span.channel}"
        if not data:
            return [], [], f"{bytes_text(span.length)} {where}, which the capture does not hold"
        shown = Span(channel=span.channel, offset=span.offset, length=len(data))
        runs = self._names.within(shown) if self._names is not None else []
        which = f"the first {len(data)} of " if len(data) < span.length else ""
        return hex_rows(data, span.offset, runs), runs, f"{which}{bytes_text(span.length)} {where}"

    def _read(self, span: Span) -> bytes:
        """The first bytes of a span, from the file of its channel; empty if the capture has none of them."""
        for channel in self.capture.channels:
            if channel.number == span.channel and channel.direction is Direction.FORWARD:
                if channel.number not in self._sources:
                    file = self._files.enter_context(channel.open())
                    self._sources[channel.number] = Source(file, strict=False)
                buffer = self._sources[channel.number].buffer
                return bytes(buffer[span.offset : span.offset + min(span.length, _BYTES_SHOWN)])
        return b""

    def close(self) -> None:
        """Give back the stream and the files."""
        for source in self._sources.values():
            source.close()
        self._sources.clear()
        self._files.close()
        if self._stream is not None:
            self._stream.close()

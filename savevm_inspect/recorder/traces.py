"""QEMU's trace log beside what QMP said: one list of events, in one order."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from heapq import merge
from itertools import count
from operator import attrgetter
from pathlib import Path

from ..errors import SavevmError
from ..reader.stream import Stream, open_stream
from ..rules.threads import Side
from ..stream.events import Event
from ..trace.capture import TraceCapture


def merge_traces(reported: Sequence[Event], log: Path, stream: Path, started_unix_us: int) -> Iterator[Event]:
    """The events of QMP and of the log by their times.

    Whatever the log holds, the events of QMP come out: a QEMU without the log backend has none, one whose
    logging was switched off has a part of it.

    Args:
        reported: what QMP said, in its order.
        log: QEMU's log; it may be missing.
        stream: the main channel, in which the bytes are that the log speaks of.
        started_unix_us: when the migration was started, in microseconds since 1970.
    """
    with ExitStack() as opened:
        traced = _traced(log, _opened(stream, opened), started_unix_us)
        last_us = traced[-1].time_us if traced else -1
        # A trace knows the phases to the microsecond; QMP's answers come when they come.
        ours = (replace(each, phase=None) if _within(each, traced, last_us) else each for each in reported)
        for seq, event in zip(count(), merge(ours, traced, key=attrgetter("time_us")), strict=False):
            yield replace(event, seq=seq)


def _within(event: Event, traced: Sequence[Event], last_us: int) -> bool:
    return bool(traced) and traced[0].time_us <= event.time_us <= last_us


def _traced(log: Path, stream: Stream | None, started_unix_us: int) -> list[Event]:
    if not log.exists():
        return []
    capture = TraceCapture(path=log, name=log.name, logs=((log, Side.SOURCE),))
    try:
        return list(capture.events(stream, start_us=started_unix_us, guest=False))
    except SavevmError:
        return []  # a log without any trace event; it is kept as it is


def _opened(stream: Path, opened: ExitStack) -> Stream | None:
    try:
        return opened.enter_context(open_stream(stream, strict=False))
    except SavevmError:
        return None  # what can't be read has no spans; whoever opens the capture gets the reason

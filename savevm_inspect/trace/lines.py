"""The lines of QEMU's log, taken apart: who wrote it, when, and which trace event with which arguments.

The prefix depends on the version and on ``-msg timestamp=on``: up to 10.0 it is the thread's id and the seconds
since 1970, later an ISO time, without the option nothing. QEMU's own messages stand between the trace events.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

LINE_LIMIT_BYTES: Final = 4096
"""Of a longer line only the beginning is kept; no trace event of QEMU's is that long."""

CUT: Final = " [cut]"
"""What a line ends in of which only the beginning is kept."""

_STEP_BYTES: Final = 1 << 20

_THREAD_AND_SECONDS: Final = re.compile(r"(?P<thread_id>\d{1,10})@(?P<seconds>\d{1,12})\.(?P<fraction>\d{6}):")
_ISO_TIME: Final = re.compile(r"(?P<iso>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:?\d\d)) ")
_EVENT: Final = re.compile(r"(?P<name>[a-z][a-z0-9_]*+)(?: (?P<arguments>.*))?\Z", re.DOTALL)
_MESSAGE: Final = re.compile(r"(?P<program>[\w./-]++): (?P<message>.*)\Z", re.DOTALL)
_PROGRAM: Final = "qemu"


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceLine:
    """One line of a log.

    Attributes:
        thread_id: the operating system's number of the thread that wrote it; ``None`` if the line does not say.
        unix_us: when, in microseconds since 1970; ``None`` if the line does not say.
        name: of the trace event; empty if the line is none.
        arguments: of the trace event, as QEMU printed them.
        message: what QEMU itself had to say; empty if the line is none of its messages.
        text: the line without its prefix.
    """

    thread_id: int | None
    unix_us: int | None
    name: str
    arguments: str
    message: str
    text: str


def read_lines(buffer: memoryview) -> Iterator[TraceLine]:
    """Read a log; whatever the bytes are, each line that is not blank is one :class:`TraceLine`.

    Args:
        buffer: the file's bytes; they are not copied as a whole.
    """
    for raw in _raw_lines(buffer):
        text = raw[:LINE_LIMIT_BYTES].decode("utf-8", "backslashreplace").rstrip("\r")
        if text and not text.isspace():
            yield parse_line(text + CUT if len(raw) > LINE_LIMIT_BYTES else text)


def _raw_lines(buffer: memoryview) -> Iterator[bytes]:
    """The lines without their newlines, each with at most one byte more than is kept."""
    begun = b""
    for position in range(0, len(buffer), _STEP_BYTES):
        *whole, rest = bytes(buffer[position : position + _STEP_BYTES]).split(b"\n")
        for line in whole:
            yield (begun + line)[: LINE_LIMIT_BYTES + 1] if begun else line
            begun = b""
        begun = (begun + rest)[: LINE_LIMIT_BYTES + 1]
    if begun:
        yield begun


def parse_line(text: str) -> TraceLine:
    """Take one line apart.

    Args:
        text: the line without its end.
    """
    thread_id, unix_us, rest = None, None, text
    if found := _THREAD_AND_SECONDS.match(text):
        thread_id = int(found["thread_id"])
        unix_us = int(found["seconds"]) * 1_000_000 + int(found["fraction"])
        rest = text[found.end() :]
    elif found := _ISO_TIME.match(text):
        unix_us = _unix_us(found["iso"])
        rest = text[found.end() :]
    name, arguments, message, rest = _parts(rest)
    return TraceLine(thread_id=thread_id, unix_us=unix_us, name=name, arguments=arguments, message=message, text=rest)


@lru_cache(maxsize=64)
def _parts(text: str) -> tuple[str, str, str, str]:
    """Name and arguments of a trace event, or a message, and the text without spaces around it.

    What an idle loop says, it says many times.
    """
    event = _EVENT.match(text)
    if event and "_" in event["name"][1:-1]:
        return event["name"], (event["arguments"] or "").strip(), "", text.strip()
    message = _MESSAGE.match(text)
    return "", "", message["message"] if message and _PROGRAM in message["program"] else "", text.strip()


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def _unix_us(iso: str) -> int | None:
    """Microseconds since 1970; ``None`` for a day that no calendar has, or before that year."""
    try:
        passed = datetime.fromisoformat(iso) - _EPOCH
    except ValueError:
        return None
    microseconds = (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds
    return microseconds if microseconds >= 0 else None

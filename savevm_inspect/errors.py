"""Everything that this package raises about its input, as one tree.

::

    SavevmError
    ├── StreamError(offset, section)   the bytes of a stream
    │   ├── Truncated                  they end where more are needed
    │   ├── BadMagic                   they are no migration stream
    │   ├── UnknownRecord              a type, flag or command that the format does not have
    │   ├── FooterMismatch             a section does not end where or as it should
    │   ├── BadPayload                 a section's content contradicts itself
    │   └── Unsupported                named and known, but not read by this version
    ├── SchemaError(path)              a description that is not what it must be
    ├── EncodeError(path)              values that do not make the state they are encoded as
    ├── NotFound                       a block, section or file that is asked for and is not there
    ├── AddressError                   memory whose address is not known, or an address without memory
    ├── FileError                      what a file of ours does not do: write, go before 0, read when closed
    ├── InputInUse                     an output that is also an input
    ├── HostError(errno)               the operating system said no: a full disk, a folder that is read-only
    ├── EngineError(phase, handler)    a handler of the engine, or a call that the phase forbids
    ├── RecordError                    a real QEMU; keeps its last words
    └── MissingPackage                 what an extra brings, and the command that brings it

A message says where, what was there and what was expected, on one line.
"""

import io
from collections.abc import Iterable
from difflib import get_close_matches
from typing import ClassVar


def printable(text: str) -> str:
    """Text of a stream as it can be shown on one line: what is not printable becomes an escape."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def listed(names: Iterable[str], most: int = 12) -> str:
    """Names as a message lists them: the first ones, and how many more there are.

    Args:
        names: in their order.
        most: how many are listed.
    """
    each = list(names)
    rest = f" and {len(each) - most} more" if len(each) > most else ""
    return (", ".join(each[:most]) + rest) or "none"


def did_you_mean(name: str, known: Iterable[str], *, cutoff: float = 0.5) -> str:
    """What a message offers in place of a name that is unknown: those that are near, or all.

    Args:
        name: what was asked for.
        known: what there is.
        cutoff: how alike two names are at least, from 0 to 1.
    """
    names = list(known)
    near = get_close_matches(name, names, n=3, cutoff=cutoff)
    return f"did you mean {' or '.join(near)}?" if near else f"there are {listed(names, most=len(names))}"


class SavevmError(Exception):
    """The root of all that is raised.

    Attributes:
        exit_status: of a program that ends by it.
    """

    exit_status: ClassVar[int] = 1

    def __str__(self) -> str:
        return printable(super().__str__())


class StreamError(SavevmError):
    """Bytes of a stream that are invalid or inconsistent.

    Args:
        message: what was there and what was expected.
        offset: where, in bytes from the start of its channel.
        section: the section it lies in, as ``idstr (instance N)``; empty outside of sections.

    Attributes:
        channel: number of the channel; 0 is the main one, which is all that most readers know of.
    """

    def __init__(self, message: str, *, offset: int, section: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        self.section = section
        self.channel = 0

    def __str__(self) -> str:
        channel = f" of channel {self.channel}" if self.channel else ""
        section = f" in section {self.section}" if self.section else ""
        return printable(f"{self.offset:#x}{channel}{section}: {self.message}")


class Truncated(StreamError):
    """The stream ends where more bytes are needed."""


class BadMagic(StreamError):
    """The bytes do not open as a migration stream does."""


class UnknownRecord(StreamError):
    """A record type, flag or command that the format does not have."""


class FooterMismatch(StreamError):
    """A section does not end where or as it should."""


class BadPayload(StreamError):
    """The content of a section contradicts itself or the stream."""


class Unsupported(StreamError):
    """A known form of stream that this version does not read."""


class SchemaError(SavevmError):
    """A description (JSON) that is not what it must be.

    Args:
        message: what was there and what was expected.
        path: where in the description, from the root, joined with dots.
    """

    def __init__(self, message: str, *, path: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.path = path

    def __str__(self) -> str:
        return printable(f"description{' at ' + self.path if self.path else ''}: {self.message}")


class EncodeError(SavevmError):
    """Values that do not make the state they are encoded as.

    Args:
        message: what was there and what was expected.
        path: names down to the value, joined with slashes.
    """

    def __init__(self, message: str, *, path: str) -> None:
        super().__init__(message)
        self.message = message
        self.path = path

    def __str__(self) -> str:
        return printable(f"{self.path}: {self.message}")


class NotFound(SavevmError, LookupError):
    """Something that was asked for by name and is not in the stream."""


class AddressError(SavevmError, LookupError):
    """Guest memory whose address is not known, or an address without memory."""


class FileError(SavevmError, io.UnsupportedOperation):
    """What a file-like object of ours does not do.

    An ``io.UnsupportedOperation`` is an ``OSError`` and a ``ValueError``, the two that :mod:`io` raises for it.
    """


class InputInUse(SavevmError):
    """An output that would take the place of what is read."""

    exit_status = 2


class HostError(SavevmError):
    """The operating system said no.

    Args:
        message: what was done to which file, and what it said.
        errno: its number for that, one of :mod:`errno`; 0 if it gave none.
    """

    exit_status = 3

    def __init__(self, message: str, *, errno: int = 0) -> None:
        super().__init__(message)
        self.errno = errno

    @classmethod
    def of(cls, name: object, error: OSError) -> "HostError":
        """What an exception says of a file.

        Args:
            name: the file, as whoever reads the message knows it.
            error: what was raised.
        """
        return cls(f"{name}: {error.strerror or error}", errno=error.errno or 0)


class EngineError(SavevmError):
    """A handler failed, or a call was made that the phase forbids.

    Args:
        message: what happened.
        phase: the phase of the migration it happened in.
        handler: the callback of register.h, empty if none was running.
        section: the section it belongs to, as ``idstr (instance N)``.
    """

    def __init__(self, message: str, *, phase: str, handler: str = "", section: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.phase = phase
        self.handler = handler
        self.section = section

    def __str__(self) -> str:
        who = " of ".join(part for part in (self.handler, self.section) if part)
        return printable(": ".join(part for part in (self.phase, who, self.message) if part))


class RecordError(SavevmError):
    """A recording of a real QEMU failed.

    Args:
        message: what happened.
        last_words: what QEMU printed last, possibly empty.
    """

    def __init__(self, message: str, *, last_words: str = "") -> None:
        super().__init__(message)
        self.last_words = last_words

    def __str__(self) -> str:
        words = printable(" ".join(self.last_words.split()))
        return super().__str__() + (f" (QEMU said: {words})" if words else "")


class MissingPackage(SavevmError, ImportError):
    """A package that not everyone needs is not installed.

    Args:
        what: what needs it, as the message begins.
        package: its name.
        extra: which of this package's extras brings it; empty if it is installed by its own name.
    """

    def __init__(self, what: str, package: str, *, extra: str = "") -> None:
        install = f"'savevm-inspect[{extra}]'" if extra else package
        super().__init__(f"{what} needs {package}: pip install {install}")

"""The law of a file: whatever is done with it one thing after another, it does as ``io.BytesIO``."""

import array
import io
import os
from collections.abc import Callable
from contextlib import closing
from typing import Any, Final, NoReturn

import numpy as np
from hypothesis import strategies as st

from savevm_inspect.errors import SavevmError


class ReadOnlyBytes(io.BytesIO):
    """Bytes as a file that was opened for reading, which knows no position before its start.

    BytesIO itself goes to 0 if a step back would lead further; every real file refuses that step.
    """

    def writable(self) -> bool:
        super().writable()
        return False

    def write(self, _data: Any, /) -> NoReturn:
        self.tell()
        raise io.UnsupportedOperation("write")

    def writelines(self, _lines: Any, /) -> NoReturn:
        self.write(b"")

    def truncate(self, _size: int | None = None, /) -> NoReturn:
        self.write(b"")

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        before = self.tell()
        if whence in (os.SEEK_CUR, os.SEEK_END):
            base = before if whence == os.SEEK_CUR else len(self.getbuffer())
            if base + offset < 0:
                raise ValueError("negative seek value")
        return super().seek(offset, whence)


Operation = tuple[str, Callable[[io.IOBase], Any]]


def _fill(make: Callable[[], Any]) -> Callable[[Any], tuple[int, bytes]]:
    def readinto(file: Any) -> tuple[int, bytes]:
        target = make()
        count = file.readinto(target)
        return count, bytes(target)

    return readinto


def _enter(file: io.IOBase) -> None:
    with file:
        pass


BUFFERS: Final[dict[str, Callable[[], Any]]] = {
    "nothing": bytearray,
    "bytes": lambda: bytearray(b"\xff" * 700),
    "a part of a view": lambda: memoryview(bytearray(40))[3:9],
    "numbers": lambda: array.array("I", [7] * 9),
    "no numbers": lambda: array.array("I"),
    "numbers of the other byte order": lambda: np.zeros((2, 3), ">u4"),
    "read-only bytes": lambda: bytes(9),
    "every second byte": lambda: memoryview(bytearray(9))[::2],
    "no buffer": lambda: 5,
}

COUNTS = st.sampled_from([-1, 0, 1, 2, 7, 300, 1 << 40]) | st.integers(0, 2100)


def _operation(name: str, do: Callable[..., Any], *arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Operation]:
    def bind(values: tuple[Any, ...]) -> Operation:
        return f"{name}({', '.join(map(repr, values))})", lambda file: do(file, *values)

    return st.tuples(*arguments).map(bind)


READS = st.one_of(
    _operation("read", lambda file, size: file.read(size), COUNTS | st.sampled_from([None, 2.5, "1", np.int64(3)])),
    _operation("readinto", lambda file, kind: _fill(BUFFERS[kind])(file), st.sampled_from(sorted(BUFFERS))),
    _operation("readline", lambda file, size: file.readline(size), COUNTS),
)
SEEKS = st.one_of(
    _operation(
        "seek",
        lambda file, offset, whence: file.seek(offset, whence),
        st.integers(-2100, 2100) | st.sampled_from([1 << 40, 2.0, None, True, np.int64(3)]),
        st.sampled_from([0, 0, 1, 1, 2, 2, 3, 9, -1, None, np.int64(1)]),
    ),
    _operation("tell", lambda file: file.tell()),
)
OTHERS = st.one_of(
    *(
        _operation(name, lambda file, name=name: getattr(file, name)())
        for name in ("readable", "seekable", "writable", "isatty", "flush", "fileno", "truncate")
    ),
    _operation("next", next),
    _operation("closed", lambda file: file.closed),
    _operation("write", lambda file: file.write(b"x")),
    _operation("writelines", lambda file: file.writelines([b"x"])),
)
CLOSES = st.one_of(_operation("close", lambda file: file.close()), _operation("with", _enter))

OPERATIONS = st.lists(st.one_of(SEEKS, READS, SEEKS, READS, OTHERS), max_size=25).flatmap(
    lambda before: st.lists(CLOSES | READS | SEEKS | OTHERS, max_size=5).map(lambda after: [*before, *after])
)


def _outcome(do: Callable[[Any], Any], file: io.IOBase) -> Any:
    """What an operation gives, or the exception that it raises."""
    try:
        return do(file)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is compared
        return error


def assert_is_a_file(make: Callable[[], io.RawIOBase], content: bytes, operations: list[Operation]) -> None:
    """Do the same with a file of ours and with the bytes that it should have.

    Args:
        make: opens the file.
        content: what it should hold.
        operations: what is done, in order. Reading all that is left may be refused. Of a closed file and an invalid
            argument either may be what is complained about.
    """
    with closing(make()) as ours, closing(ReadOnlyBytes(content)) as theirs:
        for name, do in operations:
            before = None if theirs.closed else theirs.tell()
            got, expected = _outcome(do, ours), _outcome(do, theirs)
            if isinstance(expected, Exception):
                kinds = (type(expected), ValueError) if theirs.closed else type(expected)
                assert isinstance(got, kinds), f"{name}: {got!r}, expected {expected!r}"
                continue
            if isinstance(got, io.UnsupportedOperation) and name in ("read(-1)", "read(None)"):
                assert isinstance(got, SavevmError)
                theirs.seek(before)
                continue
            assert got == expected, f"{name}: {got!r}, expected {expected!r}"
            assert type(got) is type(expected), name

"""Writing a block's final bytes to a file: sparse, and whole or not at all."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from ..container.whole_file import whole_file
from ..errors import SavevmError
from .rebuild import BlockImage

_STEP_BYTES = 1 << 20
"""Little enough to be still in the cache of the processor when it is written."""
_LEAST_HOLE_BYTES = 64 << 10


def extract(image: BlockImage, output: Path, progress: Callable[[int], object]) -> None:
    """Write a block to a file.

    Pages that are zero or were never sent become holes. The file appears under its name when it is whole.

    Args:
        image: the block.
        output: the file to make; replaced if it exists.
        progress: called with the address in bytes that each step has come to.

    Raises:
        SavevmError: the file can't be written, or a page can't be unpacked; nothing is left of it.
    """
    try:
        with whole_file(output) as draft, draft.open("wb", buffering=0) as file:
            _write_sparse(image, file.fileno(), progress)
    except OverflowError as error:
        raise SavevmError(f"{output}: no file can have {image.block.used_bytes} bytes") from error


def _write_sparse(image: BlockImage, file: int, progress: Callable[[int], object]) -> None:
    """Write what is not zero, a step at a time."""
    os.truncate(file, image.block.used_bytes)
    piece = memoryview(bytearray(_STEP_BYTES))
    for start, end in _steps(image):
        view = piece[: end - start]
        image.read_at(start, view)
        _write_at(file, view, start)
        progress(end)


def _steps(image: BlockImage) -> Iterator[tuple[int, int]]:
    """The ranges that may hold other bytes than zero, no longer than a step; no hole is smaller than is worth it."""
    for start, end in image.filled(_LEAST_HOLE_BYTES // image.page_size):
        for pos in range(start, end, _STEP_BYTES):
            yield pos, min(pos + _STEP_BYTES, end)


def _write_at(file: int, view: memoryview, pos: int) -> None:
    while view:
        count = os.pwrite(file, view, pos)
        view, pos = view[count:], pos + count

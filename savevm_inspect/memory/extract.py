"""Writing a block's final bytes to a file: sparse, and whole or not at all."""

import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from ..errors import SavevmError
from .rebuild import BlockImage

_STEP_BYTES = 4 << 20
_LEAST_HOLE_BYTES = 64 << 10
_WRITE_BYTES = 128 << 10
"""For larger ones Linux looks for larger pieces of free memory: ten times the work where that is in small pieces."""


def extract(image: BlockImage, output: Path, progress: Callable[[int], object]) -> None:
    """Write a block to a file.

    Pages that are zero or were never sent become holes. The file appears under its name when it is whole.

    Args:
        image: the block.
        output: the file to make; replaced if it exists.
        progress: called with the place in bytes that each step has come to.

    Raises:
        SavevmError: the file can't be written, or a page can't be unpacked; nothing is left of it.
    """
    try:
        with tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}.") as folder:
            draft = Path(folder) / "block"
            with draft.open("wb", buffering=0) as file:
                _write_sparse(image, file.fileno(), progress)
            draft.replace(output)
    except OSError as error:
        raise SavevmError(f"{output}: {error.strerror or error}") from error
    except OverflowError as error:
        raise SavevmError(f"{output}: no file can have {image.block.used_bytes} bytes") from error


def _write_sparse(image: BlockImage, file: int, progress: Callable[[int], object]) -> None:
    """Write what is not zero; a step is put together while the one before it is written."""
    os.truncate(file, image.block.used_bytes)
    pieces = [bytearray(_STEP_BYTES), bytearray(_STEP_BYTES)]
    written: Future[None] | None = None
    with ThreadPoolExecutor(1) as writer:
        for start, end in _steps(image):
            pieces.reverse()
            view = memoryview(pieces[0])[: end - start]
            image.read_at(start, view)
            if written is not None:
                written.result()
            written = writer.submit(_write_at, file, view, start)
            progress(end)
        if written is not None:
            written.result()


def _steps(image: BlockImage) -> Iterator[tuple[int, int]]:
    """The ranges that may hold other bytes than zero, no longer than a step; no hole is smaller than is worth it."""
    for start, end in image.filled(_LEAST_HOLE_BYTES // image.page_size):
        for place in range(start, end, _STEP_BYTES):
            yield place, min(place + _STEP_BYTES, end)


def _write_at(file: int, view: memoryview, place: int) -> None:
    while view:
        count = os.pwrite(file, view[:_WRITE_BYTES], place)
        view, place = view[count:], place + count

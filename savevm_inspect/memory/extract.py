"""Writing a block's final bytes to a file: sparse, and whole or not at all."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..errors import SavevmError
from ..payload.page_log import PageKind
from .rebuild import BlockImage

_STEP_BYTES = 4 << 20


def extract(image: BlockImage, output: Path, progress: Callable[[int], object]) -> None:
    """Write a block to a file.

    Pages that are zero or were never sent become holes. The file appears under its name when it is whole.

    Args:
        image: the block.
        output: the file to make; replaced if it exists.
        progress: called with the place in bytes that each step has come to.

    Raises:
        SavevmError: the file can't be written; nothing is left of it.
    """
    try:
        with tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}.") as folder:
            draft = Path(folder) / "block"
            with draft.open("wb") as file:
                _write_sparse(image, file, progress)
            draft.replace(output)
    except OSError as error:
        raise SavevmError(f"{output}: {error.strerror or error}") from error


def _write_sparse(image: BlockImage, file: BinaryIO, progress: Callable[[int], object]) -> None:
    file.truncate(image.block.used_bytes)
    step = max(_STEP_BYTES // image.page_size, 1)
    piece = bytearray(step * image.page_size)
    for number in np.unique(image.sent[image.final["kind"] != PageKind.ZERO] // step).tolist():
        start = number * len(piece)
        image.seek(start)
        length = image.readinto(piece)
        file.seek(start)
        file.write(memoryview(piece)[:length])
        progress(start + length)

"""Files that appear under their names when they are whole, and not before."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import SavevmError


@contextmanager
def whole_file(output: Path) -> Iterator[Path]:
    """Write a file whole or not at all: what lies in the draft at the end takes the place of the file.

    Args:
        output: the file; replaced if it exists, and left as it was if anything goes wrong.

    Yields:
        Path of the draft, which is to be made.

    Raises:
        SavevmError: it can't be written; nothing is left of the draft.
    """
    try:
        with tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}.") as folder:
            draft = Path(folder) / "draft"
            yield draft
            draft.replace(output)
    except OSError as error:
        raise SavevmError(f"{output}: {error.strerror or error}") from error

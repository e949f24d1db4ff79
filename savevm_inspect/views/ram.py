"""What RAM sections sent, as numbers."""

from typing import Any

import numpy as np
import numpy.typing as npt

from ..payload.page_log import PageKind
from ..reader.stream import Stream


def ram_stats(stream: Stream) -> dict[str, Any]:
    """The pages of a stream, by block and altogether.

    Returns:
        JSON-ready: ``page_size`` and ``content_bytes`` in bytes, counts in pages. ``sent_again_pages`` were sent
        at least once before; ``missing_pages`` were never sent.
    """
    pages = stream.pages
    blocks = []
    for index, block in enumerate(pages.blocks):
        rows = pages.of_block(index)
        missing = stream.memory[block.name].missing_pages
        distinct = -(-block.used_bytes // pages.page_size) - missing
        blocks.append(
            {
                "name": block.name,
                "used_bytes": block.used_bytes,
                "sent_pages": len(rows),
                **_by_kind(rows),
                "sent_again_pages": len(rows) - distinct,
                "missing_pages": missing,
            }
        )
    return {
        "page_size": pages.page_size or None,
        "sections": sum(section.idstr == "ram" for section in stream.sections),
        "sent_pages": len(pages),
        **_by_kind(pages.rows),
        "content_bytes": int(pages.rows["length"].sum()),
        "blocks": blocks,
    }


def _by_kind(rows: npt.NDArray[np.void]) -> dict[str, int]:
    counts = np.bincount(rows["kind"], minlength=len(PageKind))
    return {f"{kind.name.lower()}_pages": int(counts[kind]) for kind in PageKind}

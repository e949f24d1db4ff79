"""What RAM sections sent, as numbers."""

from typing import Any

import numpy as np

from ..payload.ram import PageKind
from ..reader.stream import Stream


def ram_stats(stream: Stream) -> dict[str, Any]:
    """The pages of a stream, by block and altogether.

    Returns:
        JSON-ready: ``page_size`` in bytes, counts in pages. ``sent_again_pages`` were sent at least once before;
        ``missing_pages`` were never sent.
    """
    pages = stream.pages
    blocks = []
    for index, block in enumerate(pages.blocks):
        rows = pages.of_block(index)
        image = stream.memory[block.name]
        normal = int(np.count_nonzero(rows["kind"] == PageKind.NORMAL))
        blocks.append(
            {
                "name": block.name,
                "used_bytes": block.used_bytes,
                "sent_pages": len(rows),
                "normal_pages": normal,
                "zero_pages": len(rows) - normal,
                "sent_again_pages": len(rows) - len(image.sent),
                "missing_pages": image.missing_pages,
            }
        )
    return {
        "page_size": pages.page_size or None,
        "sections": sum(section.idstr == "ram" for section in stream.sections),
        "sent_pages": len(pages),
        "normal_pages": pages.count(PageKind.NORMAL),
        "zero_pages": pages.count(PageKind.ZERO),
        "content_bytes": pages.count(PageKind.NORMAL) * pages.page_size,
        "blocks": blocks,
    }

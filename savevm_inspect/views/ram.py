"""What RAM sections sent, as numbers."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ..memory.content import Content, ContentClass, classify_final, classify_sendings
from ..memory.history import History
from ..payload.page_log import PageKind
from ..reader.stream import Stream

CLASS_KEYS: Final = tuple(f"{each.name.lower()}_pages" for each in ContentClass)
"""The keys of ``classes`` in :func:`ram_stats`."""


def ram_stats(stream: Stream) -> dict[str, Any]:
    """The pages of a stream, by block, by iteration and altogether; all of memory is read for it.

    Returns:
        JSON-ready: ``page_size`` and all ``_bytes`` in bytes, counts in pages. ``sent_again_pages`` were sent at
        least once before; ``missing_pages`` were never sent; ``wasted_bytes`` are the cost of sendings that a later
        one made useless. ``classes`` count pages by what they look like: in a block those that memory finally has, in
        an iteration those that it sent.

    Raises:
        BadPayload: a page can't be unpacked.
    """
    pages, history = stream.pages, stream.history
    contents = classify_sendings(pages, stream.buffers)
    return {
        "page_size": pages.page_size,
        "sections": sum(section.idstr == "ram" for section in stream.sections),
        "sent_pages": len(pages),
        **_by_kind(pages.rows),
        "content_bytes": int(pages.rows["length"].sum()),
        "ram_bytes": history.ram_bytes,
        "page_bytes": history.ram_bytes - history.other_bytes,
        "other_bytes": history.other_bytes,
        "sent_again_pages": int(history.resent.sum()),
        "wasted_bytes": history.wasted_bytes,
        "iterations_from": history.iterations_from.value,
        "iterations": list(_iterations(history, contents)),
        "blocks": [_block(stream, index, contents) for index in range(len(pages.blocks))],
    }


def _block(stream: Stream, index: int, contents: Content) -> dict[str, Any]:
    pages, history = stream.pages, stream.history
    block = pages.blocks[index]
    image = stream.memory[block.name]
    chosen = np.flatnonzero(pages.rows["block"] == index)
    _, final = pages.final.between(index, 0, image.num_pages)
    useless = chosen[history.overwritten[chosen]]
    return {
        "name": block.name,
        "used_bytes": block.used_bytes,
        "sent_pages": len(chosen),
        **_by_kind(pages.rows[chosen]),
        "sent_again_pages": int(history.resent[chosen].sum()),
        "missing_pages": image.missing_pages,
        "page_bytes": int(history.cost_bytes[chosen].sum(dtype=np.int64)),
        "wasted_bytes": int(history.cost_bytes[useless].sum(dtype=np.int64)),
        "classes": _classes(classify_final(image, contents.of(final))),
    }


def _iterations(history: History, contents: Content) -> Iterator[dict[str, Any]]:
    _, which = np.unique(history.iteration, return_inverse=True)
    iterations = history.iterations()
    cells = np.bincount(which * len(ContentClass) + contents.classes, minlength=len(iterations) * len(ContentClass))
    for iteration, classes in zip(iterations, cells.reshape(-1, len(ContentClass)).tolist(), strict=True):
        yield {
            "number": iteration.number,
            "postcopy": iteration.postcopy,
            "sent_pages": iteration.sent_pages,
            **{f"{kind.name.lower()}_pages": count for kind, count in iteration.kind_pages.items()},
            "sent_again_pages": iteration.resent_pages,
            "page_bytes": iteration.page_bytes,
            "overwritten_pages": iteration.overwritten_pages,
            "wasted_bytes": iteration.wasted_bytes,
            "classes": dict(zip(CLASS_KEYS, classes, strict=True)),
        }


def _classes(content: Content) -> dict[str, int]:
    return dict(zip(CLASS_KEYS, content.counts().values(), strict=True))


def _by_kind(rows: npt.NDArray[np.void]) -> dict[str, int]:
    counts = np.bincount(rows["kind"], minlength=len(PageKind))
    return {f"{kind.name.lower()}_pages": int(counts[kind]) for kind in PageKind}

"""What changes along a run or a stream, as columns of numbers for a diagram."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from ..payload.page_log import PageKind
from ..reader.stream import Stream
from ..rules.threads import Side
from ..stream.events import EventKind
from ..timeline.timeline import Timeline
from .summary import is_decoded

_POINTS_LIMIT = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingSeries:
    """The pending figures of a run, one entry each time that they were reported; ``None`` where nothing said.

    Attributes:
        index: of the event.
        time_ms: since the migration's start, in milliseconds.
        must_precopy: bytes that must arrive before the destination starts.
        can_postcopy: bytes that may follow after that.
        threshold_bytes: what fits into the downtime limit.
        dirty_pages: pages that are dirty.
        iteration: number of the pass over RAM.
        exact: whether a synchronisation came before.
    """

    index: tuple[int, ...]
    time_ms: tuple[float, ...]
    must_precopy: tuple[int, ...]
    can_postcopy: tuple[int, ...]
    threshold_bytes: tuple[int | None, ...]
    dirty_pages: tuple[int | None, ...]
    iteration: tuple[int | None, ...]
    exact: tuple[bool, ...]


def pending_series(timeline: Timeline) -> PendingSeries:
    """The figures of the source's pending events, in their order."""
    pending = [
        (index, event)
        for index, event in enumerate(timeline.events)
        if event.event is EventKind.PENDING and event.side is Side.SOURCE and event.must_precopy is not None
    ]
    return PendingSeries(
        index=tuple(index for index, _ in pending),
        time_ms=tuple(event.time_us / 1000 for _, event in pending),
        must_precopy=tuple(event.must_precopy or 0 for _, event in pending),
        can_postcopy=tuple(event.can_postcopy or 0 for _, event in pending),
        threshold_bytes=tuple(event.threshold_bytes or None for _, event in pending),
        dirty_pages=tuple(event.dirty_pages for _, event in pending),
        iteration=tuple(event.iteration for _, event in pending),
        exact=tuple(event.name == "exact" for _, event in pending),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSize:
    """How much of a stream a device takes.

    Attributes:
        idstr: the device.
        instance_id: which of that idstr.
        sections: number of its sections.
        size_bytes: of all of them, headers and footers included.
        decoded: whether every byte of them is explained.
    """

    idstr: str
    instance_id: int
    sections: int
    size_bytes: int
    decoded: bool


def device_sizes(stream: Stream) -> list[DeviceSize]:
    """The devices of a stream, the largest first."""
    sizes = [
        DeviceSize(
            idstr=device.idstr,
            instance_id=device.instance_id,
            sections=len(device.sections),
            size_bytes=sum(section.span.length for section in device.sections),
            decoded=all(is_decoded(stream, section) for section in device.sections),
        )
        for device in stream.devices
    ]
    return sorted(sizes, key=lambda each: -each.size_bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSeries:
    """Pages of one block and kind in the order in which they were sent.

    Attributes:
        block: name of the RAM block.
        kind: how they lie in the stream.
        number: which page of the stream it was, from 0; shape (n,), int64.
        addr: in the block, in bytes; shape (n,), int64.
        total: how many there are; more than n if only every n-th was taken.
    """

    block: str
    kind: PageKind
    number: npt.NDArray[np.int64]
    addr: npt.NDArray[np.int64]
    total: int


def page_series(stream: Stream, *, points: int = _POINTS_LIMIT) -> list[PageSeries]:
    """The pages of a stream, for a map of address over order.

    Args:
        stream: the stream.
        points: of each series, no more than this many pages are taken, evenly spread.
    """
    rows = stream.pages.rows
    found: list[PageSeries] = []
    for index, block in enumerate(stream.blocks):
        for kind in PageKind:
            chosen = np.flatnonzero((rows["block"] == index) & (rows["kind"] == kind))
            total = len(chosen)
            if not total:
                continue
            chosen = chosen[:: max(-(-total // points), 1)]
            found.append(
                PageSeries(
                    block=block.name,
                    kind=kind,
                    number=chosen.astype(np.int64),
                    addr=rows["addr"][chosen].astype(np.int64),
                    total=total,
                )
            )
    return found


def times_sent(stream: Stream, block: str) -> npt.NDArray[np.int64]:
    """How often each page of a block was sent.

    Args:
        stream: the stream.
        block: name of the RAM block.

    Returns:
        Shape (pages,), a count for each page of the block.

    Raises:
        NotFound: there is no such block.
    """
    index = stream.block_index(block)
    pages = -(-stream.blocks[index].used_bytes // stream.page_size)
    addr = stream.pages.of_block(index)["addr"] // np.uint64(stream.page_size)
    return np.bincount(addr.astype(np.int64), minlength=pages)


def peaks(values: npt.NDArray[np.int64], most: int) -> tuple[npt.NDArray[np.int64], int]:
    """The highest value of each of some bins of equal size, so that a long series can be drawn and no peak is lost.

    Args:
        values: shape (n,).
        most: no more bins than this; at least 1.

    Returns:
        Shape (bins,), and how many values a bin has; the last one may have fewer.
    """
    size = max(-(-len(values) // most), 1)
    return np.maximum.reduceat(values, np.arange(0, len(values), size)) if len(values) else values, size


def kept_steps(series: PendingSeries, most: int) -> list[int]:
    """Which entries of a series to draw, so that none of its peaks and valleys is lost.

    Args:
        series: the figures of a run.
        most: about how many to keep; at least 2.

    Returns:
        Positions in the columns, ascending: all, or the lowest and the highest entry of each stretch.
    """
    total = np.array(series.must_precopy, dtype=np.float64) + np.array(series.can_postcopy, dtype=np.float64)
    if len(total) <= most:
        return list(range(len(total)))
    edges = np.linspace(0, len(total), most // 2 + 1, dtype=np.int64)
    found = {0, len(total) - 1}
    for start, end in pairwise(edges.tolist()):
        stretch = total[start:end]
        found |= {start + int(stretch.argmin()), start + int(stretch.argmax())}
    return sorted(found)

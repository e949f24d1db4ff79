"""What pages look like: the entropy of their bytes, and a few classes that it and the bytes themselves distinguish.

A class is what can be said of a page by its bytes alone. Machine code has none: without knowing where instructions
begin, nothing sets it apart from other tables and structures.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from ..errors import BadPayload
from ..payload.page_log import PageKind
from .page_table import PageTable
from .rebuild import BlockImage
from .unpack import Buffers, unpack_page


class ContentClass(IntEnum):
    """What a page's bytes are; the first that applies."""

    ZERO = 0
    """All bytes are zero."""
    REPEATED = 1
    """One word of 8 bytes over and over, not all zero."""
    SPARSE = 2
    """At least 7 of 8 bytes are zero."""
    TEXT = 3
    """At least 95 of 100 bytes that are not zero are printable ASCII or white space."""
    RANDOM = 4
    """An entropy of at least 7.5 bits a byte: compressed, encrypted, or random."""
    STRUCTURED = 5
    """None of these: code, tables, structures."""
    DIFFERENCE = 6
    """A sending that is no page but what changed of one (xbzrle)."""
    UNREADABLE = 7
    """A page that can't be unpacked."""


SPARSE_SHARE: Final = 7 / 8
"""Share of zero bytes from which on a page is sparse."""

TEXT_SHARE: Final = 0.95
"""Share of printable bytes among those that are not zero, from which on a page is text."""

RANDOM_BITS: Final = 7.5
"""Entropy in bits a byte from which on a page is random; x86 code has about 6, English text less than 5."""

_PRINTABLE: Final = np.array([*range(0x20, 0x7F), 0x09, 0x0A, 0x0D])
_STEP_BYTES: Final = 1 << 20
_COMPILED_FROM_BYTES: Final = 1 << 29
"""So many bytes take numpy longer to count than importing numba takes."""

CountBytes = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.int64]]
"""Of pages of shape (n, page size): how often each byte value comes in each, shape (n, 256)."""


@dataclass(frozen=True, slots=True)
class Content:
    """What some pages look like.

    Attributes:
        classes: a :class:`ContentClass` each; shape (n,), uint8.
        entropy: in bits a byte, 0 to 8; shape (n,), float32; NaN where there is no page.
    """

    classes: npt.NDArray[np.uint8]
    entropy: npt.NDArray[np.float32]

    def of(self, numbers: npt.NDArray[np.int64]) -> "Content":
        """That of some of the pages, by their indices among them."""
        return Content(self.classes[numbers], self.entropy[numbers])

    def counts(self) -> dict[ContentClass, int]:
        """How many pages are of each class; all classes are there."""
        found = np.bincount(self.classes, minlength=len(ContentClass))
        return {each: int(found[each]) for each in ContentClass}


def classify(pages: npt.NDArray[np.uint8], count_bytes: CountBytes | None = None) -> Content:
    """What pages look like.

    The entropy is that of the bytes' frequencies, corrected for the bias that few bytes bring (Miller and Madow): a
    random page of 1 KiB has one near 8, as one of 4 KiB has.

    Args:
        pages: shape (n, page size), contiguous.
        count_bytes: counts the bytes, see :func:`count_bytes_for`.

    Returns:
        For each page.
    """
    count, size = pages.shape
    classes = np.full(count, ContentClass.STRUCTURED, np.uint8)
    entropy = np.zeros(count, np.float32)
    words = pages.view("<u8")
    repeated = (words == words[:, :1]).all(axis=1)
    classes[repeated] = ContentClass.REPEATED
    classes[repeated & (words[:, 0] == 0)] = ContentClass.ZERO
    chosen = np.flatnonzero(classes != ContentClass.ZERO)
    if not len(chosen):
        return Content(classes, entropy)
    counted = pages[chosen] if len(chosen) < count else pages
    histogram = (count_bytes or _histograms)(counted)
    entropy[chosen] = _entropy(histogram, size)
    zeros = histogram[:, 0]
    printable = histogram[:, _PRINTABLE].sum(axis=1)
    # From the last rule to the first, so that the first that applies stays.
    for applies, name in (
        (entropy[chosen] >= RANDOM_BITS, ContentClass.RANDOM),
        (printable >= TEXT_SHARE * (size - zeros), ContentClass.TEXT),
        (zeros >= SPARSE_SHARE * size, ContentClass.SPARSE),
        (repeated[chosen], ContentClass.REPEATED),
    ):
        classes[chosen[applies]] = name
    return Content(classes, entropy)


def count_bytes_for(count: int, page_size: int) -> CountBytes:
    """What counts the bytes of pages: where there are enough of them, and numba is there, a compiled loop.

    Args:
        count: how many pages.
        page_size: bytes of a page.
    """
    if count * page_size >= _COMPILED_FROM_BYTES:
        try:
            from .content_compiled import histograms  # noqa: PLC0415 - numba is loaded for it
        except ImportError:
            return _histograms
        return histograms
    return _histograms


def _histograms(pages: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """How often each byte value comes in each page; shape (n, 256)."""
    count = len(pages)
    keys = pages.astype(np.int64)
    keys += (np.arange(count) * 256)[:, None]
    return np.bincount(keys.ravel(), minlength=count * 256).reshape(count, 256)


def _entropy(histogram: npt.NDArray[np.int64], size: int) -> npt.NDArray[np.float32]:
    terms = histogram * np.log2(np.maximum(histogram, 1))
    plain = np.log2(size) - terms.sum(axis=1) / size
    values = np.count_nonzero(histogram, axis=1)
    corrected = plain + (values - 1) / (2 * size * np.log(2))
    entropy: npt.NDArray[np.float32] = np.clip(corrected, 0, 8).astype(np.float32)
    return entropy


def classify_final(image: BlockImage, sendings: Content | None = None) -> Content:
    """What a block's final pages look like, those that were sent.

    Args:
        image: the block; its position is moved.
        sendings: what the sendings of ``image.final`` look like, if that is known: then only those pages are read
            that differences make.

    Returns:
        For each page of ``image.sent``.

    Raises:
        BadPayload: a page can't be unpacked.
    """
    size, sent = image.page_size, image.sent
    if sendings is None:
        content = Content(np.full(len(sent), ContentClass.ZERO, np.uint8), np.zeros(len(sent), np.float32))
        unknown = np.flatnonzero(image.final["kind"] != PageKind.ZERO)
    else:
        content = Content(sendings.classes.copy(), sendings.entropy.copy())
        unknown = np.flatnonzero(np.isin(sendings.classes, (ContentClass.DIFFERENCE, ContentClass.UNREADABLE)))
    step = max(_STEP_BYTES // size, 1)
    piece = bytearray(step * size)
    pages = np.frombuffer(piece, np.uint8).reshape(step, size)
    pieces = sent[unknown] // step
    count_bytes = count_bytes_for(len(unknown), size)
    for number in np.unique(pieces).tolist():
        first, end = np.searchsorted(pieces, (number, number + 1))
        image.seek(number * step * size)
        length = image.readinto(piece)
        piece[length:] = bytes(len(piece) - length)  # the block's last page may be cut
        chosen = unknown[first:end]
        _put(content, chosen, classify(pages[sent[chosen] % step], count_bytes))
    return content


def classify_sendings(pages: PageTable, buffers: Buffers, numbers: npt.NDArray[np.int64] | None = None) -> Content:
    """What each sending of a page looks like; a compressed one is unpacked, a difference is only named.

    Args:
        pages: the stream's pages.
        buffers: the bytes of each channel.
        numbers: which sendings, by their indices in the table; all if ``None``.

    Returns:
        For each sending; one that can't be unpacked is ``UNREADABLE``.
    """
    rows = pages.rows if numbers is None else pages.rows[numbers]
    content = _nothing(len(rows))
    content.classes[rows["kind"] == PageKind.XBZRLE] = ContentClass.DIFFERENCE
    content.classes[rows["kind"] == PageKind.ZERO] = ContentClass.ZERO
    content.entropy[rows["kind"] == PageKind.ZERO] = 0
    count_bytes = count_bytes_for(len(pages), pages.page_size)
    for chosen, step in _normal_pages(rows, buffers, pages.page_size):
        _put(content, chosen, classify(step, count_bytes))
    for chosen, step in _compressed_pages(rows, buffers, pages.page_size):
        _put(content, chosen, classify(step, count_bytes))
    return content


def _normal_pages(
    rows: npt.NDArray[np.void], buffers: Buffers, page_size: int
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]]:
    """The pages that lie bare in the stream, some at a time: their indices among the rows, and their bytes."""
    normal = rows["kind"] == PageKind.NORMAL
    if not normal.any():
        return  # without any page its size may be unknown
    step = max(_STEP_BYTES // page_size, 1)
    for channel in np.unique(rows["channel"][normal]).tolist():
        data = np.frombuffer(buffers[channel], np.uint8)
        windows = np.lib.stride_tricks.sliding_window_view(data, page_size)
        of_channel = np.flatnonzero(normal & (rows["channel"] == channel))
        for start in range(0, len(of_channel), step):
            chosen = of_channel[start : start + step]
            yield chosen, windows[rows["offset"][chosen].astype(np.int64)]


def _compressed_pages(
    rows: npt.NDArray[np.void], buffers: Buffers, page_size: int
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]]:
    """As :func:`_normal_pages`, those that are a zlib stream each; the ones that can be unpacked."""
    numbers = np.flatnonzero(rows["kind"] == PageKind.COMPRESSED)
    if not len(numbers):
        return
    step = max(_STEP_BYTES // page_size, 1)
    for start in range(0, len(numbers), step):
        chosen: list[int] = []
        unpacked = bytearray()
        for number in numbers[start : start + step].tolist():
            try:
                unpacked += unpack_page(buffers, rows[number : number + 1], page_size)
            except BadPayload:
                continue  # it stays UNREADABLE; ``check`` says what is wrong with it
            chosen.append(number)
        if chosen:
            yield np.array(chosen, np.int64), np.frombuffer(unpacked, np.uint8).reshape(-1, page_size)


def _nothing(count: int) -> Content:
    return Content(np.full(count, ContentClass.UNREADABLE, np.uint8), np.full(count, np.nan, np.float32))


def _put(content: Content, numbers: npt.NDArray[np.int64], some: Content) -> None:
    content.classes[numbers] = some.classes
    content.entropy[numbers] = some.entropy

"""Whether the channels that were given are all channels of one migration, each of them whole.

No channel says so itself: a multifd channel ends without a mark, and the main channel does not say how many there
are. The evidence is what they count, and the pages that nobody sent.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

from ..errors import BadPayload, StreamError
from ..memory.page_table import PageTable
from ..payload.page_log import PageKind
from ..rules.options import Capability
from ..stream.records import MultifdInitial, MultifdPacket, Record
from ..wire import MultifdFlag
from .payloads import Payloads


def check_channels(records: Sequence[Record], payloads: Payloads, pages: PageTable) -> Iterator[StreamError]:
    """Look for channels that are missing, given twice, cut, or of another migration.

    Args:
        records: of all channels.
        payloads: what consumed the main channel, read to its end.
        pages: of all channels.

    Yields:
        What is inconsistent.
    """
    ram, forgotten = payloads.ram, pages.final.not_sent_again
    if (
        ram is None
        or ram.hooks
        or any(block.mapped for block in ram.blocks)
        or Capability.X_IGNORE_SHARED in ram.capabilities
    ):
        unsent = 0  # there, pages that were not sent are no sign of anything
    else:
        unsent = pages.final.missing - forgotten
    if ram is None:
        return
    initials = [record for record in records if isinstance(record, MultifdInitial)]
    if initials:
        packets = [record for record in records if isinstance(record, MultifdPacket)]
        yield from _check_multifd(initials, packets)
        if unsent and not ram.flushes:
            yield _broken(f"{unsent} pages were never sent: a multifd channel is missing")
    elif ram.flushes and not any(block.mapped for block in ram.blocks):
        yield _broken(f"the main channel waits for multifd channels {ram.flushes} times, but none was given")
    elif unsent and pages.count(PageKind.ZERO) == len(pages) > 0:
        yield _broken(f"{unsent} pages were never sent, and none with content: the multifd channels are missing")
    if forgotten:
        yield _broken(
            f"{forgotten} pages were discarded for postcopy and not sent again: a channel is missing or cut"
        )


def _check_multifd(initials: list[MultifdInitial], packets: list[MultifdPacket]) -> Iterator[StreamError]:
    ids = sorted(each.channel_id for each in initials)
    if ids != list(range(len(ids))):
        yield _broken(f"multifd channels {', '.join(map(str, ids))}, expected each of 0 to {len(ids) - 1} once")
    if len({each.uuid for each in initials}) > 1:
        yield _broken("multifd channels with different UUIDs, of different migrations")
    twice = _repeated(each.packet_num for each in packets if each.normal_pages or each.zero_pages)
    if twice is not None:
        yield _broken(f"packet {twice} came on two multifd channels: one is of another migration")
    # A SYNC in 7.2 takes the number of a packet that its sender has not begun; the packet after repeats that of the
    # SYNC. So numbers may be missing and come twice, but each that was given out is one packet.
    numbers = [each.packet_num for each in packets if not each.flags & MultifdFlag.MULTIFD_FLAG_DEVICE_STATE]
    expected = max(numbers, default=-1) + 1
    if len(numbers) != expected:
        yield _broken(f"{len(numbers)} of {expected} multifd packets: a channel is missing or of another migration")


def _repeated(numbers: Iterator[int]) -> int | None:
    return next((number for number, count in Counter(numbers).items() if count > 1), None)


def _broken(message: str) -> BadPayload:
    return BadPayload(message, offset=0, section="all channels")

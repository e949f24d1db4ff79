"""Whether the channels that were given are all channels of one migration, each of them whole.

No channel says so itself: a multifd channel ends without a mark, and the main channel does not tell how many there
are. What tells is what they count, and the pages that nobody sent.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from ..errors import BadPayload, StreamError
from ..payload.page_log import PageKind, PageLog
from ..payload.ram import RamReader
from ..stream.records import MultifdInitial, MultifdPacket, Record
from ..wire import MultifdFlag
from .payloads import Payloads


def check_channels(records: Sequence[Record], payloads: Payloads, logs: Sequence[PageLog]) -> Iterator[StreamError]:
    """Look for channels that are missing, given twice, cut, or of another migration.

    Args:
        records: of all channels.
        payloads: what consumed the main channel, read to its end.
        logs: the pages of the main channel and of each multifd channel.

    Yields:
        What can't be right.
    """
    ram = payloads.ram
    if ram is None or any(block.mapped for block in ram.blocks) or "x-ignore-shared" in ram.capabilities:
        unsent = 0  # there, pages that were not sent are no sign of anything
    else:
        unsent = _never_sent(ram, logs)
    if ram is None:
        return
    initials = [record for record in records if isinstance(record, MultifdInitial)]
    if initials:
        packets = [record for record in records if isinstance(record, MultifdPacket)]
        yield from _check_multifd(initials, packets, every_has_a_number=bool(ram.flushes))
        if unsent and not ram.flushes:
            yield _broken(f"{unsent} pages were never sent: a multifd channel is missing")
    elif ram.flushes and not any(block.mapped for block in ram.blocks):
        yield _broken(f"the main channel waits for multifd channels {ram.flushes} times, but none was given")
    elif unsent and set(ram.pages.kind) == {PageKind.ZERO}:
        yield _broken(f"{unsent} pages were never sent, and none with content: the multifd channels are missing")
    forgotten = _never_sent_again(payloads, ram)
    if forgotten:
        yield _broken(
            f"{forgotten} pages were discarded for postcopy and not sent again: a channel is missing or cut"
        )


def _check_multifd(
    initials: list[MultifdInitial], packets: list[MultifdPacket], *, every_has_a_number: bool
) -> Iterator[StreamError]:
    ids = sorted(each.channel_id for each in initials)
    if ids != list(range(len(ids))):
        yield _broken(f"multifd channels {', '.join(map(str, ids))}, expected each of 0 to {len(ids) - 1} once")
    if len({each.uuid for each in initials}) > 1:
        yield _broken("multifd channels with different UUIDs, of different migrations")
    twice = _repeated(each.packet_num for each in packets if each.normal_pages or each.zero_pages)
    if twice is not None:
        yield _broken(f"packet {twice} came on two multifd channels: one is of another migration")
    if every_has_a_number:
        # Since there is MULTIFD_FLUSH; before, packets without pages repeat and skip numbers.
        numbers = {each.packet_num for each in packets if not each.flags & MultifdFlag.MULTIFD_FLAG_DEVICE_STATE}
        expected = max(numbers, default=-1) + 1
        if len(numbers) != expected:
            yield _broken(
                f"{len(numbers)} of {expected} multifd packets: a channel is missing or of another migration"
            )


def _repeated(numbers: Iterator[int]) -> int | None:
    return next((number for number, count in Counter(numbers).items() if count > 1), None)


def _never_sent(ram: RamReader, logs: Sequence[PageLog]) -> int:
    """Pages of all blocks that no channel sent."""
    pages = sum(-(-block.used_bytes // ram.page_size) for block in ram.blocks)
    sent = sum(
        len(np.unique(np.concatenate([np.asarray(log.addr)[np.asarray(log.block) == number] for log in logs])))
        for number in range(len(ram.blocks))
    )
    return pages - sent


def _never_sent_again(payloads: Payloads, ram: RamReader) -> int:
    """Pages that the destination was told to forget, and that nobody sent after that."""
    addrs, blocks = np.asarray(ram.pages.addr), np.asarray(ram.pages.block)
    names = {block.name: number for number, block in enumerate(ram.blocks)}
    missing = 0
    for discard in payloads.discards:
        if discard.block not in names:
            continue  # a name that the block list lacks is the destination's to refuse
        later = addrs[discard.pages_before :][blocks[discard.pages_before :] == names[discard.block]]
        sent = np.unique(later[(later >= discard.start) & (later < discard.start + discard.length)])
        missing += -(-discard.length // ram.page_size) - len(sent)
    return missing


def _broken(message: str) -> BadPayload:
    return BadPayload(message, offset=0, section="all channels")

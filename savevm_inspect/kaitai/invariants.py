"""What holds between the sections of a stream, and no format says: who is started once, and who ends in a footer."""

from collections.abc import Iterable, Iterator
from typing import Any

from ..errors import BadPayload, FooterMismatch, StreamError

_STARTED, _WHOLE = "section_start", "section_full"


def check_invariants(records: Iterable[Any]) -> Iterator[StreamError]:
    """What is wrong between the sections of a main channel, though each alone is well formed.

    Args:
        records: the records of its tree, in stream order.

    Yields:
        A section that is started again; a footer that is absent where others are there, or the other way round
        (a machine type sends all of them or none).
    """
    started: dict[int, tuple[str, int, str]] = {}
    sends_footers = True
    for record in records:
        kind = record.record_type.name
        if not kind.startswith("section_"):
            continue
        if kind in (_STARTED, _WHOLE):
            name = record.body.name
            head = (name.idstr, name.instance_id, kind)
            known = started.get(name.section_id)
            if known is not None and not _goes_on_whole(known, head):
                yield BadPayload(f"section {name.section_id} ({known[0]}) is started again", offset=record.ofs_start)
            started[name.section_id] = head
        has_footer = hasattr(record.body, "footer")
        if len(started) == 1 and kind != "section_part":
            sends_footers = has_footer
        if has_footer != sends_footers:
            found = (
                "a footer, though no section before has one" if has_footer else "no footer, though others have one"
            )
            yield FooterMismatch(f"the section ends with {found}", offset=record.ofs_end)


def _goes_on_whole(known: tuple[str, int, str], head: tuple[str, int, str]) -> bool:
    """Whether a FULL section is the last one of a device that iterated before, as VFIO's is."""
    return known[:2] == head[:2] and (known[2], head[2]) == (_STARTED, _WHOLE)

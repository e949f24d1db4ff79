"""XBZRLE: a page as the difference to what was sent before it (migration/xbzrle.c).

The encoding alternates runs: so many bytes stay, so many bytes follow. Lengths are ULEB128 of at most two bytes.
"""

_CONTINUES = 0x80
_LOW = 0x7F


def decode(delta: memoryview, page: bytearray) -> None:
    """Apply a difference to a page in place (xbzrle_decode_buffer).

    Args:
        delta: the encoded difference.
        page: what the page was; becomes what it is.

    Raises:
        ValueError: the encoding is cut, has an empty run, or runs past the page.
    """
    source = place = 0
    while source < len(delta):
        begins = source == 0
        kept, source = _length(delta, source)
        if not kept and not begins:
            raise ValueError("an empty run of bytes that stay")
        changed, source = _length(delta, source)
        if not changed:
            raise ValueError("an empty run of bytes that change")
        place += kept
        if place + changed > len(page):
            raise ValueError(f"a run up to {place + changed} in a page of {len(page)} bytes")
        if source + changed > len(delta):
            raise ValueError("a run that is cut")
        page[place : place + changed] = delta[source : source + changed]
        place += changed
        source += changed


def encode(old: bytes, new: bytes) -> bytes:
    """Write the difference of two pages (xbzrle_encode_buffer).

    Args:
        old: what the page was.
        new: what it is; as long as ``old``, at most 16383 bytes.

    Returns:
        The encoded difference; empty if there is none.
    """
    out = bytearray()
    place, end = 0, len(new)
    while True:
        start = place
        while place < end and old[place] == new[place]:
            place += 1
        if place == end:
            return bytes(out)
        kept, start = place - start, place
        while place < end and old[place] != new[place]:
            place += 1
        out += _uleb128(kept) + _uleb128(place - start) + new[start:place]


def _length(data: memoryview, place: int) -> tuple[int, int]:
    if place >= len(data):
        raise ValueError("a length that is missing")
    first = data[place]
    if not first & _CONTINUES:
        return first, place + 1
    if place + 1 >= len(data) or data[place + 1] & _CONTINUES:
        raise ValueError("a length that does not end")
    return first & _LOW | data[place + 1] << 7, place + 2


def _uleb128(value: int) -> bytes:
    return bytes((value,)) if value <= _LOW else bytes((value & _LOW | _CONTINUES, value >> 7))

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
    source = pos = 0
    while source < len(delta):
        begins = source == 0
        kept, source = _length(delta, source)
        if not kept and not begins:
            raise ValueError("an empty run of bytes that stay")
        changed, source = _length(delta, source)
        if not changed:
            raise ValueError("an empty run of bytes that change")
        pos += kept
        if pos + changed > len(page):
            raise ValueError(f"a run up to {pos + changed} in a page of {len(page)} bytes")
        if source + changed > len(delta):
            raise ValueError("a run that is cut")
        page[pos : pos + changed] = delta[source : source + changed]
        pos += changed
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
    pos, end = 0, len(new)
    while True:
        start = pos
        while pos < end and old[pos] == new[pos]:
            pos += 1
        if pos == end:
            return bytes(out)
        kept, start = pos - start, pos
        while pos < end and old[pos] != new[pos]:
            pos += 1
        out += _uleb128(kept) + _uleb128(pos - start) + new[start:pos]


def _length(data: memoryview, pos: int) -> tuple[int, int]:
    if pos >= len(data):
        raise ValueError("a length that is missing")
    first = data[pos]
    if not first & _CONTINUES:
        return first, pos + 1
    if pos + 1 >= len(data) or data[pos + 1] & _CONTINUES:
        raise ValueError("a length that does not end")
    return first & _LOW | data[pos + 1] << 7, pos + 2


def _uleb128(value: int) -> bytes:
    return bytes((value,)) if value <= _LOW else bytes((value & _LOW | _CONTINUES, value >> 7))

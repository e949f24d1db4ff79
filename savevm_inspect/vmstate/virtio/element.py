"""A request that the guest made and the device has not answered yet (hw/virtio/virtio.c, qemu_put_virtqueue_element).

QEMU writes a structure of the host's as it lies in memory: 49168 bytes in the host's byte order, whatever the request
needs of them. With a packed ring the number of descriptors stands before it.
"""

from ..coder import Coder

_SEGMENTS_MAX = 1024
_HEADER_BYTES = 16
_QUEUE_SIZE_MAX = 1 << 15
_BYTE_ORDERS = {"elem": "little", "elem_be": "big"}


def element(coder: Coder) -> None:
    """An element of a queue, of a host of either byte order."""
    if coder.has("ndescs", lambda data: not _begins(data) and _begins(data[4:])):
        coder.number("ndescs", "uint32", most=_QUEUE_SIZE_MAX)
    if coder.has("elem", lambda data: _is_header(data, "little")):
        _element(coder, "elem", "le32", "le64")
    else:
        _element(coder, "elem_be", "uint32", "uint64")


def _element(coder: Coder, name: str, word: str, double: str) -> None:
    with coder.inside(name):
        coder.number("index", word, most=_QUEUE_SIZE_MAX)
        segments = {
            "out": coder.count("out_num", word, most=_SEGMENTS_MAX),
            "in": coder.count("in_num", word, most=_SEGMENTS_MAX),
        }
        coder.buffer("padding", 4)
        for direction in ("in", "out"):
            used = segments[direction]
            coder.numbers(f"{direction}_addr", double, used)
            coder.buffer(f"{direction}_addr_unused", (_SEGMENTS_MAX - used) * 8)
        for direction in ("in", "out"):
            used = segments[direction]
            coder.table(f"{direction}_sg", used, ("iov_base", double), ("iov_len", double))
            coder.buffer(f"{direction}_sg_unused", (_SEGMENTS_MAX - used) * 16)


def _begins(data: memoryview) -> bool:
    return any(_is_header(data, order) for order in _BYTE_ORDERS.values())


def _is_header(data: memoryview, order: str) -> bool:
    """Whether bytes can be the header of an element: index, two counts, padding."""
    if len(data) < _HEADER_BYTES:
        return False
    index, out_num, in_num, padding = (
        int.from_bytes(data[at : at + 4], "little" if order == "little" else "big") for at in range(0, 16, 4)
    )
    return index < _QUEUE_SIZE_MAX and out_num <= _SEGMENTS_MAX and in_num <= _SEGMENTS_MAX and not padding

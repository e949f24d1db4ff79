"""The content of a virtio GPU: resources with their pixels, and scanouts (hw/display/virtio-gpu.c)."""

from functools import partial

from ..coder import Coder, FieldContext

_PIXEL_BYTES = 4
_SCANOUTS_MAX = 16
_SCANOUT_BYTES = 40
_FRAMEBUFFER_BYTES = 24
_FORMATS = frozenset((0, 1, 2, 3, 4, 67, 68, 121, 134))
_SCANOUT = (
    ("resource_id", "uint32"),
    ("width", "uint32"),
    ("height", "uint32"),
    ("x", "int32"),
    ("y", "int32"),
    ("cursor.resource_id", "uint32"),
    ("cursor.hot_x", "uint32"),
    ("cursor.hot_y", "uint32"),
    ("cursor.pos.x", "uint32"),
    ("cursor.pos.y", "uint32"),
)
_FRAMEBUFFER = (
    ("bytes_pp", "uint32"),
    ("width", "uint32"),
    ("height", "uint32"),
    ("stride", "uint32"),
    ("offset", "uint32"),
)


def gpu(coder: Coder, _context: FieldContext) -> None:
    """virtio_gpu_save. All pixel formats have 32 bits a pixel, and rows have no padding."""
    for _ in coder.marked("resource", mark="resource_id", kind="uint32"):
        width, height = coder.count("width"), coder.count("height")
        coder.number("format")
        _backing(coder)
        coder.buffer("pixels", width * height * _PIXEL_BYTES)
    coder.number("enable", "int32")
    count = coder.count("max_outputs", most=_SCANOUTS_MAX)
    for index, _ in enumerate(coder.indices("scanout", count)):
        coder.record(*_SCANOUT)
        if coder.has("fb", partial(_has_framebuffer, count - index - 1)):
            with coder.inside("fb"):
                coder.number("format")
                coder.record(*_FRAMEBUFFER)


def blob_resources(coder: Coder, _context: FieldContext) -> None:
    """virtio_gpu_blob_save: resources that lie in guest memory."""
    for _ in coder.marked("resource", mark="resource_id", kind="uint32"):
        coder.number("blob_size")
        _backing(coder)


def _backing(coder: Coder) -> None:
    """The guest memory of a resource."""
    coder.table("iov", coder.count("iov_cnt"), ("addr", "uint64"), ("iov_len", "uint32"))


def _has_framebuffer(after: int, data: memoryview) -> bool:
    """Whether a scanout goes on with its framebuffer.

    From version 2 of the state on it should (``x-scanout-vmstate-version``); but QEMU looks for the version relative
    to the scanout, which is right for the first one only. So each later one has it or not, by what lies there in
    memory.

    Args:
        after: number of scanouts that follow this one.
        data: the field's bytes from here on.
    """
    spare = len(data) - after * _SCANOUT_BYTES
    if not 0 < spare <= (after + 1) * _FRAMEBUFFER_BYTES:
        return False
    if spare == (after + 1) * _FRAMEBUFFER_BYTES:
        return True
    words = [int.from_bytes(data[at : at + 4]) for at in range(0, _FRAMEBUFFER_BYTES, 4)]
    return not any(words) or (words[0] in _FORMATS and words[1] == _PIXEL_BYTES)

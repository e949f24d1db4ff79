"""Snapshots of xemu, an emulator of the Xbox: a picture and other things of its own before the migration stream.

The header is a magic, a version and a length, 32 bits each and big-endian; that many bytes follow, then the stream.
"""

from struct import Struct

from ..errors import Truncated
from .magic import XEMU_MAGIC
from .opened import Opened, Request, unpack

_HEADER = Struct(">II")


def skip_xemu(request: Request) -> Opened:
    """Step over the header.

    Args:
        request: the VM state, from its magic on.

    Raises:
        Truncated: it ends within the header.
    """
    version, length = unpack(_HEADER, request.view, len(XEMU_MAGIC), "the header of an xemu snapshot")
    start = len(XEMU_MAGIC) + _HEADER.size
    if length > len(request.view) - start:
        raise Truncated(
            f"the header of an xemu snapshot claims {length} bytes, {len(request.view) - start} are left", offset=4
        )
    return Opened(
        container="",
        buffer=request.view,
        offset=start + length,
        facts={"xemu_version": version, "xemu_header_bytes": start + length},
    )

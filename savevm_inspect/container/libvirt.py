"""libvirt save images: what ``virsh save`` and managed saves write around a stream.

A header in the byte order of the host that wrote it, the domain's XML, a cookie (XML too), zero padding up to the
data, and the stream, possibly compressed (libvirt: src/qemu/qemu_saveimage.h, qemu_saveimage.c). The XML is text
here: nothing parses it, so nothing in it is expanded.
"""

import re
from struct import Struct
from typing import Final, NamedTuple

from ..errors import BadPayload, StreamError, Truncated, Unsupported
from .compression import UNPACKERS, spool_pieces
from .magic import QEMU_SAVE_MAGIC, QEMU_SAVE_PARTIAL
from .opened import Fact, Opened, Request, unpack
from .spool import Spool

QEMU_SAVE_VERSION: Final = 2

SAVE_FORMATS: Final = ("raw", "gzip", "bzip2", "xz", "lzop", "zstd", "sparse")
"""virQEMUSaveFormat, in the order of its numbers."""

MAX_DOCUMENT_BYTES: Final = 16 << 20
"""libvirt's own calls carry XML of 4 MiB at most."""

_MAGIC_BYTES: Final = len(QEMU_SAVE_MAGIC)
_FIELDS: Final = "5I56x"
_ORDERS: Final = {"little": Struct("<" + _FIELDS), "big": Struct(">" + _FIELDS)}
_DATA_START: Final = _MAGIC_BYTES + _ORDERS["little"].size
_NAME: Final = re.compile(r"<name>([^<]{1,255})</name>")


class VirQEMUSaveHeader(NamedTuple):
    """The numbers of virQEMUSaveHeader, after its magic.

    Attributes:
        version: 1 or 2; before 2 nothing was compressed.
        data_len: bytes of XML, cookie and padding together.
        was_running: whether the domain is to run when it is restored.
        compressed: index into :data:`SAVE_FORMATS`; today's libvirt calls it ``format``.
        cookieOffset: where in those bytes the cookie starts; 0: there is none.
    """

    version: int
    data_len: int
    was_running: int
    compressed: int
    cookieOffset: int  # noqa: N815 - libvirt's name


def read_header(view: memoryview) -> tuple[str, VirQEMUSaveHeader]:
    """Read a save image's header.

    Args:
        view: the image, from its magic on.

    Returns:
        The byte order that it is in, ``little`` or ``big``, and its numbers.

    Raises:
        Truncated: the image ends before the header or the data does.
        Unsupported: its version or its format is unknown.
        BadPayload: a length in it is invalid.
    """
    for order, struct in _ORDERS.items():  # noqa: B007 - used after the loop
        header = VirQEMUSaveHeader(*unpack(struct, view, _MAGIC_BYTES, "the libvirt header"))
        if 1 <= header.version <= QEMU_SAVE_VERSION:
            break
    else:
        version = bytes(view[_MAGIC_BYTES : _MAGIC_BYTES + 4]).hex()
        raise Unsupported(
            f"libvirt save image with version bytes {version}, expected 1 or 2 in either byte order",
            offset=_MAGIC_BYTES,
        )
    fault = _fault(header, len(view) - _DATA_START)
    if fault is not None:
        raise fault
    return order, header


def _fault(header: VirQEMUSaveHeader, left_bytes: int) -> StreamError | None:
    offset = {name: _MAGIC_BYTES + 4 * index for index, name in enumerate(header._fields)}
    if not header.data_len:
        return BadPayload("the libvirt header gives its XML no bytes (data_len 0)", offset=offset["data_len"])
    if header.cookieOffset > header.data_len:
        return BadPayload(
            f"the libvirt header puts the cookie at {header.cookieOffset}, after its {header.data_len} bytes",
            offset=offset["cookieOffset"],
        )
    if header.data_len > left_bytes:
        return Truncated(
            f"the libvirt header puts {header.data_len} bytes before the stream, {left_bytes} are left in the file",
            offset=offset["data_len"],
        )
    if header.version >= QEMU_SAVE_VERSION and header.compressed >= len(SAVE_FORMATS):
        return Unsupported(f"libvirt save format {header.compressed} is not known", offset=offset["compressed"])
    return None


def open_libvirt(request: Request) -> Opened:
    """Open a libvirt save image.

    Args:
        request: the image, from its magic on.

    Returns:
        Its stream. ``offset`` is 0 but for the sparse format: mapped-ram counts from the start of the file, so the
        buffer is the whole file. ``documents`` has ``domain`` and, if there is one, ``cookie``.

    Raises:
        StreamError: as :func:`read_header`; or there is no library for the compression, or it unpacks to too much.
    """
    view = request.view
    order, header = read_header(view)
    partial = bytes(view[:_MAGIC_BYTES]) == QEMU_SAVE_PARTIAL
    data_offset = _DATA_START + header.data_len
    documents = _documents(view, header)
    name = SAVE_FORMATS[header.compressed] if header.version >= QEMU_SAVE_VERSION else "raw"
    facts: dict[str, Fact] = {
        "compression": name,
        "version": header.version,
        "byte_order": order,
        "was_running": bool(header.was_running),
        "partial": partial,
        "domain_xml_bytes": len(documents["domain"].encode("utf-8", "surrogateescape")),
        "data_offset": data_offset,
        "packed_bytes": len(view) - data_offset,
    }
    if found := _NAME.search(documents["domain"]):
        facts["domain"] = found[1]
    note = "libvirt did not finish this image: it is marked as partial"
    buffer, offset, problem = view[data_offset:], 0, None
    if name == "sparse":
        buffer, offset = view, data_offset
    elif name in UNPACKERS:
        spool = Spool(request.resources, packed_bytes=len(buffer))
        problem = spool_pieces(UNPACKERS[name](buffer), spool)
        buffer = spool.view()
    return Opened(
        container="libvirt",
        buffer=buffer,
        offset=offset,
        facts=facts,
        documents=documents,
        notes=(note,) if partial else (),
        problems=(problem,) if problem else (),
    )


def _documents(view: memoryview, header: VirQEMUSaveHeader) -> dict[str, str]:
    end = _DATA_START + header.data_len
    cookie = _DATA_START + header.cookieOffset if header.cookieOffset else end
    documents = {"domain": _text(view, _DATA_START, cookie, "domain XML")}
    if cookie < end:
        documents["cookie"] = _text(view, cookie, end, "cookie")
    return documents


def _text(view: memoryview, start: int, end: int, what: str) -> str:
    """A text up to its terminating zero; what is not UTF-8 in it stays recognisable."""
    raw = bytes(view[start : min(end, start + MAX_DOCUMENT_BYTES)])
    length = raw.find(b"\0")
    if length < 0 and end - start > MAX_DOCUMENT_BYTES:
        raise BadPayload(f"the libvirt {what} is longer than {MAX_DOCUMENT_BYTES} bytes", offset=start)
    return raw[: length if length >= 0 else None].decode("utf-8", "surrogateescape")

"""Types of a redirected USB device (hw/usb/redirect.c)."""

from .coder import Coder, FieldContext


def parser(coder: Coder, _context: FieldContext) -> None:
    """The state of the usbredir library's parser, in its own serialization (usbredir_put_parser)."""
    coder.buffer("data", coder.count("length"))


def buffered_packets(coder: Coder, _context: FieldContext) -> None:
    """Packets that wait for the guest (usbredir_put_bufpq)."""
    for _ in coder.indices("packet", coder.count("bufpq_size")):
        length = coder.count("len")
        coder.number("status")
        coder.buffer("data", length)


def packet_ids(coder: Coder, _context: FieldContext) -> None:
    """Identifiers of packets (usbredir_put_packet_id_q)."""
    coder.numbers("id", "uint64", coder.count("size"))

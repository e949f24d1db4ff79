"""Bytes that come with their length before them, one run or several."""

from .coder import Coder, FieldContext


def run(coder: Coder, _context: FieldContext) -> None:
    """A length and as many bytes."""
    coder.buffer("data", coder.count("length"))


def chunks(coder: Coder, name: str) -> None:
    """Chunks up to one of length 0 (hw/virtio/vhost.c, vhost_save_backend_state)."""
    for length in coder.marked(name, mark="length", kind="uint32"):
        coder.buffer("data", length)


def backend_state(coder: Coder, _context: FieldContext) -> None:
    """The state of a vhost-user back end, in chunks."""
    chunks(coder, "chunk")

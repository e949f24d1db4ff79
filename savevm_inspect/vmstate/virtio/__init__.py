"""The ``virtio`` field: transport, queues, device and subsections, which no description describes.

A virtio device saves itself with code of its own and leaves the description one field with a size
(hw/virtio/virtio.c, virtio_save).
"""

from ..coder import Coder, FieldContext
from .devices import OWN_STATE, Core, nothing
from .features import names
from .transport import QUEUE_MAX, VirtioTransport, saved_by_transport


def virtio(coder: Coder, context: FieldContext) -> None:
    """A whole ``virtio`` field."""
    device = context.device.name
    carrier = saved_by_transport(coder)
    coder.record(("status", "uint8"), ("isr", "uint8"), ("queue_sel", "uint16"))
    features = coder.number("guest_features_lo", meaning=lambda bits: names(device, bits))
    coder.buffer("config", coder.count("config_len"))
    queues = coder.count("num_queues", most=QUEUE_MAX)
    for _ in coder.indices("vq", queues):
        _queue(coder, carrier)
    with coder.inside("device"):
        own = OWN_STATE.get(device, nothing)
        own(coder, Core(guest_features=features, queues=queues, version=context.device.version))
    _subsections(coder, carrier, device)


def _queue(coder: Coder, carrier: VirtioTransport) -> None:
    coder.number("vring.num")
    if carrier.queue_align:
        coder.number("vring.align")
    coder.record(("vring.desc", "uint64"), ("last_avail_idx", "uint16"))
    if carrier.queue_vector:
        coder.number("vector", "uint16")


def _subsections(coder: Coder, carrier: VirtioTransport, device: str) -> None:
    """hw/virtio/virtio.c, vmstate_virtio."""
    coder.subsection("virtio/device_endian", lambda coder, _: coder.number("device_endian", "uint8"))
    coder.subsection(
        "virtio/128bit_features",
        lambda coder, _: coder.number(
            "guest_features_ex[1]", "uint64", meaning=lambda bits: names(device, bits, first_bit=64)
        ),
    )
    coder.subsection(
        "virtio/64bit_features",
        lambda coder, _: coder.number("guest_features", "uint64", meaning=lambda bits: names(device, bits)),
    )
    coder.subsection(
        "virtio/virtqueues",
        lambda coder, _: coder.table("vq", QUEUE_MAX, ("vring.avail", "uint64"), ("vring.used", "uint64")),
    )
    coder.subsection("virtio/ringsize", lambda coder, _: coder.numbers("vring.num_default", "uint32", QUEUE_MAX))
    coder.subsection("virtio/broken", lambda coder, _: coder.number("broken", "bool"))
    coder.subsection("virtio/extra_state", lambda coder, _: carrier.extra_state(coder))
    coder.subsection("virtio/started", lambda coder, _: coder.number("started", "bool"))
    coder.subsection("virtio/packed_virtqueues", _packed_queues)
    coder.subsection("virtio/disabled", lambda coder, _: coder.number("disabled", "bool"))


def _packed_queues(coder: Coder, _version: int) -> None:
    coder.table(
        "vq",
        QUEUE_MAX,
        ("last_avail_idx", "uint16"),
        ("last_avail_wrap_counter", "bool"),
        ("used_idx", "uint16"),
        ("used_wrap_counter", "bool"),
        ("inuse", "uint32"),
    )

"""qcow2 images: the VM state of an internal snapshot, which ``savevm`` writes after the disk's end.

The VM state is addressed like more disk: its first byte belongs to the first L1 entry that no byte of the disk
needs (block/qcow2.h, qcow2_vm_state_offset), by the size that the disk had at the snapshot. Offsets of records
and errors of the stream count within the VM state; errors of the image itself count in the file.
"""

from collections.abc import Iterator
from itertools import chain

from ..errors import BadPayload, StreamError, Truncated
from .compression import spool_pieces
from .opened import Opened, Request
from .qcow2_clusters import Extent, vm_state
from .qcow2_header import choose_snapshot, read_image, read_snapshots
from .spool import Spool


def open_qcow2(request: Request) -> Opened:
    """Open the VM state of an internal snapshot.

    Args:
        request: the image, from its magic on, and which snapshot of it.

    Returns:
        The VM state: a slice of the image if its clusters follow each other, else spooled to a temporary file.

    Raises:
        NotFound: the snapshot is not there, is one of several, or has no VM state.
        StreamError: the image can't be read, or not here; ``offset`` counts in the image.
    """
    image = read_image(request.view)
    snapshots = read_snapshots(image)
    snapshot = choose_snapshot(snapshots, request.snapshot)
    buffer, problem = _gather(vm_state(image, snapshot), snapshot.vm_state_size, request)
    return Opened(
        container="qcow2",
        buffer=buffer,
        facts={
            "version": image.version,
            "snapshot": snapshot.name,
            "snapshot_id": snapshot.id,
            "snapshots": len(snapshots),
            "date_sec": snapshot.date_sec,
            "vm_clock_nsec": snapshot.vm_clock_nsec,
            "vm_state_size": snapshot.vm_state_size,
            "disk_size": snapshot.disk_size,
            "cluster_bytes": image.cluster_bytes,
            "extended_l2": image.extended_l2,
            "compression": image.compression,
        },
        notes=("the qcow2 image is marked as corrupt",) if image.corrupt else (),
        problems=(problem,) if problem else (),
    )


def _gather(extents: Iterator[Extent], length: int, request: Request) -> tuple[memoryview, StreamError | None]:
    """One view of all extents; a copy only where they do not follow each other in the file."""
    try:
        first = next(extents)
    except (Truncated, BadPayload) as error:
        return memoryview(b""), error
    if isinstance(first, range) and len(first) == length:
        return request.view[first.start : first.stop], None
    spool = Spool(request.resources, packed_bytes=len(request.view))
    problem = spool_pieces(
        (
            request.view[extent.start : extent.stop] if isinstance(extent, range) else extent
            for extent in chain((first,), extents)
        ),
        spool,
    )
    return spool.view(), problem

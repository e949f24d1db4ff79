"""The devices of QEMU 10.2 that have callbacks and iterate, and which of them each has.

Of migration/ram.c, migration/block-dirty-bitmap.c, hw/ppc/spapr.c and hw/s390x/s390-stattrib.c; VFIO's names hold the
path of the device.
"""

from collections.abc import Mapping
from typing import Final

_ITERATES: Final = ("save_setup", "save_live_iterate", "save_complete", "save_cleanup", "load_state")
_PENDING: Final = ("state_pending_estimate", "state_pending_exact")

DEVICE_OPS: Final[Mapping[str, frozenset[str]]] = {
    "ram": frozenset(
        (
            *_ITERATES,
            *_PENDING,
            "has_postcopy",
            "save_postcopy_prepare",
            "load_setup",
            "load_cleanup",
            "resume_prepare",
        )
    ),
    "dirty-bitmap": frozenset((*_ITERATES, *_PENDING, "has_postcopy", "is_active", "is_active_iterate")),
    "spapr/htab": frozenset(_ITERATES),
    "s390-storage_attributes": frozenset((*_ITERATES, *_PENDING, "is_active")),
}
"""idstr -> its callbacks."""

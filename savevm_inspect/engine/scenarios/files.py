"""Migrations into files, and snapshots."""

from typing import Final

from ...rules.options import Capability
from ..play.scenario import Scenario
from ..play.transport import Transport
from .parts import PC_DEVICES, WRITER, scenario

_C = Capability

FILE: Final[tuple[Scenario, ...]] = (
    scenario(
        name="file",
        title="A migration into a file",
        teaches="The same stream, read by a destination that is started later.",
        workload=WRITER,
        transport=Transport.FILE,
    ),
    scenario(
        name="mapped-ram",
        title="Each page at a fixed offset in a file",
        teaches=(
            "A page that is sent again overwrites itself, so that the file grows no longer than the memory; bitmaps "
            "say which pages are there."
        ),
        workload=WRITER,
        capabilities=frozenset({_C.MAPPED_RAM}),
        transport=Transport.FILE,
    ),
    scenario(
        name="background-snapshot",
        title="The state of one moment, while the guest runs on",
        teaches=(
            "The devices are saved first and written last. A page goes out before the guest writes to it for the "
            "first time; the guest waits for just that long."
        ),
        workload=WRITER,
        devices=PC_DEVICES,
        capabilities=frozenset({_C.BACKGROUND_SNAPSHOT}),
        transport=Transport.FILE,
    ),
    scenario(
        name="savevm",
        title="A snapshot with the VM stopped",
        teaches=(
            "One thread does it all, under the lock. Nobody asks what is pending: each device has its turns until "
            "all of them are done."
        ),
        workload=WRITER,
        transport=Transport.SNAPSHOT,
    ),
)

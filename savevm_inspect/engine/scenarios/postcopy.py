"""Migrations whose guest moves before its memory does."""

from dataclasses import replace
from typing import Final

from ...rules.options import Capability
from ...rules.status import MigrationStatus
from ..play.scenario import Scenario
from ..play.script import Step, UserAction
from .parts import BITMAPS, DISKS, POSTCOPY, TO_POSTCOPY, WRITER, scenario

_C = Capability
_S = MigrationStatus

LATE: Final[tuple[Scenario, ...]] = (
    scenario(
        name="postcopy",
        title="A guest that moves before its memory does",
        teaches=(
            "Halfway through, the VM stops here and goes on there. What it touches and has not come yet it waits "
            "for, page by page, while the rest follows."
        ),
        workload=WRITER,
        latency_us=2000,
        capabilities=frozenset({_C.POSTCOPY_RAM}),
        parameters=POSTCOPY,
        script=(TO_POSTCOPY,),
    ),
    scenario(
        name="postcopy-preempt",
        title="Urgent pages overtake the others",
        teaches=(
            "Pages that the destination asks for go over a channel of their own, sent by the thread that hears the "
            "request; they need not queue behind those that nobody asked for."
        ),
        workload=WRITER,
        latency_us=2000,
        capabilities=frozenset({_C.POSTCOPY_RAM, _C.POSTCOPY_PREEMPT}),
        parameters=POSTCOPY,
        script=(TO_POSTCOPY,),
    ),
    scenario(
        name="postcopy-recover",
        title="A connection that breaks in postcopy",
        teaches=(
            "Now neither side has all of the memory, and there is no way back. Both pause; over a new connection "
            "the destination says what it has, and the rest follows."
        ),
        workload=WRITER,
        latency_us=2000,
        capabilities=frozenset({_C.POSTCOPY_RAM}),
        parameters=replace(POSTCOPY, max_postcopy_bandwidth_bytes_per_s=2_000_000),
        script=(
            TO_POSTCOPY,
            Step(do=UserAction.NETWORK_FAILS, status=_S.POSTCOPY_ACTIVE, after_us=50_000),
            Step(do=UserAction.MIGRATE_RECOVER, status=_S.POSTCOPY_PAUSED, after_us=100_000),
        ),
    ),
    scenario(
        name="postcopy-paused",
        title="A postcopy that nobody recovers",
        teaches="Both sides wait, for ever if they must: to give up would be to lose the guest.",
        workload=WRITER,
        latency_us=2000,
        capabilities=frozenset({_C.POSTCOPY_RAM, _C.POSTCOPY_PREEMPT}),
        parameters=POSTCOPY,
        script=(TO_POSTCOPY, Step(do=UserAction.MIGRATE_PAUSE, status=_S.POSTCOPY_ACTIVE, after_us=20_000)),
        ends=_S.POSTCOPY_PAUSED,
    ),
    scenario(
        name="postcopy-bitmaps",
        title="Bitmaps that follow late, memory that does not",
        teaches="Only what can follow late is left for postcopy: here that is the disks' bitmaps and nothing else.",
        disks=DISKS,
        bitmaps=BITMAPS,
        capabilities=frozenset({_C.DIRTY_BITMAPS}),
        script=(TO_POSTCOPY,),
    ),
)

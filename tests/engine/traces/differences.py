"""Where the course of a real QEMU is not that of the engine, which plays its version (rules.compat).

Each row rewrites what the engine did into what that QEMU did.

A row's patterns are over lines of text, one an event, of one thread, as :mod:`.compare` makes them.
"""

from dataclasses import dataclass
from typing import Final

from savevm_inspect.rules.threads import Side, Thread


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One row.

    Attributes:
        versions: of QEMU.
        event: what is different.
        here: what 10.2 does, and the engine.
        there: what that QEMU did.
        upstream: functions, and since which version or why.
        side: which end.
        thread: which of its threads.
        engine: pattern of the engine's lines, with `^` at the beginning of each.
        qemu: what stands there instead; a line that ends in `*` leaves its figures open.
        kinds: of captures; empty for all.
    """

    versions: tuple[str, ...]
    event: str
    here: str
    there: str
    upstream: str
    side: Side
    thread: Thread
    engine: str
    qemu: str
    kinds: tuple[str, ...] = ()

    def applies(self, version: str, kind: str, side: Side) -> bool:
        """Whether it speaks of a capture's end."""
        return version in self.versions and side is self.side and (not self.kinds or kind in self.kinds)


_SOURCE: Final = Side.SOURCE
_DESTINATION: Final = Side.DESTINATION
_POSTCOPY: Final = ("postcopy", "postcopy-recover")
_PRECOPY: Final = ("precopy", "xbzrle", "multifd", "tofile")

_AFTER: Final = "after 10.2; by the trace alone"

DIFFERENCES_FROM_10_2: Final[tuple[Difference, ...]] = (
    Difference(
        versions=("7.2", "10.0"),
        event="SHUT at the end of postcopy",
        here="the main thread cleans up and sends it",
        there="it does not",
        upstream="7b842fe354, 10.2: postcopy_listen_thread_bh",
        side=_DESTINATION,
        thread=Thread.MAIN,
        engine=r"^answer MIG_RP_MSG_SHUT\n",
        qemu="",
        kinds=_POSTCOPY,
    ),
    Difference(
        versions=("7.2", "10.0"),
        event="SHUT at the end of postcopy",
        here="the listen thread has ended",
        there="the listen thread cleans up and sends it",
        upstream="7b842fe354, 10.2: postcopy_listen_thread_bh",
        side=_DESTINATION,
        thread=Thread.LISTEN,
        engine=r"^state completed\n\Z",
        qemu="state completed\nanswer MIG_RP_MSG_SHUT\n",
        kinds=_POSTCOPY,
    ),
    Difference(
        versions=("10.0",),
        event="pending at the end of postcopy",
        here="the estimate alone: nothing left ends it",
        there="exact figures are asked for, too, below the threshold",
        upstream="7aaa1fc072, 10.1: migration_iteration_run",
        side=_SOURCE,
        thread=Thread.MIGRATION,
        engine=r"^(pending estimate 0 0\n)(?=section begins ram\nsection end ram )",
        qemu=r"\1pending exact 0 0\n",
        kinds=_POSTCOPY,
    ),
    Difference(
        versions=("10.0", "11.1"),
        event="section whose footer is lost",
        here="reported when it is whole, which it never is",
        there="reported when it begins; its footer was in the source's buffer when the connection broke",
        upstream="qemu_loadvm_section_part_end, check_section_footer; the engine fails at the same footer",
        side=_DESTINATION,
        thread=Thread.LISTEN,
        engine=r"^(section part ram\n)(?=state postcopy-paused\n)",
        qemu=r"\1\1",
        kinds=("postcopy-recover",),
    ),
    Difference(
        versions=("10.0", "11.1"),
        event="RECV_BITMAP",
        here="reported when it is heard",
        there="heard, but source_return_path_thread has no trace event for it; the destination's log has it",
        upstream="source_return_path_thread; migration/trace-events",
        side=_SOURCE,
        thread=Thread.RETURN_PATH,
        engine=r"^answer MIG_RP_MSG_RECV_BITMAP\n",
        qemu="",
        kinds=("postcopy-recover",),
    ),
)
"""Every difference between what the shared traces show and what the engine does as QEMU 10.2.

The devices' order and their section ids are no differences: they are the machine types', and given to the engine.
"""

"""Threads that send what is left of a device over multifd channels (migration/multifd-device-state.c)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...errors import EngineError
from ...rules.options import Capability, MultifdCompression, Options
from ...rules.threads import Thread
from ..machine.registry import SaveStateEntry
from ..machine.side import MigrationSide
from ..sim.scheduler import Steps, Task

if TYPE_CHECKING:
    from .multifd_send import MultifdSend


def multifd_device_state_supported(options: Options) -> bool:
    """Whether device state may go over multifd channels (function of that name)."""
    return (
        options.has(Capability.MULTIFD)
        and not options.has(Capability.MAPPED_RAM)
        and options.parameters.multifd_compression is MultifdCompression.NONE
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveCompletePrecopyThreadData:
    """What a save_complete_precopy_thread gets besides its opaque (include/migration/misc.h).

    Attributes:
        idstr: its device's name.
        instance_id: which of the devices of that name.
        multifd: takes the device's state, by ``queue_device_state``.
        should_exit: whether another thread has failed, and this one is to end (..._threads_should_exit).
    """

    idstr: str
    instance_id: int
    multifd: "MultifdSend"
    should_exit: Callable[[], bool]


class SaveThreads:
    """The threads of one switchover.

    Args:
        side: the source.
        multifd: its channels; ``None`` without the capability.
    """

    def __init__(self, side: MigrationSide, multifd: "MultifdSend | None") -> None:
        self._side = side
        self._multifd = multifd if multifd_device_state_supported(side.options) else None
        self._tasks: list[Task] = []
        self._aborted = False

    def spawn(self, entry: SaveStateEntry) -> None:
        """Begin a thread for a device, where that is supported (multifd_spawn_device_state_save_thread)."""
        if self._multifd is not None:
            self._tasks.append(self._side.scheduler.start(Thread.SAVE_STATE, self._run(entry, self._multifd)))

    def _run(self, entry: SaveStateEntry, multifd: "MultifdSend") -> Steps[None]:
        data = SaveCompletePrecopyThreadData(
            idstr=entry.idstr,
            instance_id=entry.instance_id,
            multifd=multifd,
            should_exit=lambda: self._aborted,
        )
        try:
            yield from self._side.call(entry, "save_complete_precopy_thread", data)
        except EngineError as error:
            self._side.propagate(error)

    def abort(self) -> Steps[None]:
        """Have all threads end early, and wait until they have (multifd_abort_device_state_save_threads)."""
        self._aborted = True
        for task in self._tasks:
            yield from self._side.scheduler.join(task)

    def join(self) -> Steps[None]:
        """Wait until all threads are done (multifd_join_device_state_save_threads).

        Raises:
            EngineError: one of them failed, or something else did meanwhile.
        """
        self._aborted = self._side.error is not None
        for task in self._tasks:
            yield from self._side.scheduler.join(task)
        if self._multifd is not None and self._side.error is not None:
            raise self._side.error

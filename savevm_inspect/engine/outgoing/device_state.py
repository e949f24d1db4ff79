"""Threads that send what is left of a device over multifd channels (migration/multifd-device-state.c)."""

from ...errors import EngineError
from ...rules.threads import Thread
from ..machine.protocols import MultifdSendState, SaveCompletePrecopyThreadData
from ..machine.registry import SaveStateEntry
from ..machine.side import MigrationSide
from ..sim.scheduler import Steps, Task


class SaveThreads:
    """The threads of one switchover.

    Args:
        side: the source.
        multifd: its channels; ``None`` without the capability.
    """

    def __init__(self, side: MigrationSide, multifd: MultifdSendState | None) -> None:
        self._side = side
        self._multifd = multifd if side.options.multifd_device_state else None
        self._tasks: list[Task] = []
        self._aborted = False

    def spawn(self, entry: SaveStateEntry) -> None:
        """Begin a thread for a device, where that is supported (multifd_spawn_device_state_save_thread)."""
        if self._multifd is not None:
            self._tasks.append(self._side.scheduler.start(Thread.SAVE_STATE, self._run(entry, self._multifd)))

    def _run(self, entry: SaveStateEntry, multifd: MultifdSendState) -> Steps[None]:
        data = SaveCompletePrecopyThreadData(
            idstr=entry.idstr,
            instance_id=entry.instance_id,
            handler_opaque=entry.opaque,
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

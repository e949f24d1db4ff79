"""The big QEMU lock: one for each machine; whoever finds it taken waits."""

from collections.abc import Callable

from ...errors import SavevmError
from ..sim.scheduler import Result, Scheduler, Steps, Task, Wait


class Bql:
    """The lock of one machine.

    Args:
        scheduler: the threads that may want it.

    Attributes:
        owner: the thread that has it; ``None`` if it is free.
        on_change: called when a thread has taken it (True) or given it up (False).
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self._tasks = scheduler
        self.owner: Task | None = None
        self.on_change: Callable[[bool], object] | None = None

    @property
    def held(self) -> bool:
        """Whether the thread that runs now has it (bql_locked)."""
        return self.owner is self._tasks.current

    def lock(self, *, emit: bool = True) -> Steps[None]:
        """Take the lock, as soon as it is free (bql_lock).

        Args:
            emit: whether it is worth an event; the main loop's own is not.

        Raises:
            SavevmError: the thread has it already, and would wait for itself for ever.
        """
        if self.held:
            raise SavevmError("the big QEMU lock is held already")
        while self.owner is not None:
            yield Wait(what="the big QEMU lock", ready=lambda: self.owner is None)
        self.owner = self._tasks.current
        if emit and self.on_change is not None:
            self.on_change(True)

    def around(self, steps: Steps[Result]) -> Steps[Result]:
        """Do something with the lock, and give it up at the end or when it fails.

        A run that is abandoned in the middle of it leaves the lock as it is: nobody is there any more.
        """
        yield from self.lock()
        try:
            result = yield from steps
        except Exception:
            self.unlock()
            raise
        self.unlock()
        return result

    def outside(self, steps: Steps[Result]) -> Steps[Result]:
        """Do something without the lock, and take it again at the end or when that fails."""
        self.unlock()
        try:
            result = yield from steps
        except Exception:
            yield from self.lock()
            raise
        yield from self.lock()
        return result

    def unlock(self, *, emit: bool = True) -> None:
        """Give the lock up (bql_unlock).

        Raises:
            SavevmError: the thread does not have it.
        """
        if not self.held:
            raise SavevmError("the big QEMU lock is not held")
        self.owner = None
        if emit and self.on_change is not None:
            self.on_change(False)

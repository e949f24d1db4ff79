"""The threads of both machines, run one at a time by a cooperative scheduler.

Each thread is a task: a generator that runs until it yields, either at a :data:`CHECKPOINT`, where the run can be
inspected, or because it has to wait for something (:class:`Wait`). Nothing runs in parallel, and which task runs next
is a rule or a seeded choice, so that a run can be repeated and stopped between any two of its events.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from ...errors import EngineError
from ...rules.threads import Side, Thread
from ...stream.events import Event
from .clock import Clock

Result = TypeVar("Result")

NS_PER_US: Final = 1000


def _never() -> int | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Why a thread does not go on.

    Attributes:
        what: what it waits for, for whoever looks and for the message if it never comes.
        ready: whether it can go on.
        wake_us: when to look again though nobody else does anything, in microseconds; ``None`` is never.
        waits_for_user: it waits for a person, who may never come; a run in which all others are done ends there.
        side: the end whose device is waited for; ``None`` if it is no device.
        handler: the callback of that device that would bring it.
        section: the device, as ``idstr (instance N)``.
    """

    what: str
    ready: Callable[[], bool]
    wake_us: Callable[[], int | None] = _never
    waits_for_user: bool = False
    side: Side | None = None
    handler: str = ""
    section: str = ""


CHECKPOINT: Final = None
"""Yielded where a thread only lets itself be looked at."""

Steps = Generator[Wait | None, None, Result]
"""A part of what a thread does: yields where it can be looked at or waits, returns what came of it."""


@dataclass(eq=False, slots=True, kw_only=True)
class Task:
    """One thread.

    Attributes:
        thread: which one.
        steps: what it does.
        daemon: a run does not wait for its end, as long as it only waits for somebody to want something.
        wait: what it waits for; ``None`` if it can go on.
        done: whether it has ended.
        ran: number of its last turn.
        busy_until_ns: when the work is done that it has done in its last turn, in nanoseconds.
        held: what it has to wait for besides, since it has sent more than goes, on each channel that is full.
    """

    thread: Thread
    steps: Steps[object]
    daemon: bool = False
    wait: Wait | None = None
    done: bool = False
    ran: int = -1
    busy_until_ns: int = 0
    held: list[Wait] = field(default_factory=list)

    def ready(self, now_us: int) -> bool:
        """Whether it can go on at a time, in microseconds."""
        if self.busy_until_ns > now_us * NS_PER_US:
            return False
        while self.held:
            if not self.held[-1].ready():
                return False
            self.held.pop()
        return self.wait is None or self.wait.ready()

    def wake_us(self) -> int | None:
        """When to look again though nobody else does anything, in microseconds; ``None`` is never."""
        busy_us = -(-self.busy_until_ns // NS_PER_US)
        if self.held:
            held_us = self.held[-1].wake_us()
            return busy_us if held_us is None else max(busy_us, held_us)
        wait_us = self.wait.wake_us() if self.wait is not None else busy_us
        return busy_us if wait_us is None else max(busy_us, wait_us)


def end_of(task: Task) -> Wait:
    """What waits for the end of a thread."""
    return Wait(what=f"the end of {task.thread}", ready=lambda: task.done)


Choose = Callable[[Sequence[Task]], Task]
"""Says which of the scheduler that can go on is next."""


def fair(ready: Sequence[Task]) -> Task:
    """The one whose last turn was longest ago."""
    return min(ready, key=lambda task: task.ran)


class Deadlock(EngineError):
    """All threads wait, and none of them for a person; a real QEMU would stand still for ever.

    Args:
        message: who waits for what.
        wait: the wait that names a device, if one does.
        phase: the phase of that device's end; empty while nobody says.

    Attributes:
        side: that end; ``None`` if no device is waited for.
    """

    def __init__(self, message: str, wait: Wait | None, *, phase: str = "") -> None:
        super().__init__(
            message, phase=phase, handler=wait.handler if wait else "", section=wait.section if wait else ""
        )
        self.wait = wait
        self.side = wait.side if wait else None


class Scheduler:
    """All threads of a run, and the events that they emitted.

    Args:
        clock: moved on when everybody waits for a time to come.
        choose: who is next.
    """

    def __init__(self, clock: Clock, choose: Choose = fair) -> None:
        self.clock = clock
        self.current = self._outside = Task(thread=Thread.MAIN, steps=(None for _ in ()))
        """Who runs; when no task does, whoever builds or inspects the machines."""
        self._emitted: deque[Event] = deque()
        self._listener: Callable[[Event], object] | None = None
        self._choose = choose
        self._tasks: list[Task] = []
        self._turns = 0
        self._events = 0
        self._watched: list[Callable[[], int | None]] = []
        self._inside: list[Task] = []
        """Those that wait inside of a plain function."""

    def __iter__(self) -> Iterator[Task]:
        """The threads that have not ended, in the order in which they began."""
        return iter(tuple(self._tasks))

    @property
    def emitted(self) -> int:
        """How many events were emitted so far: the number of the next one."""
        return self._events + len(self._emitted)

    def start(self, thread: Thread, steps: Steps[object], *, daemon: bool = False) -> Task:
        """Begin a thread (qemu_thread_create); its first turn comes later.

        Args:
            thread: what it is.
            steps: what it does.
            daemon: the run does not wait for its end.
        """
        task = Task(thread=thread, steps=steps, daemon=daemon)
        self._tasks.append(task)
        return task

    def emit(self, event: Event) -> None:
        """Have an event go out when the thread that runs halts next."""
        self._emitted.append(event)
        if self._listener is not None:
            self._listener(event)

    def listen(self, listener: Callable[[Event], object]) -> None:
        """Have a function called with each event when it is emitted, while all is as it is then.

        Args:
            listener: gets events; first those that were emitted and have not gone out.
        """
        for event in self._emitted:
            listener(event)
        self._listener = listener

    def spend(self, ns: int) -> None:
        """Note that the thread that runs now has work to do that takes its time.

        It goes on from its next halt when that is over; the others run meanwhile, as on processors of their own.

        Args:
            ns: how long, in nanoseconds.
        """
        task = self.current
        task.busy_until_ns = max(task.busy_until_ns, self.clock.now_us * NS_PER_US) + ns

    def hold(self, wait: Wait) -> None:
        """Have the thread that runs now not go on from its next halt before something has happened, all of it."""
        if self.current is not self._outside and wait not in self.current.held:
            self.current.held.append(wait)

    def settle(self) -> Steps[None]:
        """Halt until the work is done, and sent, that the thread that runs now has done in its turn."""
        task = self.current
        if task.held or task.busy_until_ns > self.clock.now_us * NS_PER_US:
            yield CHECKPOINT

    def watch(self, next_us: Callable[[], int | None]) -> None:
        """Let time not pass over something that happens by itself.

        Args:
            next_us: says when that will be, in microseconds; ``None`` is never.
        """
        self._watched.append(next_us)

    def join(self, task: Task | None) -> Steps[None]:
        """Wait for the end of a thread (qemu_thread_join)."""
        if task is not None and not task.done:
            yield end_of(task)

    def wait_inside(self, steps: Steps[Result]) -> Result:
        """Let a plain function wait: the other threads go on, inside of it (aio_poll does so upstream).

        Their events go out when the thread that waits comes to its next halt. A thread that waits in this way can go
        on only once all do that began to after it.

        Args:
            steps: what the thread waits by.

        Returns:
            What they return.

        Raises:
            Deadlock: none of the others can go on, nor ever will.
        """
        task = self.current
        while True:
            try:
                task.wait = next(steps)
            except StopIteration as end:
                task.wait = None
                result: Result = end.value
                return result
            self._inside.append(task)
            try:
                while not task.ready(self.clock.now_us):
                    if not self._turn_of_any() and not self._pass_time():
                        assert task.wait is not None
                        raise Deadlock(f"all tasks are blocked: {task.thread} waits for {task.wait.what}", task.wait)
            finally:
                self._inside.remove(task)

    def run(self) -> Iterator[Event]:
        """Play all threads to their end.

        Yields:
            Their events, as they are emitted.

        Raises:
            Deadlock: all of them wait, and none of them for a person.
        """
        while True:
            if self._turn_of_any():
                yield from self._drain()
            elif not self._pass_time():
                break
        blocked = [task for task in self._tasks if not (task.wait and task.wait.waits_for_user)]
        asked = any(task.wait and task.wait.waits_for_user and not task.daemon for task in self._tasks)
        if blocked and not asked:  # who waits for a thread that waits for a person waits for that person, too
            waits = "; ".join(f"{task.thread} waits for {task.wait.what}" for task in blocked if task.wait)
            device = next((task.wait for task in blocked if task.wait and task.wait.section), None)
            raise Deadlock(f"all tasks are blocked: {waits}", device)

    def _turn_of_any(self) -> bool:
        """Let one thread have its turn that can go on; False if none can."""
        now_us = self.clock.now_us
        ready = [task for task in self._tasks if task.ready(now_us) and task not in self._inside]
        if ready:
            self._turn(self._choose(ready))
        return bool(ready)

    def _turn(self, task: Task) -> None:
        self._turns += 1
        task.ran = self._turns
        self.current, before = task, self.current
        try:
            task.wait = next(task.steps)
        except StopIteration:
            task.done = True
            self._tasks.remove(task)
        finally:
            self.current = before

    def _pass_time(self) -> bool:
        """Let the clock go on to when somebody may go on; False if nobody ever will, or all are idle."""
        if all(task.daemon and task.wait is not None and task.wait.waits_for_user for task in self._tasks):
            return False
        now_us = self.clock.now_us
        later = [time for task in self._tasks if (time := task.wake_us()) is not None and time > now_us]
        if later:
            watched = (time for next_us in self._watched if (time := next_us()) is not None and time > now_us)
            self.clock.advance(min((*later, *watched)) - now_us)
        return bool(later)

    def _drain(self) -> Iterator[Event]:
        while self._emitted:
            self._events += 1
            yield self._emitted.popleft()


def drive(steps: Steps[Result]) -> Result:
    """Run steps that need not wait for anybody, outside of a run.

    Raises:
        EngineError: they do have to wait.
    """
    while True:
        try:
            wait = next(steps)
        except StopIteration as end:
            result: Result = end.value
            return result
        if wait is not None and not wait.ready():
            raise EngineError(f"waits for {wait.what}, and nobody else runs", phase="")

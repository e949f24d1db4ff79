"""Threads that wait inside of a plain function, or for what they have sent; the others go on meanwhile."""

import pytest

from savevm_inspect.engine.sim.clock import VirtualClock
from savevm_inspect.engine.sim.scheduler import CHECKPOINT, Deadlock, Scheduler, Steps, Wait
from savevm_inspect.rules.threads import Thread


def waiting(wait: Wait) -> Steps[str]:
    """Wait once, and return."""
    yield wait
    return "waited"


def test_the_others_go_on_meanwhile() -> None:
    scheduler, seen = Scheduler(VirtualClock()), list[str]()

    def plain() -> Steps[None]:
        seen.append(scheduler.wait_inside(waiting(Wait(what="the other", ready=lambda: "other" in seen))))
        yield CHECKPOINT

    def other() -> Steps[None]:
        yield CHECKPOINT
        seen.append("other")

    scheduler.start(Thread.MAIN, plain())
    scheduler.start(Thread.MIGRATION, other())
    assert not list(scheduler.run())
    assert seen == ["other", "waited"]


def test_who_waited_in_vain_goes_on() -> None:
    scheduler, seen = Scheduler(VirtualClock()), list[str]()

    def plain() -> Steps[None]:
        with pytest.raises(Deadlock, match="waits for what never comes"):
            scheduler.wait_inside(waiting(Wait(what="what never comes", ready=lambda: False)))
        yield CHECKPOINT
        seen.append("went on")

    scheduler.start(Thread.MAIN, plain())
    assert not list(scheduler.run())
    assert seen == ["went on"]
    assert not list(scheduler)


def test_who_is_held_waits_for_all_that_holds_it_and_for_its_own_work() -> None:
    clock = VirtualClock()
    scheduler, seen = Scheduler(clock), list[int]()

    def at(time_us: int) -> Wait:
        return Wait(what="a time", ready=lambda: clock.now_us >= time_us, wake_us=lambda: time_us)

    def sender(*times_us: int) -> Steps[None]:
        scheduler.spend(5_000)
        for time_us in times_us:
            scheduler.hold(at(time_us))
        yield from scheduler.settle()
        seen.append(clock.now_us)

    for times_us in ((30, 10, 20), (10, 3), ()):
        scheduler.start(Thread.MIGRATION, sender(*times_us))
    assert not list(scheduler.run())
    assert seen == [5, 10, 30]

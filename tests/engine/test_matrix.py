"""Scenarios and callbacks: each callback is called somewhere, none where QEMU never does."""

import pytest

from savevm_inspect.engine.scenarios import SCENARIOS
from savevm_inspect.rules.callbacks import CALLBACKS
from savevm_inspect.rules.threads import Side
from savevm_inspect.stream.events import EventKind

from .matrix import DOC, calls, forbidden, renewed
from .running import Run, run


@pytest.fixture(scope="module")
def runs() -> dict[str, Run]:
    return {name: run(scenario) for name, scenario in SCENARIOS.items()}


def test_the_doc_is_drawn_from_the_runs(runs: dict[str, Run]) -> None:
    text = DOC.read_text(encoding="utf-8")
    assert renewed(text, runs) == text


def test_nothing_is_called_that_qemu_never_calls_there(runs: dict[str, Run]) -> None:
    looked = 0
    for name, made in runs.items():
        called = calls(made)
        never = forbidden(made)
        assert not [each for each in never if called[each]], name
        looked += len(never)
    assert looked > 2 * len(runs)


def test_each_callback_is_called_and_returns(runs: dict[str, Run]) -> None:
    returned = {
        event.handler
        for made in runs.values()
        for event in made.events
        if event.event is EventKind.RETURN and not event.error
    }
    assert returned == set(CALLBACKS)


def test_every_callback_fails_on_every_side_that_calls_it(runs: dict[str, Run]) -> None:
    failed = set()
    for name, made in runs.items():
        if not name.startswith("fail-"):
            continue
        (fault,) = made.migration.scenario.faults
        source, destination = made.migration.source, made.migration.destination
        error = source.error if fault.where is Side.SOURCE else destination.error
        assert error is not None
        assert error.handler == fault.handler, name
        failed.add((fault.handler, fault.where))
    assert failed == {(name, side) for name, callback in CALLBACKS.items() for side in callback.sides}

"""The phases: what may follow, what may be called, and that nothing else may."""

from itertools import product

import pytest

from savevm_inspect.engine.machine.phase_guard import PhaseGuard
from savevm_inspect.errors import EngineError
from savevm_inspect.rules.callbacks import CALLBACKS
from savevm_inspect.rules.phases import PHASE_TRANSITIONS, Phase
from savevm_inspect.rules.threads import Side, Thread


def _guard_in(side: Side, phase: Phase) -> PhaseGuard:
    guard = PhaseGuard(side)
    guard.phase = phase
    return guard


@pytest.mark.parametrize("side", Side)
def test_every_phase_can_be_reached_and_left_for_cleanup(side: Side) -> None:
    table = PHASE_TRANSITIONS[side]
    reached, todo = set(), [next(iter(table))]
    while todo:
        phase = todo.pop()
        if phase not in reached:
            reached.add(phase)
            todo.extend(table[phase])
    assert reached == set(table)
    for phase in table:
        if phase not in (Phase.CLEANUP, Phase.PREPARE):
            assert Phase.CLEANUP in table[phase]
    assert table[Phase.CLEANUP] == ()


@pytest.mark.parametrize("side", Side)
def test_only_the_transitions_of_the_table_are_allowed(side: Side) -> None:
    for here, there in product(PHASE_TRANSITIONS[side], Phase):
        guard = _guard_in(side, here)
        if there in PHASE_TRANSITIONS[side][here]:
            guard.enter(there)
            assert guard.phase is there
        else:
            with pytest.raises(EngineError, match=f"can't enter {there}") as caught:
                guard.enter(there)
            assert caught.value.phase == here
            assert guard.phase is here


@pytest.mark.parametrize("side", Side)
def test_a_call_is_allowed_exactly_at_its_places(side: Side) -> None:
    allowed = 0
    for name, callback in CALLBACKS.items():
        places = {(place.phase, place.thread, place.bql) for place in callback.places if place.side is side}
        for phase, thread, bql in product(PHASE_TRANSITIONS[side], Thread, (True, False)):
            guard = _guard_in(side, phase)
            if (phase, thread, bql) in places:
                guard.require(name, "x (instance 0)", thread=thread, bql=bql)
                allowed += 1
            else:
                with pytest.raises(EngineError) as caught:
                    guard.require(name, "x (instance 0)", thread=thread, bql=bql)
                assert (caught.value.phase, caught.value.handler) == (phase, name)
                assert caught.value.section == "x (instance 0)"
    assert allowed == sum(place.side is side for callback in CALLBACKS.values() for place in callback.places)


def test_every_place_is_in_a_phase_that_its_side_has() -> None:
    for callback in CALLBACKS.values():
        for place in callback.places:
            assert place.phase in PHASE_TRANSITIONS[place.side]

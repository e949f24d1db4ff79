"""The course of a migration as read off QEMU's source: its tables are whole, and agree with each other."""

from itertools import pairwise

import pytest

from savevm_inspect.rules.callbacks import CALLBACKS, Returns
from savevm_inspect.rules.status import STATUS_TRANSITIONS, MigrationStatus
from savevm_inspect.rules.threads import Side
from savevm_inspect.wire import MigCmd

from .course import COMMANDS, FAILURES, STATUSES, TRANSITIONS
from .order import INCOMING, ORDER
from .rules import CALL_SITES, WALKS

ENDS = {"completed", "failed", "cancelled"}


def _edges(side: Side) -> set[tuple[str, str]]:
    return {(before, each.after) for each in TRANSITIONS if each.side is side for before in each.before}


@pytest.mark.parametrize("side", Side)
def test_every_state_can_be_reached_and_leads_to_an_end(side: Side) -> None:
    edges = _edges(side)
    assert {state for edge in edges for state in edge} <= set(STATUSES)
    reached = {"none"}
    while more := {after for before, after in edges if before in reached} - reached:
        reached |= more
    assert {state for edge in edges for state in edge} <= reached
    ending = set(ENDS) & reached
    while more := {before for before, after in edges if after in ending} - ending:
        ending |= more
    assert ending == reached


def test_all_states_of_10_2_are_used_and_the_engine_has_none_of_its_own() -> None:
    used = {state for side in Side for edge in _edges(side) for state in edge}
    assert used == set(STATUSES)
    assert {status.value for status in MigrationStatus} <= {*STATUSES, "failing"}


@pytest.mark.parametrize("side", Side)
def test_the_engines_states_follow_one_another_as_upstreams_do(side: Side) -> None:
    ours = {(before.value, after.value) for before, afters in STATUS_TRANSITIONS[side].items() for after in afters}
    assert ours == {edge for edge in _edges(side) if "colo" not in edge}


def test_an_ended_migration_stays_ended_until_the_next() -> None:
    for before, after in _edges(Side.SOURCE) | _edges(Side.DESTINATION):
        assert before not in ENDS or after == "setup"


def test_states_of_the_callers_are_states_of_their_side() -> None:
    for way in CALL_SITES:
        known = {state for edge in _edges(way.side) for state in edge}
        assert set(way.states) <= known


def test_a_failure_goes_ways_that_exist_and_cleans_up_its_own_side() -> None:
    for failure in FAILURES:
        edges = _edges(failure.side)
        assert set(failure.states) <= {after for _before, after in edges}
        assert all(pair in edges for pair in pairwise(failure.states))
        for name in failure.cleanup:
            assert failure.side in CALLBACKS[name].sides
        if not failure.states:
            assert failure.guest


@pytest.mark.parametrize("side", Side)
def test_what_can_fail_is_among_the_failures(side: Side) -> None:
    failing = {Returns.ZERO_OR_NEGATIVE, Returns.TRUE_OR_FALSE, Returns.MORE_OR_DONE}
    points = " ".join(failure.point for failure in FAILURES if failure.side is side)
    for walk in WALKS.values():
        sides = {way.side for way in CALL_SITES if WALKS[way.walk] is walk}
        harmless = "nobody looks" in walk.failure or "thread" in walk.callback
        if sides == {side} and CALLBACKS[walk.callback].returns in failing and not harmless:
            assert f"`{walk.callback}`" in points


def test_commands_exist_and_are_all_there() -> None:
    names = {f"MIG_CMD_{command.name}" for command in COMMANDS}
    assert names == {command.name for command in MigCmd} - {"MIG_CMD_INVALID"}


def test_the_package_is_one_piece_and_follows_its_command() -> None:
    inside = [index for index, command in enumerate(COMMANDS) if command.packaged]
    assert inside == list(range(inside[0], inside[-1] + 1))
    assert COMMANDS[inside[0] - 1].name == "PACKAGED"


COURSES = [
    pytest.param(side, mode, steps, id=f"{side}-{mode}")
    for side, table in ((Side.SOURCE, ORDER), (Side.DESTINATION, INCOMING))
    for mode, steps in table.items()
]


@pytest.mark.parametrize(("side", "mode", "steps"), COURSES)
def test_a_course_has_the_walks_of_its_mode_with_their_locks(side: Side, mode: str, steps: tuple) -> None:
    ways = {(way.walk, way.bql) for way in CALL_SITES if way.side is side and mode in way.modes}
    walks = {(step.name, step.lock) for step in steps if step.kind == "walk"}
    assert walks == ways


@pytest.mark.parametrize(("side", "mode", "steps"), COURSES)
def test_a_course_goes_from_state_to_state(side: Side, mode: str, steps: tuple) -> None:
    edges = _edges(side)
    states = [step for step in steps if step.kind == "state"]
    for number, before in enumerate(states):
        for after in states[number + 1 :]:
            assert (before.name, after.name) in edges
            if not after.only:
                break


@pytest.mark.parametrize(("side", "mode", "steps"), COURSES)
def test_a_walk_is_called_in_a_state_of_its_way(side: Side, mode: str, steps: tuple) -> None:
    present = {"none"}
    for step in steps:
        if step.kind == "state":
            present = {step.name} | (present if step.only else set())
        elif step.kind == "walk" and step.name not in ("prepare", "cleanup", "load cleanup"):
            called = {
                state
                for way in CALL_SITES
                if way.walk == step.name and way.side is side and mode in way.modes
                for state in way.states
            }
            assert present & called


def test_the_commands_of_the_courses_are_those_of_the_table_in_its_order() -> None:
    def named(command: object) -> str:
        return f"PING {command.payload}" if command.name == "PING" else command.name

    table = list(dict.fromkeys(named(command) for command in COMMANDS))
    table.insert(table.index("POSTCOPY_RUN"), table.pop(table.index("PACKAGED")))  # made before it is announced
    sent = [[step.name for step in steps if step.kind == "command"] for steps in ORDER.values()]
    for names in sent:
        assert names == sorted(names, key=table.index)
    assert {name for names in sent for name in names} == set(table) - {"RECV_BITMAP"}

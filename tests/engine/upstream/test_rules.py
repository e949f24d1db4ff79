"""The engine's table of callbacks says what was read off QEMU's source, by someone who did not write the engine."""

from collections.abc import Iterator
from typing import Any

import pytest

from savevm_inspect.rules.callbacks import CALLBACKS, Place, Returns
from savevm_inspect.rules.threads import Side

from .. import drawn_docs
from . import rules
from .rules import ASKS, CALL_SITES, NEVER, NOT_ASKED, WALKS, Guard, Mode, Section

OUT_OF_SCOPE = {Mode.COLO, Mode.XEN}
"""Kinds of migration that the engine does not run."""


def called_by(walk: Any) -> set[str]:
    """The callbacks that a walk calls in its thread: its own, and those that are its guards."""
    if walk.spawned_by:
        return {walk.callback}
    return {walk.callback} | {ASKS[guard] for guard in walk.guards if guard in ASKS}


def ways_to(name: str) -> Iterator[Any]:
    """Every way that leads to a call of a callback."""
    return (way for way in CALL_SITES if name in called_by(WALKS[way.walk]))


def test_every_walk_has_a_way_and_every_callback_a_walk() -> None:
    assert {way.walk for way in CALL_SITES} == set(WALKS)
    assert {name for walk in WALKS.values() for name in called_by(walk)} == set(CALLBACKS)


@pytest.mark.parametrize("name", CALLBACKS)
def test_the_engine_has_the_places_that_upstream_has(name: str) -> None:
    upstream = {
        Place(side=way.side, phase=phase, thread=way.thread, bql=way.bql)
        for way in ways_to(name)
        if not OUT_OF_SCOPE.issuperset(way.modes)
        for phase in way.phases
    }
    assert set(CALLBACKS[name].places) == upstream


@pytest.mark.parametrize("name", CALLBACKS)
def test_a_mode_either_calls_it_or_never_does(name: str) -> None:
    modes = {mode for way in ways_to(name) for mode in way.modes}
    never = NEVER[name]
    assert modes.isdisjoint(never)
    assert modes | set(never) == set(Mode)


def test_what_a_thread_was_started_for_was_asked_where_it_was_started() -> None:
    for walk in WALKS.values():
        if walk.spawned_by:
            assert ASKS.keys() & set(walk.guards) <= set(WALKS[walk.spawned_by].guards)


def test_sides_and_modes_go_together() -> None:
    saves = {Mode.SAVEVM, Mode.SNAPSHOT}
    for way in CALL_SITES:
        if way.side is Side.SOURCE:
            assert Mode.LOADVM not in way.modes
        else:
            assert saves.isdisjoint(way.modes)


def test_those_that_can_fail_are_those_that_return_a_failure() -> None:
    failing = {Returns.ZERO_OR_NEGATIVE, Returns.TRUE_OR_FALSE, Returns.MORE_OR_DONE}
    for walk in WALKS.values():
        assert bool(walk.failure) == (CALLBACKS[walk.callback].returns in failing)
        if not walk.failure:
            assert walk.goes_on
            assert not walk.file_error


def test_is_active_is_asked_unless_it_is_known_not_to_be() -> None:
    walked = {walk.callback for walk in WALKS.values()}
    asked = {walk.callback for walk in WALKS.values() if Guard.ACTIVE in walk.guards}
    assert walked - asked == set(NOT_ASKED)


def test_a_walk_asks_whether_the_callback_is_there_before_it_asks_the_device() -> None:
    for walk in WALKS.values():
        asked = [index for index, guard in enumerate(walk.guards) if guard in ASKS]
        if asked and Guard.PRESENT in walk.guards and Guard.NOT_POSTCOPIABLE not in walk.guards:
            assert walk.guards.index(Guard.PRESENT) < asked[0]


def test_sections_are_written_by_those_that_are_given_the_file() -> None:
    kinds = {
        name: {section for walk in WALKS.values() if walk.callback == name for section in walk.sections}
        for name in CALLBACKS
    }
    assert kinds["save_setup"] == {Section.START}
    assert kinds["save_live_iterate"] == kinds["save_postcopy_prepare"] == {Section.PART}
    assert kinds["save_complete"] == {Section.END}
    assert kinds["save_state"] == {Section.FULL}
    assert kinds["load_state"] == set(Section)
    assert sum(bool(found) for found in kinds.values()) == 6


@pytest.mark.parametrize(("table", "held"), [("DROPS_BQL", True), ("TAKES_BQL", False)])
def test_who_drops_the_lock_was_given_it_and_who_takes_it_was_not(table: str, held: bool) -> None:
    for _idstr, name in getattr(rules, table):
        assert held in {way.bql for way in ways_to(name)}


def test_the_docs_and_the_tables_agree() -> None:
    """``python -m tests.engine.drawn_docs`` brings them together again."""
    texts = [path.read_text(encoding="utf-8") for path in drawn_docs.DOCS]
    assert sorted(part for text in texts for part in drawn_docs.parts_of(text)) == sorted(drawn_docs.PARTS)
    for text in texts:
        assert drawn_docs.renewed(text) == text


def test_the_headers_column_has_every_callback_in_its_order() -> None:
    assert list(drawn_docs.HEADER) == list(CALLBACKS)
    for header in drawn_docs.HEADER.values():
        assert header.differs.startswith("- ")
        assert header.differs.endswith(".\n")

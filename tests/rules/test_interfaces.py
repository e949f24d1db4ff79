"""Structures of several versions: each is whole, jobs connect them, and what changed follows from the tables."""

import pytest

from savevm_inspect.errors import NotFound
from savevm_inspect.rules.callbacks import CALLBACKS
from savevm_inspect.rules.compat import Version
from savevm_inspect.rules.interfaces import (
    INTERFACES,
    PLAYED,
    ChangeKind,
    FactSource,
    Interface,
    differences,
    find_callback,
    find_interface,
    interface_of,
)

VERSIONS = list(INTERFACES)
PAIRS = list(zip(INTERFACES.values(), list(INTERFACES.values())[1:], strict=False))


def test_how_many_callbacks_each_version_has_and_how_that_is_known() -> None:
    counted = {version: len(each.callbacks) for version, each in INTERFACES.items()}
    assert counted == {"7.2": 14, "10.0": 20, "10.2": 20, "11.1": 18}
    assert [version for version, each in INTERFACES.items() if each.source is FactSource.INFERRED] == ["11.1"]
    assert all(each.evidence for each in INTERFACES.values())


def test_the_engine_plays_the_table_of_callbacks() -> None:
    assert find_interface(PLAYED).callbacks == CALLBACKS


@pytest.mark.parametrize("version", VERSIONS)
def test_a_job_is_done_by_one_callback_of_a_version(version: str) -> None:
    interface = INTERFACES[version]
    jobs = [job for callback in interface.callbacks.values() for job in callback.jobs]
    assert len(set(jobs)) == len(jobs)
    for name, callback in interface.callbacks.items():
        assert callback.name == name
        assert {interface.doing(job) for job in callback.jobs} == {callback}
        assert len(set(callback.places)) == len(callback.places) > 0
        assert callback.promise.endswith(".")


@pytest.mark.parametrize("version", VERSIONS)
def test_every_parameter_has_a_meaning_and_the_device_is_among_them(version: str) -> None:
    for callback in INTERFACES[version].callbacks.values():
        names = [parameter.name for parameter in callback.signature.parameters]
        assert len(set(names)) == len(names)
        assert "opaque" in names or callback.signature.typedef.endswith("ThreadHandler")
        assert all(parameter.meaning for parameter in callback.signature.parameters)


def test_every_job_is_the_name_of_a_callback_that_did_only_that() -> None:
    jobs = {job for each in INTERFACES.values() for callback in each.callbacks.values() for job in callback.jobs}
    for job in jobs:
        found = [
            callback for each in INTERFACES.values() for callback in each.callbacks.values() if job == callback.name
        ]
        assert found
        assert any(callback.jobs == (job,) for callback in found)


def _changes(old: Interface, new: Interface) -> set[tuple[ChangeKind, tuple[str, ...], tuple[str, ...]]]:
    return {(each.change, each.before, each.after) for each in differences(old, new)}


def test_what_changed_from_10_2_to_11_1() -> None:
    assert _changes(INTERFACES["10.2"], INTERFACES["11.1"]) == {
        (ChangeKind.MERGED, ("state_pending_estimate", "state_pending_exact"), ("save_query_pending",)),
        (ChangeKind.GONE, ("switchover_ack_needed",), ()),
        (ChangeKind.PLACES, ("is_active",), ("is_active",)),
    }


@pytest.mark.parametrize("version", VERSIONS)
def test_nothing_changes_from_a_version_to_itself(version: str) -> None:
    assert differences(INTERFACES[version], INTERFACES[version]) == ()


@pytest.mark.parametrize(("old", "new"), PAIRS, ids=lambda each: each.version)
def test_differences_explain_every_name_that_came_or_went(old: Interface, new: Interface) -> None:
    found = differences(old, new)
    assert old.callbacks.keys() - new.callbacks.keys() <= {name for each in found for name in each.before}
    assert new.callbacks.keys() - old.callbacks.keys() <= {name for each in found for name in each.after}
    backwards = {
        ChangeKind.NEW: ChangeKind.GONE,
        ChangeKind.GONE: ChangeKind.NEW,
        ChangeKind.SPLIT: ChangeKind.MERGED,
        ChangeKind.MERGED: ChangeKind.SPLIT,
    }
    mirrored = {(backwards.get(c, c), frozenset(b), frozenset(a)) for c, a, b in _changes(old, new)}
    assert mirrored == {(c, frozenset(a), frozenset(b)) for c, a, b in _changes(new, old)}


def test_a_callback_is_found_by_the_name_of_any_version() -> None:
    for interface in INTERFACES.values():
        for name in interface.callbacks:
            found = find_callback(name)
            assert found is not None
            assert found.name == name
    assert find_callback("save_query_pending") is INTERFACES["11.1"].callbacks["save_query_pending"]
    assert find_callback("save_nothing") is None


@pytest.mark.parametrize(
    ("version", "structure"),
    [
        ("2.0", "7.2"),
        ("7.2", "7.2"),
        ("8.0", "10.0"),
        ("10.0", "10.0"),
        ("10.1", "10.2"),
        ("11.0", "11.1"),
        ("12.0", "11.1"),
    ],
)
def test_versions_in_between_have_the_later_structure(version: str, structure: str) -> None:
    assert interface_of(Version.parse(version)) is INTERFACES[structure]


def test_an_unknown_version_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(NotFound, match=r"'9\.1'.*7\.2, 10\.0, 10\.2, 11\.1"):
        find_interface("9.1")

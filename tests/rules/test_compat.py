"""What differs by machine type and by version."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from savevm_inspect.rules.compat import CHANGES, REFERENCE, Behaviour, Compat, KeyedBy, Version
from savevm_inspect.rules.status import EARLIER_TRANSITIONS, STATUS_TRANSITIONS, follows
from savevm_inspect.rules.threads import Side

VERSIONS = st.builds(Version, st.integers(0, 30), st.integers(0, 30))


@given(behaviour=st.sampled_from(Behaviour), machine=VERSIONS, qemu=VERSIONS)
def test_the_machine_type_decides_or_the_program(behaviour: Behaviour, machine: Version, qemu: Version) -> None:
    change = CHANGES[behaviour]
    decides = machine if change.keyed_by is KeyedBy.MACHINE_TYPE else qemu
    assert Compat(machine=machine, qemu=qemu).has(behaviour) is (decides >= change.since)


@given(behaviour=st.sampled_from(Behaviour), machine=VERSIONS, qemu=VERSIONS, value=st.booleans())
def test_what_the_user_sets_counts(behaviour: Behaviour, machine: Version, qemu: Version, value: bool) -> None:
    assert Compat(machine=machine, qemu=qemu, properties={behaviour: value}).has(behaviour) is value


def test_each_behaviour_has_a_row_and_each_row_says_what_it_was_before() -> None:
    assert set(CHANGES) == set(Behaviour)
    assert all(change.then != change.before and change.upstream for change in CHANGES.values())


@given(version=VERSIONS)
def test_a_version_is_read_as_it_is_written(version: Version) -> None:
    assert Version.parse(str(version)) == version
    assert Version.of_machine(f"pc-i440fx-{version}") == version
    assert Version.of_machine(f"pseries-{version}.3") == version


@pytest.mark.parametrize("name", ["none", "isapc", "microvm", "pc-i440fx-", "pc-9.2-deb13", "raspi3b"])
def test_a_machine_type_without_a_version_has_none(name: str) -> None:
    assert Version.of_machine(name) is None


@pytest.mark.parametrize("text", ["", "10", "10.", "ten.two", "10.2.1.0", "-1.2", "10.2\n"])
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no version of QEMU"):
        Version.parse(text)


def test_only_an_older_qemu_takes_the_earlier_transitions() -> None:
    newest, oldest = Compat(machine=REFERENCE, qemu=REFERENCE), Compat(machine=REFERENCE, qemu=Version(7, 2))
    for side in Side:
        for status, after in STATUS_TRANSITIONS[side].items():
            earlier = [each for sides in EARLIER_TRANSITIONS.values() for each in sides.get(side, {}).get(status, ())]
            assert follows(side, status, newest) == after
            assert follows(side, status, oldest) == (*after, *earlier)
            assert not set(earlier) & set(after)

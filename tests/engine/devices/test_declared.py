"""Devices that are declared with subsections: what is needed is sent, what is not there keeps its default."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import savevm_inspect as si

BOARD = si.scenarios["none"].devices
FIELDS = {"colour": "uint8"}


def lamp(warmth: int = 40, *, subsections: Any = {"warmth": {"warmth": "uint16"}}) -> Any:  # noqa: B006 - not changed
    @si.device("lamp", fields=FIELDS, subsections=subsections)
    class Lamp:
        def __init__(self) -> None:
            self.colour, self.warmth = 3, warmth

        def warmth_needed(self) -> bool:
            return self.warmth != 40

    return Lamp


def loaded(stream: Any, kind: Any) -> Any:
    return si.load(stream, "none", devices=[*BOARD, kind])


@given(st.integers(0, 65535))
def test_a_subsection_is_sent_when_it_is_needed_and_arrives(warmth: int) -> None:
    stream = si.run("none", devices=[*BOARD, lamp(warmth)]).stream
    paths = [field.path for field in stream["lamp"].fields]
    assert paths == ["colour"] + ["lamp/warmth/warmth"] * (warmth != 40)
    arrived = loaded(stream, lamp())
    assert arrived.error is None
    assert arrived.destination.devices[-1].warmth == warmth
    older = loaded(stream, lamp(subsections={}))
    assert (older.error is None) == (warmth == 40)


def test_an_unknown_subsection_is_named() -> None:
    stream = si.run("none", devices=[*BOARD, lamp(90)]).stream
    assert "'lamp/warmth' does not exist" in str(loaded(stream, lamp(subsections={})).error)


def test_what_says_whether_it_is_needed_must_be_there() -> None:
    with pytest.raises(si.SavevmError, match=r"needs a method heat_needed\(self\)"):
        lamp(subsections={"heat": {"warmth": "uint8"}})


def test_a_device_of_callbacks_has_no_subsections() -> None:
    class Old:
        def save_state(self, f: Any) -> None:
            f.put_byte(1)

        def load_state(self, f: Any, version_id: int) -> int:
            return 0

    with pytest.raises(si.SavevmError, match="only a device with fields has subsections"):
        si.device("old", subsections={"x": {}})(Old)

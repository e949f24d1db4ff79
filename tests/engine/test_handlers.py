"""The callbacks: the table, the structure and register.h agree."""

import dataclasses
import re
from pathlib import Path

import pytest

from savevm_inspect.engine.machine.handlers import Pending, SaveVMHandlers
from savevm_inspect.rules.callbacks import CALLBACKS, BqlRule, Returns
from savevm_inspect.rules.phases import Phase
from savevm_inspect.rules.threads import Side, Thread

UPSTREAM = [
    "save_state",
    "save_prepare",
    "save_setup",
    "save_cleanup",
    "save_complete",
    "save_complete_precopy_thread",
    "is_active",
    "has_postcopy",
    "is_active_iterate",
    "save_live_iterate",
    "save_postcopy_prepare",
    "state_pending_estimate",
    "state_pending_exact",
    "load_state",
    "load_state_buffer",
    "load_setup",
    "load_cleanup",
    "resume_prepare",
    "switchover_ack_needed",
    "switchover_start",
]
"""The members of QEMU 10.2's SaveVMHandlers, in its order."""


def test_the_table_and_the_structure_have_the_members_of_register_h_in_its_order() -> None:
    assert list(CALLBACKS) == UPSTREAM
    assert [field.name for field in dataclasses.fields(SaveVMHandlers)] == UPSTREAM


def test_the_structure_documents_each_member() -> None:
    documented = re.findall(r"^ {8}(\w+): \(", SaveVMHandlers.__doc__ or "", re.MULTILINE)
    assert documented == UPSTREAM


@pytest.mark.parametrize("name", UPSTREAM)
def test_each_callback_says_all_there_is_to_know(name: str) -> None:
    callback = CALLBACKS[name]
    assert callback.promise.endswith(".")
    assert callback.promise.count(".") == 1
    assert callback.absent
    assert len(set(callback.places)) == len(callback.places) > 0
    assert callback.side in callback.sides
    assert set(callback.phases) == {place.phase for place in callback.places}
    held = {place.bql for place in callback.places}
    assert callback.bql == {(True,): BqlRule.HELD, (False,): BqlRule.NOT_HELD}.get(tuple(held), BqlRule.EITHER)


def test_rules_that_register_h_states() -> None:
    assert CALLBACKS["save_live_iterate"].bql is BqlRule.EITHER
    for place in CALLBACKS["save_live_iterate"].places:
        assert place.bql == (place.thread is Thread.MAIN)
    assert CALLBACKS["state_pending_exact"].threads == (Thread.MIGRATION,)
    assert CALLBACKS["is_active"].bql is BqlRule.EITHER
    assert CALLBACKS["is_active"].sides == (Side.SOURCE, Side.DESTINATION)
    assert CALLBACKS["save_setup"].phases == (Phase.SETUP,)
    assert CALLBACKS["load_state_buffer"].bql is BqlRule.NOT_HELD
    assert CALLBACKS["switchover_ack_needed"].sides == (Side.DESTINATION,)
    assert CALLBACKS["save_cleanup"].returns is Returns.NOTHING


class _Device:
    def __init__(self) -> None:
        self.calls: list[str] = []

    def is_active(self) -> bool:
        self.calls.append("is_active")
        return True

    def save_cleanup(self) -> None:
        self.calls.append("save_cleanup")

    def unrelated(self) -> None: ...


def test_a_class_becomes_handlers_and_self_is_the_opaque() -> None:
    device = _Device()
    handlers = SaveVMHandlers.of(device)
    assert handlers == SaveVMHandlers.of(_Device)
    assert handlers.present == ("save_cleanup", "is_active")
    assert handlers.is_active is not None
    assert handlers.save_cleanup is not None
    assert handlers.is_active(device) is True
    handlers.save_cleanup(device)
    assert device.calls == ["is_active", "save_cleanup"]


def test_a_class_without_callbacks_is_refused() -> None:
    with pytest.raises(TypeError, match="Path"):
        SaveVMHandlers.of(Path)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("save_iterate", "save_live_iterate"),
        ("save_live_iterrate", "save_live_iterate"),
        ("load_buffer", "load_state_buffer"),
        ("is_actve", "is_active"),
        ("has_post_copy", "has_postcopy"),
        ("state_pending_estimated", "state_pending_estimate"),
        ("switchover_started", "switchover_start"),
        ("resume_prepared", "resume_prepare"),
        ("save_live_complete_precopy", r"QEMU 7\.2; QEMU 10\.2 has save_complete"),
        ("save_query_pending", "state_pending_estimate and state_pending_exact"),
        ("load_qwzqwzqwzqwzqwz", "another name"),
    ],
)
def test_a_method_that_only_looks_like_a_callback_is_refused(name: str, said: str) -> None:
    kind = type("Device", (_Device,), {name: lambda self: 0})
    with pytest.raises(TypeError, match=rf"Device\.{name} .*{said}"):
        SaveVMHandlers.of(kind)


@pytest.mark.parametrize("name", ["work", "_save_iterate", "saved", "attach", "receive"])
def test_any_other_method_is_the_devices_own_business(name: str) -> None:
    kind = type("Device", (_Device,), {name: lambda self: 0})
    assert SaveVMHandlers.of(kind) == SaveVMHandlers.of(_Device)


@pytest.mark.parametrize("name", UPSTREAM)
def test_every_letter_counts(name: str) -> None:
    """A callback with one letter left out is refused, whichever it is."""
    for place in range(1, len(name)):
        misspelt = name[:place] + name[place + 1 :]
        with pytest.raises(TypeError, match=misspelt):
            SaveVMHandlers.of(type("Device", (_Device,), {misspelt: lambda self: 0}))


def test_pending_adds_up_part_by_part() -> None:
    total = Pending(must_precopy=1, can_postcopy=2) + Pending(must_precopy=10, can_postcopy=20)
    assert (total.must_precopy, total.can_postcopy, total.total) == (11, 22, 33)

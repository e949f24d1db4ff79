"""The registry, held against a simple model of upstream's list."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from savevm_inspect.engine.machine.handlers import SaveVMHandlers
from savevm_inspect.engine.machine.registry import Registry
from savevm_inspect.engine.machine.vmsd import MigrationPriority, VMStateDescription
from savevm_inspect.errors import SavevmError
from savevm_inspect.wire import VMSTATE_INSTANCE_ID_ANY

ANY = VMSTATE_INSTANCE_ID_ANY
LIVE = SaveVMHandlers(save_state=lambda _opaque, _f: None)
NAMES = st.sampled_from(["a", "b", "a/b", "ram"])
IDS = st.sampled_from([0, 1, 2, 7, -1, ANY])


@given(st.lists(st.tuples(NAMES, IDS, st.sampled_from(MigrationPriority)), max_size=14))
def test_section_ids_run_instances_are_unique_and_priorities_are_sorted(
    wanted: list[tuple[str, int, MigrationPriority]],
) -> None:
    registry = Registry()
    accepted: list[tuple[str, int]] = []
    for attempt, (name, instance_id, priority) in enumerate(wanted):
        vmsd = VMStateDescription(name=name, priority=priority)
        taken = [instance for other, instance in accepted if other == name]
        if instance_id not in (-1, ANY) and instance_id in taken:
            with pytest.raises(SavevmError, match="registered already"):
                registry.register_vmstate(vmsd, object(), instance_id=instance_id)
            continue
        entry = registry.register_vmstate(vmsd, object(), instance_id=instance_id)
        assert entry.section_id == attempt
        expected = max(taken, default=-1) + 1 if instance_id in (-1, ANY) else instance_id
        assert entry.instance_id == expected
        accepted.append((name, expected))
    order = [(-entry.priority, entry.section_id) for entry in registry]
    assert order == sorted(order)
    assert sorted((entry.idstr, entry.instance_id) for entry in registry) == sorted(accepted)
    for entry in registry:
        assert registry.find_se(entry.idstr, entry.instance_id) is entry


def test_a_device_with_callbacks_answers_to_instance_0_as_well() -> None:
    registry = Registry()
    entry = registry.register_savevm_live("x", 5, 1, LIVE, object())
    assert registry.find_se("x", 0) is entry
    assert registry.find_se("x", 1) is None
    with pytest.raises(SavevmError, match="registered already"):
        registry.register_savevm_live("x", 0, 1, LIVE, object())


def test_a_path_goes_before_the_name_and_the_bare_name_still_finds_it() -> None:
    registry = Registry()
    vmsd = VMStateDescription(name="serial")
    first = registry.register_vmstate(vmsd, object(), obj="0000:00:01.0")
    second = registry.register_vmstate(vmsd, object(), obj="0000:00:02.0")
    assert [first.idstr, second.idstr] == ["0000:00:01.0/serial", "0000:00:02.0/serial"]
    assert (first.instance_id, second.instance_id) == (0, 0)
    assert registry.find_se("serial", 0) is first
    assert registry.find_se("serial", 1) is second
    assert registry.find_se("serial", 2) is None


@pytest.mark.parametrize(
    ("obj", "idstr", "same_opaque", "gone"),
    [
        ("dev", "x", True, 1),
        ("", "dev/x", True, 1),
        ("", "x", True, 0),
        ("dev", "x", False, 0),
        ("de", "v/x", True, 0),
    ],
)
def test_unregistering_matches_path_name_and_identity(obj: str, idstr: str, same_opaque: bool, gone: int) -> None:
    registry = Registry()
    opaque: list[int] = []
    registry.register_savevm_live("dev/x", ANY, 1, LIVE, opaque)
    assert registry.unregister_savevm(obj, idstr, opaque if same_opaque else []) == gone
    assert len(registry) == 1 - gone


def test_unregistering_takes_all_instances_of_one_opaque_and_ids_are_not_used_again() -> None:
    registry = Registry()
    opaque = object()
    for _ in range(3):
        registry.register_savevm_live("x", ANY, 1, LIVE, opaque)
    other = registry.register_savevm_live("x", ANY, 1, LIVE, object())
    assert registry.unregister_savevm("", "x", opaque) == 3
    assert list(registry) == [other]
    assert registry.register_savevm_live("y", ANY, 1, LIVE, opaque).section_id == 4


@given(st.text("nüф", min_size=1, max_size=300), st.sampled_from(["", "p" * 100, "p" * 253, "p" * 254]))
def test_a_name_is_cut_off_where_its_length_byte_ends(name: str, path: str) -> None:
    """idstr is an array of 256 bytes with an end mark, and pstrcat fills it (register_savevm_live)."""
    registry, opaque = Registry(), object()
    live = registry.register_savevm_live(name, 0, 1, LIVE, opaque)
    described = registry.register_vmstate(VMStateDescription(name=name), opaque, obj=path, instance_id=1)
    for entry, whole in ((live, name), (described, f"{path}/{name}" if path else name)):
        kept = entry.idstr.encode()
        assert whole.encode().startswith(kept)
        assert len(kept) in range(min(len(whole.encode()), 254), 256)  # no character is cut in two
    assert registry.unregister_savevm(path, name, opaque) == (1 if path else 2)


def test_names_that_are_alike_up_to_their_cut_are_one() -> None:
    registry = Registry()
    registry.register_savevm_live("n" * 255, 0, 1, LIVE, None)
    assert registry.register_savevm_live("n" * 300, ANY, 1, LIVE, None).instance_id == 1
    with pytest.raises(SavevmError, match="registered already"):
        registry.register_savevm_live("n" * 256, 1, 1, LIVE, None)


def test_a_path_that_leaves_no_room_for_a_name_is_refused() -> None:
    with pytest.raises(SavevmError, match="path of 255 bytes"):
        Registry().register_vmstate(VMStateDescription(name="v"), None, obj="p" * 255)


def test_presence_is_of_a_callback() -> None:
    registry = Registry()
    live = registry.register_savevm_live("l", 0, 1, SaveVMHandlers(save_setup=lambda _opaque, _f: 0), None)
    plain = registry.register_savevm_live("p", 0, 1, LIVE, None)
    described = registry.register_vmstate(VMStateDescription(name="v"), None)
    assert [entry.has("save_setup") for entry in (live, plain, described)] == [True, False, False]
    assert [entry.has("save_state") for entry in (live, plain, described)] == [False, True, False]

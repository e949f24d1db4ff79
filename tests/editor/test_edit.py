"""Edited streams of QEMUs and of the engine, read again: they show the change and nothing else."""

import lzma
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import savevm_inspect as si
from savevm_inspect.editor.described import DescribedState
from savevm_inspect.editor.splices import Splice, Splices
from savevm_inspect.errors import EncodeError, NotFound, StreamError, Unsupported

CAPTURES = Path(__file__).parents[1] / "captures"
NAMES = ("none-11.1", "x86-11.1-paused", "q35-misc-7.2")
DEVICES = "the engine's devices"

Key = tuple[str, int]
State = dict[Key, list[tuple[str, str, Any]]]


def raw(name: str) -> bytes:
    if name == DEVICES:
        return bytes(si.run("devices", ram_bytes=64 << 12).stream.buffer)
    return lzma.decompress((CAPTURES / f"{name}.mig.xz").read_bytes())


def state(stream: si.Stream) -> State:
    return {
        (each.idstr, each.instance_id): [(field.path, field.type, field.value) for field in each.fields]
        for each in stream
    }


def versions(stream: si.Stream) -> dict[Key, int]:
    return {(each.idstr, each.instance_id): each.version_id for each in stream}


def memory(stream: si.Stream) -> list[bytes]:
    """The sections of RAM as they are."""
    spans = [each.payload for each in stream.sections if each.idstr == "ram"]
    return [bytes(stream.buffer[span.offset : span.end]) for span in spans]


class Original:
    """A stream, opened, with what is in it."""

    def __init__(self, name: str, resources: ExitStack) -> None:
        self.stream = resources.enter_context(si.open_stream(raw(name)))
        self.state, self.versions = state(self.stream), versions(self.stream)
        self.memory = memory(self.stream)
        self.fields = [(key, number) for key, fields in self.state.items() for number in range(len(fields))]
        self.subsections = [
            (key, found.path) for key in self.state for found in DescribedState(self.stream).subsections(*key)
        ]


_RESOURCES = ExitStack()
ORIGINALS: dict[str, Original] = {}


def original(name: str) -> Original:
    if name not in ORIGINALS:
        ORIGINALS[name] = Original(name, _RESOURCES)
    return ORIGINALS[name]


@pytest.fixture(scope="module", autouse=True)
def _closed() -> Iterator[None]:
    yield
    ORIGINALS.clear()
    _RESOURCES.close()


def reread(edit: si.Edit, was: Original) -> State:
    """What is in an edited stream, which is sound, and whose memory nobody has touched."""
    with si.open_stream(edit.to_bytes()) as again:
        assert again.complete
        assert again.account.opaque_bytes <= was.stream.account.opaque_bytes
        assert not again.account.problems
        assert memory(again) == was.memory
        return state(again)


@pytest.mark.parametrize("name", [*NAMES, DEVICES])
def test_no_change_is_the_same_bytes(name: str) -> None:
    stream = original(name).stream
    assert stream.edit().to_bytes() == bytes(stream.buffer)


def other(value: Any, data: st.DataObject) -> Any:
    """Another value of the same form."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value ^ 1
    if isinstance(value, bytes):
        return data.draw(st.binary(min_size=len(value), max_size=len(value)))
    if isinstance(value, tuple):
        place = data.draw(st.integers(0, len(value) - 1))
        return (*value[:place], other(value[place], data), *value[place + 1 :])
    return value


@settings(max_examples=25)
@given(st.sampled_from((*NAMES, DEVICES)), st.data())
def test_a_field_that_is_set_is_all_that_changes(name: str, data: st.DataObject) -> None:
    was = original(name)
    key, number = data.draw(st.sampled_from(was.fields))
    path, _, before = was.state[key][number]
    number = next(place for place, each in enumerate(was.state[key]) if each[0] == path)
    value = other(was.state[key][number][2], data)
    edit = was.stream.edit()
    try:
        edit.set(key, path, list(value) if isinstance(value, tuple) else value)
    except EncodeError:  # a number that the structure depends on
        assert not isinstance(before, bool)
        return
    made = reread(edit, was)
    changed = {each for each in made if made[each] != was.state[each]}
    assert changed <= {key}
    expected = list(was.state[key])
    expected[number] = (*expected[number][:2], value)
    assert made[key] == expected


def in_turns(was: Original) -> Iterator[dict[Key, str]]:
    """The first subsection of each device, then the second one of each that has two, and so on."""
    left = {key: [path for each, path in was.subsections if each == key] for key, _ in was.subsections}
    while left:
        yield {key: paths.pop(0) for key, paths in left.items()}
        left = {key: paths for key, paths in left.items() if paths}


@pytest.mark.parametrize("name", [*NAMES[1:], DEVICES])
def test_every_subsection_can_go(name: str) -> None:
    was = original(name)
    assert was.subsections
    for turn in in_turns(was):
        edit = was.stream.edit()
        for key, path in turn.items():
            edit.drop(key, path)
        made = reread(edit, was)
        for key, fields in was.state.items():
            gone = f"{turn[key]}/" if key in turn else "nothing"
            assert made[key] == [each for each in fields if not each[0].startswith(gone)]


@pytest.mark.parametrize("name", [*NAMES[1:], DEVICES])
def test_all_subsections_can_go_at_once(name: str) -> None:
    was = original(name)
    edit = was.stream.edit()
    paths = [path for _, path in was.subsections]
    outer = [each for each in was.subsections if not any(each[1].startswith(f"{path}/") for path in paths)]
    for key, path in outer:
        edit.drop(key, path)
    made = reread(edit, was)
    for key, fields in was.state.items():
        gone = tuple(f"{path}/" for each, path in outer if each == key)
        assert made[key] == [each for each in fields if not each[0].startswith(gone)]


@pytest.mark.parametrize("name", [*NAMES[1:], DEVICES])
@pytest.mark.parametrize("last", ["x", "a longer name of a subsection"])
def test_every_subsection_can_be_renamed(name: str, last: str) -> None:
    was = original(name)
    for turn in in_turns(was):
        edit, moved = was.stream.edit(), dict[Key, str]()
        for key, path in turn.items():
            found = next(each for each in DescribedState(was.stream).subsections(*key) if each.path == path)
            new = f"{found.name.rpartition('/')[0]}/{last}"
            moved[key] = "/".join((*found.parts[:-1], new))
            edit.rename(key, path, new)
        made = reread(edit, was)
        for key, fields in was.state.items():
            old = turn.get(key, "nothing")
            names = [
                f"{moved[key]}{name[len(old) :]}" if name.startswith(f"{old}/") else name for name, _, _ in fields
            ]
            assert [each[0] for each in made[key]] == names


@pytest.mark.parametrize("name", [*NAMES, DEVICES])
def test_every_version_can_be_bumped(name: str) -> None:
    was = original(name)
    edit = was.stream.edit()
    schemas = [(each, was.stream.schema_of(each)) for each in was.stream.sections]
    described = {(each.idstr, each.instance_id) for each, schema in schemas if schema is not None}
    for key in described:
        edit.bump(key, was.versions[key] + 1)
    with si.open_stream(edit.to_bytes()) as again:
        assert versions(again) == {key: version + (key in described) for key, version in was.versions.items()}


def test_a_subsections_version_is_bumped_in_both_places() -> None:
    was = original("x86-11.1-paused")
    made = was.stream.edit().bump("fw_cfg", 7, "fw_cfg/dma").to_bytes()
    assert made.count(b'"vmsd_name": "fw_cfg/dma", "version": 7') == 1
    with si.open_stream(made) as again:
        assert state(again) == was.state


@settings(max_examples=25)
@given(st.data())
def test_bytes_are_flipped_and_cut_where_they_were(data: st.DataObject) -> None:
    was = original("none-11.1")
    whole = bytes(was.stream.buffer)
    offset = data.draw(st.integers(0, len(whole) - 1))
    mask = data.draw(st.integers(1, 255))
    flipped = was.stream.edit().flip(offset, mask).to_bytes()
    assert [place for place in range(len(whole)) if flipped[place] != whole[place]] == [offset]
    assert flipped[offset] ^ mask == whole[offset]
    assert was.stream.edit().cut(offset).to_bytes() == whole[:offset]
    assert was.stream.edit().flip(offset, mask).cut(offset).to_bytes() == whole[:offset]


def test_the_order_of_operations_does_not_matter() -> None:
    stream = original("x86-11.1-paused").stream
    one = stream.edit().set("serial", "divider", 7).drop("fw_cfg", "fw_cfg/dma").bump("port92", 3).flip(9)
    two = stream.edit().flip(9).bump("port92", 3).drop("fw_cfg", "fw_cfg/dma").set("serial", "divider", 7)
    assert one.to_bytes() == two.to_bytes()
    assert set(one.operations) == set(two.operations)
    assert "4 operations" in repr(one)


def test_a_package_is_counted_again() -> None:
    with (
        si.open_stream(CAPTURES / "t-10.0-postcopy.ch0.fwd.xz", schema="library") as stream,
        si.open_stream(stream.edit().drop("fw_cfg", "fw_cfg/dma").to_bytes(), strict=False) as again,
    ):
        package = next(each for each in again.commands if each.command.name == "MIG_CMD_PACKAGED")
        old = next(each for each in stream.commands if each.command.name == "MIG_CMD_PACKAGED")
        length, before = (
            int.from_bytes(one.buffer[each.argument.offset : each.argument.end], "big")
            for one, each in ((again, package), (stream, old))
        )
        assert before - length == 1 + 1 + len("fw_cfg/dma") + 4 + 8
        assert len(stream.buffer) - len(again.buffer) == before - length
        assert [each.idstr for each in again.sections] == [each.idstr for each in stream.sections]


def test_pages_at_fixed_offsets_are_not_moved() -> None:
    with si.open_stream(CAPTURES / "x86-10.0-mapped.mig.xz") as stream:
        was = state(stream)
        with si.open_stream(stream.edit().drop("fw_cfg", "fw_cfg/dma").to_bytes()) as again:  # it follows them
            assert state(again).keys() == was.keys()
        edit = stream.edit()
        edit._splices[0] = Splices([Splice(8, 9, b"", "a byte less")])
        with pytest.raises(Unsupported, match="mapped-ram"):
            edit.to_bytes()


def test_other_channels_are_edited_by_their_numbers() -> None:
    stream = si.run("multifd", ram_bytes=64 << 12).stream
    edit = stream.edit().flip(0, channel=1).cut(100, channel=2)
    assert edit.to_bytes() == bytes(stream.buffer)
    assert edit.to_bytes(1)[0] == stream.buffers[1][0] ^ 0xFF
    assert len(edit.to_bytes(2)) == 100
    with pytest.raises(NotFound, match="no channel 3"):
        edit.flip(0, channel=3)
    with pytest.raises(si.SavevmError, match="bytes from 0x0 up to 0x64"):
        edit.flip(100, channel=2)


def test_a_stream_that_is_damaged_can_be_edited() -> None:
    whole = raw("none-11.1")
    with si.open_stream(whole[:300], strict=False) as stream:
        assert stream.edit().flip(299).to_bytes()[:299] == whole[:299]


WRONG: dict[str, Any] = {
    "no section 'seral'; did you mean serial": lambda edit: edit.set("seral", "divider", 1),
    "no section": lambda edit: edit.bump(("serial", 9), 1),
    "serial has no field 'dvider'; did you mean state/divider": lambda edit: edit.set("serial", "dvider", 1),
    "state/divider: .*65535": lambda edit: edit.set("serial", "divider", 1 << 16),
    "state/divider: divider is 'x', expected a number": lambda edit: edit.set("serial", "divider", "x"),
    "divider is 1.5": lambda edit: edit.set("serial", "divider", 1.5),
    "expected 16 numbers": lambda edit: edit.set("cpu", "env.regs", [1] * 8),
    "fw_cfg has no subsection 'dmo'.*fw_cfg/dma": lambda edit: edit.drop("fw_cfg", "dmo"),
    "expected 1 to 255": lambda edit: edit.rename("fw_cfg", "fw_cfg/dma", ""),
    "which UTF-8 can't say": lambda edit: edit.rename("fw_cfg", "fw_cfg/dma", "fw_cfg/\ud800"),
    "version -1": lambda edit: edit.bump("fw_cfg", -1),
    "mask 0x0": lambda edit: edit.flip(0, 0),
    "channel 0 has bytes from 0x0": lambda edit: edit.cut(1 << 40),
    "drop fw_cfg/dma changes bytes at .* that set fw_cfg/dma/dma_addr changes": lambda edit: edit.set(
        "fw_cfg", "dma_addr", 1
    ).drop("fw_cfg", "fw_cfg/dma"),
}


@pytest.mark.parametrize("said", WRONG)
def test_what_can_not_be_is_refused_and_changes_nothing(said: str) -> None:
    stream = original("x86-11.1-paused").stream
    edit = stream.edit()
    with pytest.raises(si.SavevmError, match=said):
        WRONG[said](edit)
    with pytest.raises(si.SavevmError):
        stream.edit().set("serial", "divider", 5).set("serial", "divider", 6)
    assert len(edit.operations) <= 1


def test_the_engine_refuses_what_was_edited_where_it_says() -> None:
    run = si.run("none")
    made = run.stream.edit().bump("timer", 9).to_bytes()
    load = si.load(made, "none")
    assert load.outcome is si.Outcome.FAILED
    assert isinstance(load.error, si.SavevmError)
    assert not isinstance(load.error, StreamError)
    assert "version 9 of 'timer', this side reads 2" in str(load.error)

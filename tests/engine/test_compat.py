"""Old machine types, played by the engine and held against streams that a real QEMU 10.0 and 7.2 wrote for them."""

import lzma
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import savevm_inspect as si
from savevm_inspect.engine.scenarios import SCENARIOS
from savevm_inspect.payload.page_log import PageKind
from savevm_inspect.reader.stream import Stream
from savevm_inspect.rules.compat import Behaviour, Compat, Version
from savevm_inspect.rules.status import MigrationStatus
from savevm_inspect.wire import MigCmd, RamSaveFlag

from .running import Run, memory_after, run

CAPTURES = Path(__file__).parent.parent / "captures"
MACHINES = [Version(8, 0), Version(8, 1), Version(8, 2), Version(9, 2)]
_EOS_BYTES = 8


def _kinds_of_ram(record: Any) -> Iterator[str]:
    """The kinds of a RAM section's records; none of another record of the stream."""
    section = getattr(record, "body", None)
    content = getattr(getattr(section, "payload", None), "content", None)
    return (each.kind.name for each in getattr(content, "records", ()))


def seen_in(stream: Stream) -> dict[Behaviour, bool]:
    """What a multifd stream shows of its machine type, by the reading that knows no machine types."""
    ram = {kind for record in si.kaitai.parse(stream).records for kind in _kinds_of_ram(record)}
    rows = stream.pages.rows
    zero = rows[rows["kind"] == PageKind.ZERO]
    assert len(zero)
    on_main = bool(np.all(zero["channel"] == 0))
    assert on_main or not np.any(zero["channel"] == 0)
    return {
        Behaviour.MULTIFD_FLUSH: "multifd_flush" in ram,
        Behaviour.MULTIFD_ZERO_PAGES: not on_main,
        Behaviour.SEND_SWITCHOVER_START: any(
            each.command is MigCmd.MIG_CMD_SWITCHOVER_START for each in stream.commands
        ),
    }


def stream_of(ran: Run, folder: Path) -> Stream:
    """The reader's view of a run's bytes."""
    paths = []
    for number, data in sorted(ran.forward.items()):
        paths.append(folder / f"ch{number}.fwd")
        paths[-1].write_bytes(data)
    return si.open_stream(paths[0], channels=paths[1:])


def play(name: str, version: Version) -> Run:
    """A scenario with an older machine type."""
    scenario = SCENARIOS[name]
    return run(replace(scenario, machine=replace(scenario.machine, version=version)))


@pytest.mark.parametrize("version", [*MACHINES, Version(10, 0)], ids=str)
def test_engine_and_qemu_write_what_the_machine_type_says(version: Version, tmp_path: Path) -> None:
    ran = play("multifd", version)
    said = Compat(machine=version)
    with stream_of(ran, tmp_path) as ours:
        assert seen_in(ours) == {behaviour: said.has(behaviour) for behaviour in seen_in(ours)}
        assert ours.complete
    if version in MACHINES:
        paths = [CAPTURES / f"multifd-pc-i440fx-{version}.ch{number}.fwd.xz" for number in range(3)]
        with si.open_stream(paths[0], channels=paths[1:]) as theirs:
            seen = seen_in(theirs)
            seen.pop(Behaviour.SEND_SWITCHOVER_START)  # a VM that was never started has no switchover in 10.0
            assert seen == {behaviour: said.has(behaviour) for behaviour in seen}


@pytest.mark.parametrize("version", [Version(7, 2), *MACHINES], ids=str)
def test_memory_arrives_whatever_the_machine_type(version: Version) -> None:
    ran = play("multifd", version)
    assert ran.migration.source.status is MigrationStatus.COMPLETED
    assert ran.migration.destination.machine.guest.blocks[0].memory == memory_after(ran)


def test_72s_captures_show_what_its_machine_type_says() -> None:
    paths = [CAPTURES / f"s-7.2-multifd-zstd.ch{number}.fwd.xz" for number in range(3)]
    with si.open_stream(paths[0], channels=paths[1:]) as stream:
        said = Compat(machine=Version(7, 2))
        assert seen_in(stream) == {behaviour: said.has(behaviour) for behaviour in seen_in(stream)}


@pytest.mark.parametrize(("version", "ends"), [(Version(7, 2), True), (Version(8, 0), False)], ids=str)
def test_the_preempt_channel_of_old_types_is_connected_at_the_setup_and_ends_in_an_eos(
    version: Version, ends: bool
) -> None:
    ran = play("postcopy-preempt", version)
    assert ran.migration.source.status is MigrationStatus.COMPLETED
    assert ran.migration.destination.machine.guest.blocks[0].memory == memory_after(ran)
    last = int.from_bytes(ran.forward[1][-_EOS_BYTES:], "big")
    assert (last == RamSaveFlag.RAM_SAVE_FLAG_EOS) is ends


def test_72s_preempt_channel_ends_in_an_eos() -> None:
    channel = lzma.decompress((CAPTURES / "s-7.2-postcopy-preempt.ch1.fwd.xz").read_bytes())
    assert int.from_bytes(channel[-_EOS_BYTES:], "big") == RamSaveFlag.RAM_SAVE_FLAG_EOS

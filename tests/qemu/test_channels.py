"""Channels of real migrations in another order, missing, cut, or of another migration."""

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

import savevm_inspect as si
from savevm_inspect.views.summary import problems

from .pair import MIB, Kind, Run

pytestmark = pytest.mark.qemu

UUIDS = ("6ba7b810-9dad-11d1-80b4-00c04fd430c8", "6ba7b811-9dad-11d1-80b4-00c04fd430c8")


def multifd(compression: str, uuid: str = UUIDS[0]) -> Kind:
    parameters = {"multifd-channels": 3, "multifd-compression": compression}
    return Kind(capabilities=("multifd",), parameters=parameters, options=f"-uuid {uuid}")


KINDS = {
    "multifd-none-3": multifd("none"),
    "multifd-zlib-3": multifd("zlib"),
    "multifd-zstd-3": multifd("zstd"),
    "postcopy-preempt-3": Kind(
        how="postcopy",
        capabilities=("postcopy-ram", "postcopy-preempt"),
        parameters={"max-postcopy-bandwidth": 2 * MIB},
    ),
}
MULTIFD = [name for name in KINDS if name.startswith("multifd")]
OTHERS = {"another machine's": multifd("none", UUIDS[1]), "the same machine's": multifd("none")}


def problems_of(run: Run, channels: Sequence[Path | bytes]) -> list[Exception]:
    """What is wrong with a run's main channel and these others; strictly read, it is the first that is raised."""
    with si.open_stream(run.forward[0], channels=channels, strict=False) as stream:
        found = problems(stream)
    try:
        with si.open_stream(run.forward[0], channels=channels):
            raised = None
    except si.SavevmError as error:
        raised = error
    assert (raised is None) == (not found)
    return found


@pytest.mark.parametrize("name", MULTIFD)
def test_every_order_gives_the_same_memory(name: str, migrated: Callable[..., Run]) -> None:
    run = migrated(name, KINDS[name])
    assert len(run.channels) == 3
    for order in itertools.permutations(run.channels):
        with si.open_stream(run.forward[0], channels=order) as stream:
            memory = stream.memory["pc.ram"].read()
        assert memory[MIB:] == run.truth.memory[MIB:]
        assert memory[: 640 << 10] == run.truth.memory[: 640 << 10]


@pytest.mark.parametrize("missing", range(3))
@pytest.mark.parametrize("name", MULTIFD)
def test_a_missing_channel_is_a_problem(name: str, missing: int, migrated: Callable[..., Run]) -> None:
    run = migrated(name, KINDS[name])
    assert problems_of(run, [path for number, path in enumerate(run.channels) if number != missing])


@pytest.mark.parametrize("name", KINDS)
def test_without_any_channel(name: str, migrated: Callable[..., Run]) -> None:
    assert problems_of(migrated(name, KINDS[name]), [])


@pytest.mark.parametrize("name", MULTIFD)
def test_a_channel_twice_is_a_problem(name: str, migrated: Callable[..., Run]) -> None:
    run = migrated(name, KINDS[name])
    assert problems_of(run, [run.channels[0], run.channels[0], run.channels[2]])


@pytest.mark.parametrize("other", OTHERS)
def test_a_channel_of_another_migration_is_a_problem(other: str, migrated: Callable[..., Run]) -> None:
    run = migrated("multifd-none-3", KINDS["multifd-none-3"])
    stranger = migrated(f"multifd, {other}", OTHERS[other])
    assert problems_of(run, [*run.channels[:2], stranger.channels[2]])


@pytest.mark.parametrize("name", KINDS)
def test_a_channel_that_is_cut_is_a_problem(name: str, migrated: Callable[..., Run]) -> None:
    run = migrated(name, KINDS[name])
    content = run.channels[0].read_bytes()
    for end in (0, 3, 100, len(content) // 2, len(content) - 1):
        assert problems_of(run, [content[:end], *run.channels[1:]]), f"cut at {end} of {len(content)}"


def test_a_preempt_channel_of_another_migration_is_a_problem(migrated: Callable[..., Run]) -> None:
    run = migrated("postcopy-preempt-3", KINDS["postcopy-preempt-3"])
    stranger = migrated("multifd-none-3", KINDS["multifd-none-3"])
    assert problems_of(run, [*run.channels, stranger.channels[0]])

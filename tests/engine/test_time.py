"""How long things take: laws of the model, over seeds."""

from functools import cache, partial
from statistics import median
from typing import Any

import pytest

import savevm_inspect as si
from savevm_inspect.engine.devices.vfio import Vfio
from savevm_inspect.engine.scenarios.parts import PC_DEVICES
from savevm_inspect.engine.sim.clock import US_PER_S
from savevm_inspect.engine.sim.wire import SOCKET_BUFFER_BYTES
from savevm_inspect.rules.threads import Side

from .waits import RANDOM_WRITER, waits_ms

LINK = RANDOM_WRITER["link_bytes_per_s"]
FLUSH_BYTES = 32 * (4096 + 8)
COSTS_MS = 0.1
HEADS_BYTES = 8192
"""Heads of packets, of which some say how long the state is and whose."""


@cache
def waits(name: str, seed: int, **changes: Any) -> list[float]:
    return waits_ms(si.run(name, seed=seed, **{**RANDOM_WRITER, **changes}))


@pytest.mark.parametrize("latency_us", [0, 2000, 10_000])
def test_without_preempt_a_page_waits_for_the_buffer(latency_us: int) -> None:
    """The buffer, half a flush on average that waits to get into it, the way there and back."""
    found = [wait for seed in range(2) for wait in waits("postcopy", seed, latency_us=latency_us)]
    expected = (SOCKET_BUFFER_BYTES + FLUSH_BYTES / 2) / LINK * 1000 + 2 * latency_us / 1000 + COSTS_MS
    assert median(found) == pytest.approx(expected, rel=0.2)


@pytest.mark.parametrize("latency_us", [500, 2000, 10_000])
def test_with_preempt_a_page_waits_for_its_way_there_and_back(latency_us: int) -> None:
    """On a channel that is idle, since the rate limit leaves most of the link to it."""
    limits = ("max_bandwidth_bytes_per_s", "max_postcopy_bandwidth_bytes_per_s")
    idle = {"link_bytes_per_s": 1_000_000_000, **dict.fromkeys(limits, 4_000_000)}
    found = [wait for seed in range(2) for wait in waits("postcopy-preempt", seed, latency_us=latency_us, **idle)]
    assert median(found) == pytest.approx(2 * latency_us / 1000 + COSTS_MS, rel=0.2)


@pytest.mark.parametrize("latency_us", [0, 2000, 10_000])
def test_preempt_never_has_the_longer_median(latency_us: int) -> None:
    for seed in range(2):
        plain, preempt = (waits(name, seed, latency_us=latency_us) for name in ("postcopy", "postcopy-preempt"))
        assert median(preempt) < median(plain)


@pytest.mark.parametrize("name", ["postcopy", "postcopy-preempt"])
def test_a_wait_is_one_chain(name: str) -> None:
    """Stopped, asked for, placed, running: in this order, for the same page, under one number."""
    run = si.run(name)
    assert run.page_waits
    for number, wait in enumerate(run.page_waits):
        chain = [each for each in (wait.stopped, wait.request, wait.placed, wait.running) if each is not None]
        assert wait.placed is not None
        assert wait.running is not None
        assert [each.seq for each in chain] == sorted(each.seq for each in chain)
        assert {each.fault_id for each in chain} == {number}
        assert len({(each.block or each.name, each.addr) for each in chain}) == 1
    assert run.blocktime_us == sum(wait.wait_us or 0 for wait in run.page_waits)
    assert any(wait.request for wait in run.page_waits)


def test_in_a_background_snapshot_the_source_waits() -> None:
    run = si.run("background-snapshot")
    assert run.page_waits
    for wait in run.page_waits:
        assert wait.stopped.side is Side.SOURCE
        assert wait.request is wait.placed is None
        assert wait.running is not None
    assert run.blocktime_us == 0


@pytest.mark.parametrize("link_bytes_per_s", [100_000_000])
def test_device_state_over_multifd_lengthens_the_gap_by_its_heads_at_most(link_bytes_per_s: int) -> None:
    """If the state is larger than a socket's buffer, and read in large pieces."""
    state = partial(Vfio.attach, memory_bytes=1 << 20, data_buffer_bytes=1 << 18, precopy=False)
    changes = {"link_bytes_per_s": link_bytes_per_s, "max_bandwidth_bytes_per_s": 0}
    for seed in range(2):
        main, multifd = (
            si.run("vfio-multifd", seed=seed, devices=(*PC_DEVICES, partial(state, multifd_transfer=over)), **changes)
            for over in (False, True)
        )
        assert main.gap_us is not None
        assert multifd.gap_us is not None
        assert multifd.gap_us <= main.gap_us + HEADS_BYTES * US_PER_S // link_bytes_per_s


def test_more_channels_are_faster_where_one_can_not_send_as_fast_as_the_link() -> None:
    changes = {"ram_bytes": 16 << 20, "filled": 1.0, "link_bytes_per_s": 10**10, "max_bandwidth_bytes_per_s": 0}
    one, two, four = (si.run("multifd", multifd_channels=count, **changes).total_us for count in (1, 2, 4))
    assert four < two < 0.6 * one
    slow = [si.run("multifd", multifd_channels=count).total_us for count in (1, 2, 4)]
    assert max(slow) < 1.1 * min(slow)

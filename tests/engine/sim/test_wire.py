"""The wire: each byte takes its time, wherever a write is cut, and no channel waits for the buffer of another."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from savevm_inspect.engine.sim.clock import US_PER_S, VirtualClock
from savevm_inspect.engine.sim.wire import SOCKET_BUFFER_BYTES, SocketBuffer, Wire
from savevm_inspect.errors import SavevmError

LENGTHS = st.lists(st.integers(1, 300_000), min_size=1, max_size=8)
BANDWIDTHS = st.integers(1000, 1 << 31)


def _go_on(clock: VirtualClock, *times: int | None) -> None:
    """Let time pass up to the first of these."""
    clock.advance(min(time for time in times if time is not None) - clock.now_us)


@given(LENGTHS, BANDWIDTHS, st.integers(0, 50_000))
def test_the_last_byte_arrives_after_its_transmission_and_the_latency(
    lengths: list[int], bandwidth: int, latency_us: int
) -> None:
    clock = VirtualClock()
    buffer = SocketBuffer(clock, Wire(clock, bandwidth, latency_us))
    for length in lengths:
        buffer.put(length)
    while buffer.look() < sum(lengths):
        _go_on(clock, buffer.arrival_us(sum(lengths)))
    assert clock.now_us == -(-sum(lengths) * US_PER_S // bandwidth) + latency_us


@given(LENGTHS, BANDWIDTHS)
def test_who_sends_waits_until_the_rest_fits_into_the_buffer(lengths: list[int], bandwidth: int) -> None:
    clock = VirtualClock()
    wire = Wire(clock, bandwidth)
    buffer, sent = SocketBuffer(clock, wire), 0
    for length in lengths:
        buffer.put(length)
        sent += length
        while buffer.full:
            before = clock.now_us
            _go_on(clock, buffer.room_us())
            assert clock.now_us > before
        least_us = max(sent - SOCKET_BUFFER_BYTES, 0) * US_PER_S // bandwidth
        most_us = least_us + wire.slice_bytes * US_PER_S // bandwidth + 1
        assert least_us <= clock.now_us <= most_us


@given(st.integers(1, 4096), BANDWIDTHS)
def test_a_page_on_its_own_channel_waits_for_a_slice_of_the_others_and_no_more(length: int, bandwidth: int) -> None:
    clock = VirtualClock()
    wire = Wire(clock, bandwidth)
    busy, urgent = (SocketBuffer(clock, wire) for _ in range(2))
    busy.put(10 * SOCKET_BUFFER_BYTES)
    urgent.put(length)
    while urgent.look() < length:
        _go_on(clock, urgent.arrival_us(length))
    assert clock.now_us <= (wire.slice_bytes + length) * US_PER_S // bandwidth + 1


@given(LENGTHS, BANDWIDTHS, st.integers(0, 100_000))
def test_what_has_not_arrived_when_a_connection_breaks_is_lost(
    lengths: list[int], bandwidth: int, at_us: int
) -> None:
    clock = VirtualClock()
    buffer = SocketBuffer(clock, Wire(clock, bandwidth, 1000))
    for length in lengths:
        buffer.put(length)
    clock.advance(at_us)
    arrived = buffer.look()
    assert buffer.lose() == sum(lengths) - arrived
    clock.advance(US_PER_S)
    assert (buffer.look(), buffer.full) == (arrived, False)


def test_a_link_without_bandwidth_is_refused() -> None:
    with pytest.raises(SavevmError, match="carries nothing"):
        Wire(VirtualClock(), 0)

"""The channel: what is written comes back, and stops at the rate limit or an error."""

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from savevm_inspect.engine.machine.qemu_file import IO_BUF_SIZE, QEMUFile, QEMUFileInput
from savevm_inspect.engine.sim.clock import VirtualClock
from savevm_inspect.engine.sim.pipe import Pipe
from savevm_inspect.engine.sim.scheduler import Scheduler
from savevm_inspect.engine.sim.wire import SocketBuffer, Wire
from savevm_inspect.errors import Truncated

NUMBERS = {"byte": 8, "be16": 16, "be32": 32, "be64": 64}
ITEMS = st.one_of(
    *(st.tuples(st.just(name), st.integers(0, (1 << bits) - 1)) for name, bits in NUMBERS.items()),
    st.tuples(st.just("buffer"), st.binary(max_size=70)),
    st.tuples(st.just("counted_string"), st.text(max_size=60)),
)


def channel() -> tuple[QEMUFile, bytearray]:
    scheduler, out = Scheduler(VirtualClock()), bytearray()
    buffer = SocketBuffer(scheduler.clock, Wire(scheduler.clock, 1_000_000))
    return QEMUFile(Pipe(buffer, scheduler, sink=out.extend)), out


@given(st.lists(ITEMS, max_size=20))
def test_what_is_put_is_got(items: list[tuple[str, object]]) -> None:
    f, out = channel()
    for name, value in items:
        getattr(f, f"put_{name}")(value)
    assert f.fflush() == 0
    assert (f.transferred, f.rate.transferred) == (len(out), len(out))
    back = QEMUFileInput(memoryview(bytes(out)))
    for name, value in items:
        arguments = (len(value),) if isinstance(value, bytes) else ()
        assert getattr(back, f"get_{name}")(*arguments) == value
    assert back.remaining == 0
    with pytest.raises(Truncated):
        back.get_byte()


@given(st.lists(st.integers(1, 3 * IO_BUF_SIZE), max_size=12))
def test_bytes_go_out_when_the_buffer_is_full(lengths: list[int]) -> None:
    f, out = channel()
    for length in lengths:
        f.put_buffer(bytes(length))
        assert f.transferred - f.rate.transferred < IO_BUF_SIZE
        assert f.rate.transferred == len(out)
    f.fflush()
    assert f.rate.transferred == sum(lengths)


def test_the_rate_limit_counts_what_went_out_in_this_window() -> None:
    f, _ = channel()
    assert not f.rate_exceeded()
    f.rate.set(1_000_000)  # a tenth of it in a window of 100 ms
    f.put_buffer(bytes(100_000))
    assert not f.rate_exceeded()
    f.put_buffer(bytes(IO_BUF_SIZE))
    assert f.rate_exceeded()
    f.rate.reset()
    assert not f.rate_exceeded()
    f.put_buffer(bytes(1 << 20))
    f.rate.set(0)
    assert not f.rate_exceeded()


def test_the_first_error_sticks_and_nothing_goes_out_after_it() -> None:
    f, out = channel()
    f.set_error(-errno.EPIPE)
    f.set_error(-errno.EIO)
    f.put_buffer(bytes(2 * IO_BUF_SIZE))
    assert f.fflush() == f.get_error() == -errno.EPIPE
    assert f.rate_exceeded()
    assert not out

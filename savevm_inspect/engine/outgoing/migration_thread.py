"""The migration thread: setup, rounds over all devices, switchover, completion (migration/migration.c)."""

import errno
from contextlib import suppress
from enum import Enum, auto

from ...errors import EngineError, SavevmError
from ...rules.compat import Behaviour
from ...rules.options import Capability
from ...rules.phases import Phase
from ...rules.status import MigrationStatus, is_active
from ...wire import MigCmd
from ..machine.machine import RunState
from ..sim.scheduler import CHECKPOINT, Steps
from .postcopy import postcopy_pause, postcopy_start, send_postcopy_advise
from .state import OutgoingState
from .switchover import switchover_start

_S = MigrationStatus


class _Iterate(Enum):
    """What comes after a round (MigIterateState)."""

    RESUME = auto()
    SKIP = auto()
    BREAK = auto()


class _Error(Enum):
    """What became of an error (MigThrError)."""

    NONE = auto()
    RECOVERED = auto()
    FATAL = auto()


class MigrationThread:
    """Runs one migration on the source.

    Args:
        state: what it shares with the other threads of the source.
    """

    def __init__(self, state: OutgoingState) -> None:
        self._s = state

    def steps(self) -> Steps[None]:
        """Run it to its end; what goes wrong is kept in the source (migration_thread)."""
        s = self._s
        s.pace.begin()
        if (yield from self._setup()):
            s.enter(Phase.ITERATE)
            yield from self._rounds()
        yield from s.finish()

    def _setup(self) -> Steps[bool]:
        """All that comes before the first round; returns whether there will be one."""
        s = self._s
        if s.multifd is not None:
            s.multifd.start()
        yield from s.machine.bql.lock()
        s.savevm.header(s.to_dst_file)
        s.machine.bql.unlock()
        if s.return_path is not None:
            s.savevm.command(s.to_dst_file, MigCmd.MIG_CMD_OPEN_RETURN_PATH)
            s.savevm.ping(s.to_dst_file, 1)
        if s.options.postcopy:
            send_postcopy_advise(s)
        yield CHECKPOINT
        failed = False
        try:
            yield from s.setup()
        except EngineError as error:
            s.propagate(error)
            failed = True
        yield from s.wait_unplug()
        yield CHECKPOINT
        if failed:  # upstream, too, is active for a moment before it says that the setup failed
            s.set_state(_S.FAILED, old=_S.ACTIVE)
        return not failed

    def _rounds(self) -> Steps[None]:
        s = self._s
        urgent = False
        while is_active(s.status):
            if urgent or not s.to_dst_file.rate_exceeded():
                after = yield from self._try_iteration()
                if after is _Iterate.SKIP:
                    continue
                if after is _Iterate.BREAK:
                    return
            error = yield from self._detect_error()
            if error is _Error.FATAL:
                return
            if error is _Error.RECOVERED:
                s.pace.begin()
            urgent = yield from s.pace.rate_limit(s.to_dst_file)

    def _try_iteration(self) -> Steps[_Iterate]:
        """One round; what fails in it sticks to the file, where it is found next."""
        s = self._s
        try:
            return (yield from self._iteration_run())
        except EngineError as error:
            s.propagate(error)
            s.to_dst_file.set_error(-errno.EINVAL)
            return _Iterate.RESUME

    def _iteration_run(self) -> Steps[_Iterate]:
        """Switch over if little enough is left, else send some more (migration_iteration_run)."""
        s = self._s
        in_postcopy = s.in_postcopy
        can_switchover = self._can_switchover()
        pending = yield from s.pending.look()
        if in_postcopy:
            ready = not pending.total
            if s.status is _S.POSTCOPY_DEVICE and (s.package_loaded or ready):
                yield from self._wait_package()
                s.set_state(_S.POSTCOPY_ACTIVE, old=_S.POSTCOPY_DEVICE)
        else:
            if pending.must_precopy <= s.pace.threshold_bytes and can_switchover and s.postcopy_wanted:
                yield from postcopy_start(s)
                s.scheduler.spend(s.machine.costs.round_ns)
                return _Iterate.SKIP
            ready = can_switchover and pending.total <= s.pace.threshold_bytes
        if ready:
            yield from self._completion()
            return _Iterate.BREAK
        yield from s.savevm.iterate(s.to_dst_file, postcopy=in_postcopy)
        s.scheduler.spend(s.machine.costs.round_ns)
        return _Iterate.RESUME

    def _wait_package(self) -> Steps[None]:
        """Wait until the destination has loaded the package, without which postcopy can't end.

        Upstream waits forever if that fails and there is nothing more to send, which would reveal it.

        Raises:
            EngineError: it failed.
        """
        s = self._s
        yield from s.rp_wait(lambda: s.package_loaded or not is_active(s.status), "the package to be loaded")
        if s.error is not None and not s.package_loaded:
            raise s.error

    def _can_switchover(self) -> bool:
        """Whether the destination agrees, if it is asked (migration_can_switchover)."""
        s = self._s
        if not s.options.has(Capability.SWITCHOVER_ACK) or s.machine.runstate is not RunState.RUNNING:
            return True
        if s.machine.compat.has(Behaviour.ACK_ONLY_WHEN_NEEDED) and not s.savevm.needs_switchover_ack():
            return True
        return s.switchover_acked

    def _completion(self) -> Steps[None]:
        """Send all that is left, and see whether it worked (migration_completion)."""
        s = self._s
        try:
            if s.status is _S.ACTIVE:
                s.enter(Phase.SWITCHOVER)
                yield from s.machine.bql.around(self._completion_precopy())
            elif s.status is _S.POSTCOPY_ACTIVE:
                with suppress(EngineError):  # upstream goes on, and finds it in the file below
                    yield from s.machine.bql.around(s.savevm.complete_postcopy(s.to_dst_file))
                s.end_preempt()
            else:
                raise s.fail(f"state {s.status} at the completion")
            if (yield from s.close_return_path()):
                raise s.error or s.fail("the return path failed")
            if s.to_dst_file.get_error():
                raise s.fail(f"the channel failed ({errno.errorcode[-s.to_dst_file.get_error()]})")
        except SavevmError as error:
            s.propagate(error)
            if s.status is not _S.CANCELLING:
                s.set_state(_S.FAILED)
            return
        yield from s.machine.bql.lock()
        s.set_state(_S.COMPLETED)
        s.machine.bql.unlock()

    def _completion_precopy(self) -> Steps[None]:
        """Stop the VM and send all that is left (migration_completion_precopy)."""
        s = self._s
        s.stop_vm(RunState.FINISH_MIGRATE)
        yield from switchover_start(s)
        s.enter(Phase.COMPLETE)
        yield from s.savevm.complete_precopy(s.to_dst_file, s.multifd)

    def _detect_error(self) -> Steps[_Error]:
        """Find out whether the channel broke, and what that means (migration_detect_error)."""
        s = self._s
        if s.status in {_S.CANCELLING, _S.CANCELLED}:
            return _Error.FATAL
        files = [f for f in (s.f, s.preempt) if f is not None]
        failed = next((f.get_error() for f in files if f.get_error()), 0)
        if not failed:
            return _Error.NONE
        s.propagate(s.fail(f"the channel failed ({errno.errorcode[-failed]})"))
        if s.status is _S.POSTCOPY_ACTIVE:
            return _Error.RECOVERED if (yield from postcopy_pause(s)) else _Error.FATAL
        s.set_state(_S.FAILED)
        return _Error.FATAL

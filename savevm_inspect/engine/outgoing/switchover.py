"""The last steps before what is left is sent, in precopy and in postcopy (migration/migration.c)."""

from ...rules.compat import Behaviour
from ...rules.options import Capability
from ...rules.status import MigrationStatus
from ..machine.qemu_file import RATE_LIMIT_DISABLED
from ..sim.scheduler import CHECKPOINT, Steps
from .state import OutgoingState

_S = MigrationStatus


def switchover_start(s: OutgoingState) -> Steps[None]:
    """Go to state ``device``, with a stop on the way if the user wants one (migration_switchover_start).

    Args:
        s: the source; its VM has stopped, and the caller has the lock.

    Raises:
        EngineError: somebody cancelled meanwhile.
    """
    if s.status is _S.CANCELLING:
        raise s.fail("the switchover is interrupted")
    if s.options.has(Capability.PAUSE_BEFORE_SWITCHOVER):
        s.set_state(_S.PRE_SWITCHOVER)
        s.machine.bql.unlock()
        yield from s.wait_continue()
        yield from s.machine.bql.lock()
        s.set_state(_S.DEVICE, old=_S.PRE_SWITCHOVER)
        if s.status is not _S.DEVICE:
            raise s.fail("the switchover is interrupted")
    elif s.machine.compat.has(Behaviour.STATE_DEVICE):
        s.set_state(_S.DEVICE)
    yield CHECKPOINT
    s.rate.set(RATE_LIMIT_DISABLED)
    yield from s.pending.final()
    s.savevm.maybe_send_switchover_start(s.to_dst_file)
    yield CHECKPOINT

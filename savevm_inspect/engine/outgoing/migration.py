"""The source: what its user asks for.

What the migration thread does then is :mod:`.migration_thread`, the background snapshot's
:mod:`.background_snapshot`; what all of them share is :mod:`.state` (all of it migration/migration.c).
"""

import errno

from ...errors import EngineError
from ...rules.compat import Behaviour
from ...rules.options import Capability, Options
from ...rules.phases import Phase
from ...rules.status import MigrationStatus, is_running
from ...rules.threads import Thread
from ..machine.machine import Machine
from ..machine.qemu_file import ChannelInput, FileQEMUFile, QEMUFile
from ..sim.connection import Connector
from ..sim.scheduler import Steps
from .background_snapshot import BackgroundSnapshot
from .migration_thread import MigrationThread
from .multifd_send import MultifdSend
from .return_path import ReturnPath
from .state import OutgoingState

_S = MigrationStatus


class OutgoingMigration(OutgoingState):
    """The sending end; each thing that its user asks for runs in the main thread, under the lock.

    Args:
        machine: the VM that moves.
        options: what the user set.
        connector: connects it with the destination, unless :attr:`target` is set.
    """

    def __init__(self, machine: Machine, options: Options, connector: Connector) -> None:
        super().__init__(machine, options)
        self._connector = connector
        machine.source = self

    def migrate(self) -> Steps[None]:
        """Begin, or go on with a postcopy whose connection broke (qmp_migrate).

        A save_prepare that refuses leaves no trace: nothing was set up, so that nothing is cleaned up.
        """
        resume = self.status is _S.POSTCOPY_PAUSED
        if resume:
            self.set_state(_S.POSTCOPY_RECOVER_SETUP)
            self.error = None
        else:
            try:
                self.savevm.blocked()
                yield from self.savevm.prepare()
            except EngineError as error:
                self.propagate(error)
                return
            self.enter(Phase.SETUP)
            self.set_state(_S.SETUP)
        self._start_outgoing(resume=resume)

    def _start_outgoing(self, *, resume: bool) -> None:
        """Connect, and begin or wake the migration thread (migration_start_outgoing)."""
        parameters = self.options.parameters
        self.rate.set(
            parameters.max_postcopy_bandwidth_bytes_per_s if resume else parameters.max_bandwidth_bytes_per_s
        )
        if self.target is not None:
            self.f = FileQEMUFile(self.target, self.rate)
        else:
            self.connection = self._connector.connect()
            self.f = QEMUFile(self.connection.main, self.rate)
            if self.options.return_path:
                self.return_path = ReturnPath(self, ChannelInput(self.connection.back))
                self.return_path.open()
            if not self.machine.compat.has(Behaviour.PREEMPT_AT_SWITCHOVER):
                self.connect_preempt()
        if resume:
            self.set_state(_S.POSTCOPY_RECOVER)  # which wakes the migration thread
            return
        if self.options.has(Capability.MULTIFD) and self.connection is not None:
            self.multifd = MultifdSend(self, self.connection, self.f)
        if self.options.has(Capability.BACKGROUND_SNAPSHOT):
            self.thread = self.scheduler.start(Thread.SNAPSHOT, BackgroundSnapshot(self).steps())
        else:
            self.thread = self.scheduler.start(Thread.MIGRATION, MigrationThread(self).steps())

    def start_postcopy(self) -> None:
        """Switch to postcopy as soon as only what can follow late is left (qmp_migrate_start_postcopy).

        Raises:
            EngineError: no capability allows it, or no migration has begun.
        """
        if self.status is _S.NONE:
            raise self.fail("migrate-start-postcopy before a migration has begun")
        if not self.options.postcopy:
            raise self.fail("migrate-start-postcopy without a postcopy capability")
        self.postcopy_wanted = True

    def continue_(self) -> None:
        """Go on with the switchover that waits for it (qmp_migrate_continue).

        Raises:
            EngineError: none does.
        """
        if self.status is not _S.PRE_SWITCHOVER:
            raise self.fail(f"migrate-continue in state {self.status}, expected {_S.PRE_SWITCHOVER}")
        self.continued = True

    def pause(self) -> None:
        """Break the connection of a running postcopy on purpose (qmp_migrate_pause).

        Raises:
            EngineError: no postcopy runs.
        """
        if self.status not in {_S.POSTCOPY_ACTIVE, _S.POSTCOPY_RECOVER} or self.connection is None:
            raise self.fail(f"migrate-pause in state {self.status}, expected a running postcopy")
        self.propagate(self.fail("postcopy is paused by the user"))
        self.to_dst_file.set_error(-errno.EIO)  # found also by a thread that has nothing to write just now
        self.connection.fail()

    def cancel(self) -> None:
        """Give up (qmp_migrate_cancel): the connection is broken, and whoever waits finds out.

        Raises:
            EngineError: the destination may run already.
        """
        if self.in_postcopy:
            raise self.fail("postcopy goes on, and can't be cancelled")
        if not is_running(self.status):
            return
        if self.status is not _S.CANCELLING:
            self.set_state(_S.CANCELLING)
        self.continued = True
        if self.connection is not None:
            self.connection.fail()
        if self.f is not None:
            self.f.set_error(-errno.EIO)

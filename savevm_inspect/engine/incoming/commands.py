"""What the destination does when a command comes (migration/savevm.c, loadvm_process_command)."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from ...errors import BadPayload, Unsupported
from ...rules.compat import Behaviour
from ...rules.options import Capability
from ...rules.phases import Phase
from ...stream.command import command_fields
from ...stream.records import Command
from ...wire import MAX_VM_CMD_PACKAGED_SIZE, MigCmd, MigRpMessage
from ..machine.qemu_file import QEMUFileInput
from ..sim.scheduler import CHECKPOINT, Steps, Wait
from .postcopy import Load, PostcopyIncoming
from .state import IncomingState


class IncomingCommands:
    """Obeys commands.

    Args:
        destination: what the threads of this end share.
        postcopy: what obeys the commands of postcopy.
        load: reads what is packaged, and what comes once postcopy listens.
    """

    def __init__(self, destination: IncomingState, postcopy: PostcopyIncoming, load: Load) -> None:
        self._d = destination
        self._postcopy = postcopy
        self._load = load
        self._table: Final[Mapping[MigCmd, Callable[[QEMUFileInput, Command], Steps[bool]]]] = {
            MigCmd.MIG_CMD_OPEN_RETURN_PATH: self._open_return_path,
            MigCmd.MIG_CMD_PING: self._ping,
            MigCmd.MIG_CMD_POSTCOPY_ADVISE: self._postcopy_advise,
            MigCmd.MIG_CMD_POSTCOPY_LISTEN: self._postcopy_listen,
            MigCmd.MIG_CMD_POSTCOPY_RUN: self._postcopy_run,
            MigCmd.MIG_CMD_POSTCOPY_RAM_DISCARD: self._postcopy_ram_discard,
            MigCmd.MIG_CMD_POSTCOPY_RESUME: self._postcopy_resume,
            MigCmd.MIG_CMD_PACKAGED: self._packaged,
            MigCmd.MIG_CMD_RECV_BITMAP: self._recv_bitmap,
            MigCmd.MIG_CMD_SWITCHOVER_START: self._switchover_start,
        }

    def process(self, f: QEMUFileInput, command: Command) -> Steps[bool]:
        """Obey one command.

        Args:
            f: stands after its argument.
            command: which one.

        Returns:
            True if the loops that read records end (LOADVM_QUIT).

        Raises:
            Unsupported: this side does not know it.
            SavevmError: it can't be obeyed here.
        """
        if command.command not in self._table:
            raise Unsupported(f"command {command.command.name}", offset=command.span.offset)
        return (yield from self._table[command.command](f, command))

    def _open_return_path(self, _f: QEMUFileInput, _command: Command) -> Steps[bool]:
        d = self._d
        if d.to_src_file is None:
            d.open_return_path()
            unasked = d.counts_acks and not d.machine.compat.has(Behaviour.ACK_ONLY_WHEN_NEEDED)
            if unasked and d.options.has(Capability.SWITCHOVER_ACK) and not d.switchover_ack_pending:
                d.send(MigRpMessage.MIG_RP_MSG_SWITCHOVER_ACK)  # no device needs to be asked
        yield CHECKPOINT
        return False

    def _ping(self, f: QEMUFileInput, command: Command) -> Steps[bool]:
        if self._d.to_src_file is None:
            raise BadPayload("a ping, and no return path is open", offset=command.span.offset)
        self._d.send(MigRpMessage.MIG_RP_MSG_PONG, _arguments(f, command)["value"])
        yield CHECKPOINT
        return False

    def _postcopy_advise(self, f: QEMUFileInput, command: Command) -> Steps[bool]:
        self._postcopy.advise(_arguments(f, command), command.span.offset)
        yield CHECKPOINT
        return False

    def _postcopy_listen(self, _f: QEMUFileInput, command: Command) -> Steps[bool]:
        self._postcopy.listen(self._load, command.span.offset)
        yield CHECKPOINT
        return False

    def _postcopy_run(self, _f: QEMUFileInput, command: Command) -> Steps[bool]:
        self._postcopy.run(command.span.offset)
        yield CHECKPOINT
        return True

    def _postcopy_ram_discard(self, f: QEMUFileInput, command: Command) -> Steps[bool]:
        fields = [field.value for field in command_fields(f, command)]
        # version, name, its end mark, then a start and a length for each range
        self._postcopy.ram_discard(str(fields[1]), fields[3::2], fields[4::2], command.span.offset)
        yield CHECKPOINT
        return False

    def _postcopy_resume(self, _f: QEMUFileInput, _command: Command) -> Steps[bool]:
        yield from self._postcopy.resume()
        return False

    def _recv_bitmap(self, f: QEMUFileInput, command: Command) -> Steps[bool]:
        d, name = self._d, str(_arguments(f, command)["block"])
        if d.machine.ram is None:
            raise BadPayload("received pages are asked for, and there is no memory", offset=command.span.offset)
        d.send(MigRpMessage.MIG_RP_MSG_RECV_BITMAP, name, bitmap=d.machine.ram.received_bitmap(name))
        yield CHECKPOINT
        return False

    def _packaged(self, f: QEMUFileInput, command: Command) -> Steps[bool]:
        """Read a package as the stream that it is (loadvm_handle_cmd_packaged)."""
        d, length = self._d, _arguments(f, command)["length"]
        if length > MAX_VM_CMD_PACKAGED_SIZE:
            raise BadPayload(f"a package of {length} bytes", offset=command.span.offset)
        offset = f.offset
        yield from f.fill(length)
        package = QEMUFileInput(f.take(length, "a package"), channel=f.channel, base=offset)
        if d.options.has(Capability.POSTCOPY_PREEMPT):
            yield from d.poll(Wait(what="the preempt channel", ready=lambda: self._postcopy.preempt_connected))
        return (yield from self._load(package))

    def _switchover_start(self, _f: QEMUFileInput, _command: Command) -> Steps[bool]:
        """Let everyone know that the source has stopped (loadvm_postcopy_handle_switchover_start)."""
        d = self._d
        d.enter(Phase.SWITCHOVER)
        for entry in d.machine.registry:
            if d.has(entry, "switchover_start"):
                yield from d.call(entry, "switchover_start")
        d.enter(Phase.LOAD)
        return False


def _arguments(f: QEMUFileInput, command: Command) -> dict[str, Any]:
    return {field.name: field.value for field in command_fields(f, command)}

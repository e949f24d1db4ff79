"""Postcopy as the source sees it: the switch to it, and what happens when its connection breaks.

All of it is migration/migration.c; the discarding of stale pages is migration/ram.c's.
"""

import struct

from ...errors import EngineError
from ...rules.compat import Behaviour
from ...rules.options import Capability
from ...rules.phases import Phase
from ...rules.status import MigrationStatus
from ...stream.events import EventKind
from ...wire import QEMU_VM_PING_PACKAGED_LOADED, MigCmd
from ..machine.machine import RunState
from ..machine.qemu_file import BufferFile, QEMUFile
from ..sim.scheduler import CHECKPOINT, Steps, Wait
from .state import OutgoingState
from .switchover import switchover_start

_S = MigrationStatus
_PAUSED = frozenset({_S.POSTCOPY_PAUSED, _S.POSTCOPY_RECOVER_SETUP})
_PACKAGE_HEADER_BYTES = 1 + 2 + 2 + 4


def send_postcopy_advise(s: OutgoingState) -> None:
    """Announce that postcopy may come, so that the destination can refuse (qemu_savevm_send_postcopy_advise)."""
    page_size = s.machine.kind.page_size
    argument = struct.pack(">QQ", page_size, page_size) if s.options.has(Capability.POSTCOPY_RAM) else b""
    s.savevm.command(s.to_dst_file, MigCmd.MIG_CMD_POSTCOPY_ADVISE, argument)


def postcopy_start(s: OutgoingState) -> Steps[None]:
    """Stop the VM, send the device state as a package, and let the destination run (postcopy_start).

    What goes wrong is kept in the source, whose state is ``failed`` afterwards.
    """
    s.savevm.forget_description()
    try:
        if s.options.has(Capability.POSTCOPY_PREEMPT):
            yield from s.wait_main_channel()
            s.open_preempt()
    except EngineError as error:
        _fail(s, error)
        return
    try:
        if s.machine.compat.has(Behaviour.POSTCOPY_PREPARE):
            yield from s.savevm.postcopy_prepare(s.to_dst_file)
    except EngineError as error:
        s.propagate(error)  # upstream, too, goes on in state active, and the next round tries again
        return
    s.enter(Phase.SWITCHOVER)
    yield from s.machine.bql.around(_switch(s))
    yield CHECKPOINT


def _switch(s: OutgoingState) -> Steps[None]:
    """The part of postcopy_start that holds the lock."""
    try:
        if not (s.machine.compat.has(Behaviour.STATE_DEVICE) or s.options.has(Capability.PAUSE_BEFORE_SWITCHOVER)):
            s.set_state(_S.POSTCOPY_ACTIVE)
        s.stop_vm(RunState.FINISH_MIGRATE)
        yield from switchover_start(s)
        s.enter(Phase.COMPLETE)
        yield from _send_package(s)
        s.rate.set(s.options.parameters.max_postcopy_bandwidth_bytes_per_s)
        if s.status is not _S.POSTCOPY_ACTIVE:
            s.set_state(_S.POSTCOPY_DEVICE if _answers_package(s) else _S.POSTCOPY_ACTIVE)
        s.enter(Phase.POSTCOPY)
    except EngineError as error:
        _fail(s, error)


def _answers_package(s: OutgoingState) -> bool:
    """Whether the destination says when it has loaded the package."""
    return s.return_path is not None and s.machine.compat.has(Behaviour.POSTCOPY_DEVICE)


def _fail(s: OutgoingState, error: EngineError) -> None:
    s.propagate(error)
    if s.status is not _S.CANCELLING:
        s.set_state(_S.FAILED)


def _send_package(s: OutgoingState) -> Steps[None]:
    """Complete what can't follow late, discard what is stale, and send all device state at once."""
    f = s.to_dst_file
    yield from s.savevm.complete_precopy_iterable(f, in_postcopy=True, multifd=s.multifd)
    ram = s.machine.ram if s.options.has(Capability.POSTCOPY_RAM) else None
    if ram is not None:
        with s.asking(ram):
            discards = ram.discards()
        for block, ranges in discards:
            s.savevm.command(f, MigCmd.MIG_CMD_POSTCOPY_RAM_DISCARD, _discard(block, ranges))
            yield CHECKPOINT
        s.savevm.ping(f, 2)
    package = BufferFile(f.channel, base=f.transferred + _PACKAGE_HEADER_BYTES)
    s.savevm.command(package, MigCmd.MIG_CMD_POSTCOPY_LISTEN)
    yield from s.savevm.complete_precopy_non_iterable(package, in_postcopy=True)
    if ram is not None:
        s.savevm.ping(package, 3)
    if _answers_package(s):
        s.savevm.ping(package, QEMU_VM_PING_PACKAGED_LOADED)
    s.savevm.command(package, MigCmd.MIG_CMD_POSTCOPY_RUN)
    yield CHECKPOINT
    _check(s, f)
    content = package.content()
    s.savevm.packaged(f, content)
    if ram is not None:
        s.savevm.ping(f, 4)
    yield CHECKPOINT
    _check(s, f)


def _check(s: OutgoingState, f: QEMUFile) -> None:
    if f.get_error():
        raise s.fail("the channel failed on the way to postcopy")


def _discard(block: str, ranges: list[tuple[int, int]]) -> bytes:
    """The argument of a discard: version, name with its end mark, then start and length of each range."""
    name = block.encode()
    return bytes((0, len(name))) + name + b"\0" + b"".join(struct.pack(">QQ", *each) for each in ranges)


def postcopy_pause(s: OutgoingState) -> Steps[bool]:
    """Wait until somebody connects again, and go on from there (postcopy_pause).

    Returns:
        Whether postcopy goes on; it pauses again as often as it must.
    """
    while True:
        yield from s.close_return_path()
        s.release_files()
        s.enter(Phase.POSTCOPY_PAUSED)
        s.set_state(_S.POSTCOPY_PAUSED)
        yield Wait(what="a new connection", ready=lambda: s.status not in _PAUSED, waits_for_user=True)
        if s.status is not _S.POSTCOPY_RECOVER:
            return False
        s.enter(Phase.POSTCOPY_RECOVER)
        if (yield from _do_resume(s)):
            s.enter(Phase.POSTCOPY)
            s.emit(EventKind.LOG, name="postcopy continued")
            yield CHECKPOINT
            return True


def _do_resume(s: OutgoingState) -> Steps[bool]:
    """Agree with the destination on what it has, then go on (postcopy_do_resume, postcopy_resume_handshake)."""
    try:
        yield from s.savevm.resume_prepare(s)
        s.open_preempt()
    except EngineError as error:
        s.propagate(error)
        return False
    s.savevm.command(s.to_dst_file, MigCmd.MIG_CMD_POSTCOPY_RESUME)
    yield from s.rp_wait(lambda: s.status is not _S.POSTCOPY_RECOVER, "the destination to be ready to resume")
    return s.status is _S.POSTCOPY_ACTIVE

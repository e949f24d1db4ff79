"""The source's ear: a thread that reads what the destination sends back (source_return_path_thread)."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from ...errors import SavevmError, Truncated
from ...rules.status import MigrationStatus, is_running
from ...rules.threads import Thread
from ...stream.events import EventKind
from ...stream.return_path import ReturnMessage, read_return_message
from ...wire import QEMU_VM_PING_PACKAGED_LOADED, MigRpMessage
from ..machine.qemu_file import QEMUFileInput
from ..machine.side import MigrationSide
from ..sim.scheduler import CHECKPOINT, Steps, Task

_S = MigrationStatus
_M = MigRpMessage


class ReturnPath:
    """One connection's way back.

    Args:
        side: the source, which listens.
        f: what it hears.

    Attributes:
        task: the thread; ``None`` before it was begun.
        pongs: how many were heard.
        package_loaded: the destination has loaded the device state of postcopy.
        switchover_acks: how often the destination agreed to the switchover.
    """

    def __init__(self, side: MigrationSide, f: QEMUFileInput) -> None:
        self._side = side
        self._f = f
        self.task: Task | None = None
        self.pongs = 0
        self.package_loaded = False
        self.switchover_acks = 0

    def open(self) -> None:
        """Begin to listen (open_return_path_on_source)."""
        self.task = self._side.scheduler.start(Thread.RETURN_PATH, self._listen())

    def _listen(self) -> Steps[None]:
        side = self._side
        try:
            while is_running(side.status):
                if not (yield from self._f.fill(1)):
                    raise Truncated("the return path ended", offset=self._f.offset)
                message = yield from self._f.record(lambda: read_return_message(self._f))
                side.emit(
                    EventKind.RECORD,
                    name=message.message.name,
                    offset=message.span.offset,
                    length=message.span.length,
                    upstream="return path",
                )
                if message.message is _M.MIG_RP_MSG_SHUT:
                    self._shut(message)
                    break
                _HANDLERS[message.message](self, message)
                yield CHECKPOINT
        except SavevmError as error:
            side.propagate(error)
        yield CHECKPOINT

    def _shut(self, message: ReturnMessage) -> None:
        if _value(message, "error"):
            raise self._side.fail("the destination says that it failed")

    def _pong(self, message: ReturnMessage) -> None:
        self.pongs += 1
        if _value(message, "value") == QEMU_VM_PING_PACKAGED_LOADED:
            self.package_loaded = True

    def _req_pages(self, message: ReturnMessage) -> None:
        side, start, length = self._side, _value(message, "start"), _value(message, "len")
        block = _value(message, "block") if message.message is _M.MIG_RP_MSG_REQ_PAGES_ID else None
        side.emit(EventKind.PAGE_REQUEST, name=block, addr=start, length=length)
        if side.machine.ram is None:
            raise side.fail("a page is asked for, and there is no memory")
        side.machine.ram.queue_pages(block, start, length)

    def _recv_bitmap(self, message: ReturnMessage) -> None:
        side = self._side
        if side.machine.ram is None:
            raise side.fail("a bitmap of received pages, and there is no memory")
        side.machine.ram.reload_dirty_bitmap(_value(message, "block"), _value(message, "bitmap"))

    def _resume_ack(self, _message: ReturnMessage) -> None:
        self._side.set_state(_S.POSTCOPY_ACTIVE, old=_S.POSTCOPY_RECOVER)

    def _switchover_ack(self, _message: ReturnMessage) -> None:
        self.switchover_acks += 1


def _value(message: ReturnMessage, name: str) -> Any:
    return next(field.value for field in message.arguments if field.name == name)


_HANDLERS: Final[Mapping[MigRpMessage, Callable[[ReturnPath, ReturnMessage], None]]] = {
    _M.MIG_RP_MSG_PONG: ReturnPath._pong,
    _M.MIG_RP_MSG_REQ_PAGES: ReturnPath._req_pages,
    _M.MIG_RP_MSG_REQ_PAGES_ID: ReturnPath._req_pages,
    _M.MIG_RP_MSG_RECV_BITMAP: ReturnPath._recv_bitmap,
    _M.MIG_RP_MSG_RESUME_ACK: ReturnPath._resume_ack,
    _M.MIG_RP_MSG_SWITCHOVER_ACK: ReturnPath._switchover_ack,
}
"""What each message does on the source."""

"""The source's ear: a thread that reads what the destination sends back (source_return_path_thread)."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from ...errors import SavevmError, Truncated
from ...rules.status import MigrationStatus, is_running
from ...rules.threads import Thread
from ...stream.events import EventKind
from ...stream.return_path import ReturnMessage, read_return_message
from ...wire import QEMU_VM_PING_PACKAGED_LOADED, MigRpMessage
from ..machine.qemu_file import PipeInput
from ..sim.scheduler import CHECKPOINT, Steps, Task

if TYPE_CHECKING:
    from .migration import OutgoingMigration

_S = MigrationStatus
_M = MigRpMessage


class ReturnPath:
    """One connection's way back.

    Args:
        source: who listens.
        f: what it hears.

    Attributes:
        pongs: how many were heard.
    """

    def __init__(self, source: "OutgoingMigration", f: PipeInput) -> None:
        self._s = source
        self._f = f
        self.task: Task | None = None
        self.pongs = 0

    def open(self) -> None:
        """Begin to listen (open_return_path_on_source)."""
        self.task = self._s.scheduler.start(Thread.RETURN_PATH, self._listen())

    def _listen(self) -> Steps[None]:
        s = self._s
        try:
            while is_running(s.status):
                if not (yield from self._f.more()):
                    raise Truncated("the return path ended", offset=self._f.offset)
                message = read_return_message(self._f)
                s.emit(
                    EventKind.RECORD,
                    name=message.message.name,
                    offset=message.span.offset,
                    length=message.span.length,
                    upstream="return path",
                )
                if message.message is _M.MIG_RP_MSG_SHUT:
                    _shut(s, message)
                    break
                _HANDLERS[message.message](s, message)
                yield CHECKPOINT
        except SavevmError as error:
            s.propagate(error)
        yield CHECKPOINT


def _value(message: ReturnMessage, name: str) -> Any:
    return next(field.value for field in message.arguments if field.name == name)


def _shut(s: "OutgoingMigration", message: ReturnMessage) -> None:
    if _value(message, "error"):
        raise s.fail("the destination says that it failed")


def _pong(s: "OutgoingMigration", message: ReturnMessage) -> None:
    assert s.return_path is not None
    s.return_path.pongs += 1
    if _value(message, "value") == QEMU_VM_PING_PACKAGED_LOADED:
        s.package_loaded = True


def _req_pages(s: "OutgoingMigration", message: ReturnMessage) -> None:
    start, length = _value(message, "start"), _value(message, "len")
    block = _value(message, "block") if message.message is _M.MIG_RP_MSG_REQ_PAGES_ID else None
    s.emit(EventKind.PAGE_REQUEST, name=block, addr=start, length=length)
    if s.machine.ram is None:
        raise s.fail("a page is asked for, and there is no memory")
    s.machine.ram.queue_pages(block, start, length)


def _recv_bitmap(s: "OutgoingMigration", message: ReturnMessage) -> None:
    if s.machine.ram is None:
        raise s.fail("a bitmap of received pages, and there is no memory")
    s.machine.ram.reload_dirty_bitmap(_value(message, "block"), _value(message, "bitmap"))


def _resume_ack(s: "OutgoingMigration", _message: ReturnMessage) -> None:
    s.set_state(_S.POSTCOPY_ACTIVE, old=_S.POSTCOPY_RECOVER)


def _switchover_ack(s: "OutgoingMigration", _message: ReturnMessage) -> None:
    s.switchover_acked = True


_HANDLERS: Final[Mapping[MigRpMessage, Callable[["OutgoingMigration", ReturnMessage], None]]] = {
    _M.MIG_RP_MSG_PONG: _pong,
    _M.MIG_RP_MSG_REQ_PAGES: _req_pages,
    _M.MIG_RP_MSG_REQ_PAGES_ID: _req_pages,
    _M.MIG_RP_MSG_RECV_BITMAP: _recv_bitmap,
    _M.MIG_RP_MSG_RESUME_ACK: _resume_ack,
    _M.MIG_RP_MSG_SWITCHOVER_ACK: _switchover_ack,
}
"""What each message does on the source."""

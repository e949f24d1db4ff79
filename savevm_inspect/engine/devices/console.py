"""``console``: a device of the old kind: it writes its bytes by itself, and reads what older ones wrote, too.

It has no description, so that a stream describes it as one buffer, and no error to return when it is saved: what it
can't save it says by the file.
"""

import errno
from typing import Any, Final

from ...errors import BadPayload
from ..machine.handlers import DeviceError, SaveVMHandlers
from ..machine.machine import Machine
from ..machine.qemu_file import QEMUFile, QEMUFileInput
from ..sim.scheduler import Steps

IDSTR: Final = "console"
COLUMNS: Final = 80
_OLDEST_VERSION: Final = 1
_CURSOR_VERSION: Final = 2


class Console:
    """Lines of text, the last of which the guest goes on writing.

    Args:
        machine: whose guest writes a character for each page that it writes to.
        version_id: of the format; 2 added the position of the cursor.
        num_lines: how many are kept.

    Attributes:
        lines: the text, oldest line first.
        column: where the next character goes.
    """

    def __init__(self, machine: Machine, version_id: int = _CURSOR_VERSION, num_lines: int = 25) -> None:
        self._version_id = version_id
        self._num_lines = num_lines
        self.lines = [""]
        self.column = 0
        machine.guest.on_write.append(self._write)

    @classmethod
    def attach(cls, machine: Machine, **options: Any) -> "Console":
        """Build it into a machine and register it.

        Args:
            machine: whose.
            **options: those of the class.
        """
        device = cls(machine, **options)
        machine.registry.register_savevm_live(IDSTR, 0, device._version_id, SaveVMHandlers.of(cls), device)
        return device

    def _write(self, page: int) -> None:
        if self.column == COLUMNS:
            self.lines, self.column = [*self.lines, ""][-self._num_lines :], 0
        self.lines[-1] = self.lines[-1][: self.column] + chr(ord("a") + page % 26)
        self.column += 1

    def save_state(self, f: QEMUFile) -> None:
        """Write the lines, each after its length, and the cursor."""
        if not 0 <= self.column <= COLUMNS:
            f.set_error(-errno.EINVAL)
            return
        f.put_be16(len(self.lines))
        for line in self.lines:
            f.put_counted_string(line)
        if self._version_id >= _CURSOR_VERSION:
            f.put_byte(self.column)

    def load_state(self, f: QEMUFileInput, version_id: int) -> Steps[int]:
        """Read what any version wrote; before the cursor was sent, it was after the last character."""
        if version_id < _OLDEST_VERSION:
            raise DeviceError(f"version {version_id}, at least {_OLDEST_VERSION} is read")
        yield from f.fill(2)
        offset, count = f.offset, f.get_be16()
        if not 1 <= count <= self._num_lines:
            raise BadPayload(f"{count} lines, this side keeps {self._num_lines}", offset=offset, section=f.section)
        self.lines = []
        for _ in range(count):
            yield from f.fill_counted()
            self.lines.append(f.get_counted_string())
        self.column = len(self.lines[-1])
        if version_id >= _CURSOR_VERSION:
            yield from f.fill(1)
            self.column = f.get_byte()
        return 0

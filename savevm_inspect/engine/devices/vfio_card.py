"""A card that is passed through, as the kernel shows it: states, and a file to read its state from or write it to.

What lies in that file is the card's own business; QEMU moves it without a look. Ours is made of records: offset and
length in four bytes each, then the content; the register comes last, under an offset that no memory has.
"""

from enum import StrEnum
from struct import Struct
from typing import Final

from ..machine.handlers import DeviceError

BLOCK_BYTES: Final = 256
"""How finely the card notes what it has changed."""

_HEAD: Final = Struct(">II")
_REGISTER: Final = Struct(">Q")
_REGISTER_OFFSET: Final = 0xFFFFFFFF
_RECORD_BYTES: Final = _HEAD.size + BLOCK_BYTES
_LAST_RECORD_BYTES: Final = _HEAD.size + _REGISTER.size
_SPREAD: Final = 0x9E3779B1  # an odd number that sends neighbours far apart (Knuth's multiplicative hash)


class CardState(StrEnum):
    """What a card does, by the names of the kernel's interface (linux/vfio.h, vfio_device_mig_state)."""

    RUNNING = "RUNNING"
    PRE_COPY = "PRE_COPY"
    STOP = "STOP"
    STOP_COPY = "STOP_COPY"
    RESUMING = "RESUMING"


class Card:
    """Memory of its own, a register that counts what it did, and a note of what changed.

    Args:
        memory: what it holds at first, a whole number of blocks.
        initial_bytes: how much of it the other side should have early, because making it takes long there.

    Attributes:
        memory: its bytes.
        register: how much it has done; with the memory, all of its state.
        state: what it does.
    """

    def __init__(self, memory: bytes, initial_bytes: int) -> None:
        self.memory = bytearray(memory)
        self.register = 0
        self.state = CardState.RUNNING
        self._initial_blocks = initial_bytes // BLOCK_BYTES
        self._dirty: set[int] = set()
        self._initial: set[int] = set()
        self._out = bytearray()
        self._initial_out = 0
        self._register_due = False
        self._in = bytearray()

    @property
    def num_blocks(self) -> int:
        """Length of its memory in blocks."""
        return len(self.memory) // BLOCK_BYTES

    def work(self) -> None:
        """Do one thing: change a word somewhere, and count it."""
        self.register += 1
        block = self.register * _SPREAD % self.num_blocks
        start = block * BLOCK_BYTES
        self.memory[start : start + _REGISTER.size] = _REGISTER.pack(self.register)
        if self.state is CardState.PRE_COPY:
            self._dirty.add(block)

    def set_state(self, state: CardState) -> None:
        """Change what it does (VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE)."""
        before, self.state = self.state, state
        if state is CardState.PRE_COPY or (state is CardState.STOP_COPY and before is not CardState.PRE_COPY):
            self._initial = set(range(self._initial_blocks))
            self._dirty = set(range(self.num_blocks))
            self._out.clear()
            self._initial_out = 0
        if state is CardState.STOP_COPY:
            self._register_due = True
        if state is CardState.RESUMING:
            self._in.clear()

    def stop_copy(self) -> None:
        """Have the stopped card give all of its state; one that gave some before goes on from there."""
        if self.state is not CardState.STOP_COPY:
            self.set_state(CardState.STOP_COPY)

    @property
    def precopy_sizes(self) -> tuple[int, int]:
        """Bytes of initial and of other data that can be read by now (VFIO_MIG_GET_PRECOPY_INFO)."""
        initial = len(self._initial) * _RECORD_BYTES + self._initial_out
        return initial, len(self._out) + len(self._dirty) * _RECORD_BYTES - initial

    @property
    def stop_copy_bytes(self) -> int:
        """Bytes there are to read if it stops now (VFIO_DEVICE_FEATURE_MIG_DATA_SIZE)."""
        if self.state in (CardState.PRE_COPY, CardState.STOP_COPY):
            return len(self._out) + len(self._dirty) * _RECORD_BYTES + _LAST_RECORD_BYTES
        return self.num_blocks * _RECORD_BYTES + _LAST_RECORD_BYTES

    def read(self, limit: int) -> bytes:
        """Take the next bytes of its state, wherever that cuts a record; empty if there is nothing for now.

        Args:
            limit: how many at most.
        """
        while len(self._out) < limit and self._dirty:
            block = min(self._initial or self._dirty)
            if block in self._initial:
                self._initial_out += _RECORD_BYTES
            self._initial.discard(block)
            self._dirty.discard(block)
            start = block * BLOCK_BYTES
            self._out += _HEAD.pack(start, BLOCK_BYTES) + self.memory[start : start + BLOCK_BYTES]
        if len(self._out) < limit and self._register_due:
            self._register_due = False
            self._out += _HEAD.pack(_REGISTER_OFFSET, _REGISTER.size) + _REGISTER.pack(self.register)
        data = bytes(self._out[:limit])
        del self._out[:limit]
        self._initial_out = max(0, self._initial_out - len(data))
        return data

    def write(self, data: bytes) -> None:
        """Take the next bytes of another card's state.

        Raises:
            DeviceError: a record is for an offset that it does not have.
        """
        self._in += data
        while len(self._in) >= _HEAD.size:
            offset, length = _HEAD.unpack_from(self._in)
            is_register = offset == _REGISTER_OFFSET
            if length != (_REGISTER.size if is_register else BLOCK_BYTES):
                raise DeviceError(f"a record of {length} bytes for offset {offset:#x} of the card")
            if not is_register and offset > len(self.memory) - length:
                raise DeviceError(f"a record for offset {offset:#x} of a card of {len(self.memory):#x} bytes")
            if len(self._in) < _HEAD.size + length:
                return
            content = bytes(self._in[_HEAD.size : _HEAD.size + length])
            del self._in[: _HEAD.size + length]
            if is_register:
                (self.register,) = _REGISTER.unpack(content)
            else:
                self.memory[offset : offset + length] = content

    def require_whole(self) -> None:
        """Make sure that no record was cut.

        Raises:
            DeviceError: the last one was.
        """
        if self._in:
            raise DeviceError(f"the card's state ends {len(self._in)} bytes into a record")

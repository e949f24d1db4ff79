"""Field types that are one number: VMStateInfo name -> how it lies in the stream.

The table serves the decoder, which finds a type's name in the description, and the engine, which writes it
(migration/vmstate-types.c; timers are migration/savevm.c, put_timer).
"""

from dataclasses import dataclass
from struct import Struct


@dataclass(frozen=True, slots=True)
class Scalar:
    """One number of fixed width.

    Attributes:
        code: its letter for :mod:`struct`.
    """

    code: str

    @property
    def format(self) -> str:
        """The format string for :mod:`struct`; the stream is big-endian throughout."""
        return ">" + self.code

    @property
    def size_bytes(self) -> int:
        """Width in bytes."""
        return Struct(self.format).size

    def pack(self, value: int | bool) -> bytes:
        """The bytes of a value.

        Raises:
            struct.error: the value does not fit the width.
        """
        return Struct(self.format).pack(value)


SCALARS: dict[str, Scalar] = {
    "bool": Scalar("?"),
    "int8": Scalar("b"),
    "int16": Scalar("h"),
    "int32": Scalar("i"),
    "int64": Scalar("q"),
    "uint8": Scalar("B"),
    "uint16": Scalar("H"),
    "uint32": Scalar("I"),
    "uint64": Scalar("Q"),
    "int32 equal": Scalar("i"),
    "uint8 equal": Scalar("B"),
    "uint16 equal": Scalar("H"),
    "uint32 equal": Scalar("I"),
    "int64 equal": Scalar("q"),
    "int32 le": Scalar("i"),  # "less or equal", not little-endian: the destination accepts no larger one
    "timer": Scalar("q"),
    "fd": Scalar("i"),
}

"""A hint to the processor, for compiled code: what lies there is wanted soon. numba has no function for it."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

_READ, _KEEP_IN_ALL_CACHES, _DATA = 0, 3, 1
"""What the intrinsic ``llvm.prefetch`` gets after the address; see LLVM's language reference."""


@intrinsic
def prefetch(_typing: Any, data: Any, offset: Any) -> Any:
    """Begin to load a byte, and don't wait for it.

    Args:
        _typing: numba's own; compiled code does not give it.
        data: array of bytes in one piece.
        offset: of the byte, unsigned; after the array's end the hint does nothing.
    """
    return types.void(data, offset), _emit


def _emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    array = context.make_array(signature.args[0])(context, builder, arguments[0])
    address = builder.gep(array.data, [arguments[1]])
    word = ir.IntType(32)
    hint = builder.module.declare_intrinsic(
        "llvm.prefetch", (address.type,), ir.FunctionType(ir.VoidType(), (address.type, word, word, word))
    )
    builder.call(hint, (address, word(_READ), word(_KEEP_IN_ALL_CACHES), word(_DATA)))
    return context.get_dummy_value()

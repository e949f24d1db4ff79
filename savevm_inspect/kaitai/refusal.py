"""What the compiled modules refuse, in this package's words."""

from kaitaistruct import EndOfStreamError, KaitaiStream, KaitaiStructError

from ..errors import BadMagic, BadPayload, SavevmError, Truncated

REFUSALS = (KaitaiStructError, UnicodeDecodeError, RecursionError, SavevmError)
"""All that reading bytes of somebody else's may raise."""

_MAGIC_PATHS = ("/seq/0", "/seq/1")
"""Places of magic and version in the formats that open with them."""


def refusal(error: Exception, io: KaitaiStream) -> SavevmError:
    """One error of :data:`REFUSALS` as one of ours.

    Args:
        error: what was raised.
        io: the stream, as it was left.
    """
    if isinstance(error, SavevmError):
        return error
    words = " ".join(str(error).split())
    offset = io.pos()
    if isinstance(error, EndOfStreamError):
        return Truncated(f"the stream ends early ({words})", offset=offset)
    if isinstance(error, RecursionError):
        return BadPayload("more open sections than any stream has", offset=offset)
    if getattr(error, "src_path", "") in _MAGIC_PATHS and offset <= io.start + _HEADER_BYTES:
        return BadMagic(f"not a migration stream of version 3 ({words})", offset=offset - _WORD_BYTES)
    return BadPayload(f"against the format ({words})", offset=offset)


_HEADER_BYTES = 8
_WORD_BYTES = 4

"""See, step by step, what happens when a virtual machine is saved, migrated and loaded.

The public names are flat and resolved late, so that importing the package costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import kaitai as kaitai
    from .errors import SavevmError as SavevmError
    from .reader.stream import Stream as Stream
    from .reader.stream import open_stream as open_stream
    from .views.tables import tables as tables
    from .widgets.explorer import explore as explore
    from .widgets.player import replay as replay

__version__ = "0.1.0"

_PUBLIC = {
    "SavevmError": ".errors",
    "Stream": ".reader.stream",
    "explore": ".widgets.explorer",
    "open_stream": ".reader.stream",
    "replay": ".widgets.player",
    "tables": ".views.tables",
}
_ROOMS = ("kaitai",)
"""Rooms that are public by their name: their functions are asked of them."""


def __getattr__(name: str) -> object:
    """Import a public name's module when the name is first used."""
    if name in _ROOMS:
        return import_module(f".{name}", __name__)
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_PUBLIC[name], __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC, *_ROOMS})

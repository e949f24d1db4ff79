"""See, step by step, what happens when a virtual machine is saved, migrated and loaded.

Everything that a notebook or a script needs is here, each name imported when it is first used::

    import savevm_inspect as si

    with si.open_stream("vm.mig") as stream:     # a stream in any container: devices, fields, pages, memory
        stream["serial"].fields
    run = si.run("postcopy", latency_us=2000)    # a migration of the engine, in virtual time
    si.replay(run)                               # in a notebook, event by event

Errors are a :class:`SavevmError`, one line each, with the offset. docs/api.md has all of it.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import kaitai as kaitai
    from . import quiz as quiz
    from .answers.explain import Explanation as Explanation
    from .answers.explain import explain as explain
    from .container.capture_folder import CaptureFolder as CaptureFolder
    from .editor.edit import Edit as Edit
    from .engine.checks.check_device import DeviceReport as DeviceReport
    from .engine.checks.check_device import check_device as check_device
    from .engine.devices.declared import device as device
    from .engine.front import load as load
    from .engine.front import run as run
    from .engine.front import scenario as scenario
    from .engine.play.load import Load as Load
    from .engine.play.run import Outcome as Outcome
    from .engine.play.run import Run as Run
    from .engine.play.scenario import Scenario as Scenario
    from .engine.play.script import Step as Step
    from .engine.play.script import UserAction as UserAction
    from .engine.scenarios import SCENARIOS as scenarios  # noqa: N811
    from .errors import SavevmError as SavevmError
    from .reader.device import Device as Device
    from .reader.stream import Stream as Stream
    from .reader.stream import open_stream as open_stream
    from .recorder.record import record as record
    from .span import Span as Span
    from .stream.events import Event as Event
    from .stream.values import FieldValue as FieldValue
    from .timeline.timeline import Timeline as Timeline
    from .views.bytes import name_bytes as name_bytes
    from .views.ram import ram_stats as ram_stats
    from .views.series import pending_series as pending_series
    from .views.sweep import sweep as sweep
    from .views.table import Table as Table
    from .views.tables import tables as tables
    from .widgets import figures as figures
    from .widgets.explorer import explore as explore
    from .widgets.player import replay as replay
    from .widgets.show import show_bytes as show_bytes
    from .widgets.show import show_format as show_format
    from .widgets.show import show_table as show_table

__version__ = "0.1.0"

_PUBLIC: Mapping[str, str] = {
    # streams
    "open_stream": ".reader.stream",
    "Stream": ".reader.stream",
    "Device": ".reader.device",
    "FieldValue": ".stream.values",
    "Edit": ".editor.edit",
    "Span": ".span",
    "Table": ".views.table",
    "tables": ".views.tables",
    "ram_stats": ".views.ram",
    "name_bytes": ".views.bytes",
    "kaitai": ".kaitai:",
    "explain": ".answers.explain",
    "Explanation": ".answers.explain",
    # migrations
    "scenarios": ".engine.scenarios:SCENARIOS",
    "scenario": ".engine.front",
    "Scenario": ".engine.play.scenario",
    "run": ".engine.front",
    "Run": ".engine.play.run",
    "Outcome": ".engine.play.run",
    "sweep": ".views.sweep",
    "load": ".engine.front",
    "Load": ".engine.play.load",
    "device": ".engine.devices.declared",
    "quiz": ".quiz:",
    "check_device": ".engine.checks.check_device",
    "DeviceReport": ".engine.checks.check_device",
    "Step": ".engine.play.script",
    "UserAction": ".engine.play.script",
    "record": ".recorder.record",
    "CaptureFolder": ".container.capture_folder",
    "Event": ".stream.events",
    "Timeline": ".timeline.timeline",
    "pending_series": ".views.series",
    # in a notebook
    "replay": ".widgets.player",
    "explore": ".widgets.explorer",
    "figures": ".widgets.figures:",
    "show_bytes": ".widgets.show",
    "show_table": ".widgets.show",
    "show_format": ".widgets.show",
    # what is raised
    "SavevmError": ".errors",
}
"""Each public name and the module that has it; the name there stands after a colon where it differs, and nothing
after the colon is the module itself."""

__all__ = [
    "CaptureFolder",
    "Device",
    "DeviceReport",
    "Edit",
    "Event",
    "Explanation",
    "FieldValue",
    "Load",
    "Outcome",
    "Run",
    "SavevmError",
    "Scenario",
    "Span",
    "Step",
    "Stream",
    "Table",
    "Timeline",
    "UserAction",
    "check_device",
    "device",
    "explain",
    "explore",
    "figures",
    "kaitai",
    "load",
    "name_bytes",
    "open_stream",
    "pending_series",
    "quiz",
    "ram_stats",
    "record",
    "replay",
    "run",
    "scenario",
    "scenarios",
    "show_bytes",
    "show_format",
    "show_table",
    "sweep",
    "tables",
]


if not TYPE_CHECKING:  # a type checker takes this for the leave to use any name

    def __getattr__(name: str) -> object:
        """Import a public name's module when the name is first used."""
        if name not in _PUBLIC:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module, colon, attribute = _PUBLIC[name].partition(":")
        value: object = import_module(module, __name__)
        if attribute or not colon:
            value = getattr(value, attribute or name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    """All names, but for those that an extra brings which is not installed: they raise when they are used."""
    try:
        import_module(".widgets", __name__)
    except ImportError:
        return sorted({*globals(), *(name for name, module in _PUBLIC.items() if not module.startswith(".widgets"))})
    return sorted({*globals(), *_PUBLIC})

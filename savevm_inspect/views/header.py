"""What is known of a register.h: of each callback that it declares, and of the version that it is like."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, Final

from ..rules.callbacks import Callback
from ..rules.interfaces import INTERFACES, Interface, find_callback
from ..rules.register_h import DeclaredCallback

_NEAR: Final = 0.6


def header_document(declared: Sequence[DeclaredCallback]) -> dict[str, Any]:
    """All of it, as ``savevm-inspect header --json`` prints it.

    Args:
        declared: the members of the structure.
    """
    nearest = min(reversed(tuple(INTERFACES.values())), key=lambda each: _distance(declared, each))
    return {
        "equals": nearest.version if not _distance(declared, nearest) else None,
        "nearest": _compared(declared, nearest),
        "callbacks": [_row(each, nearest) for each in declared],
    }


def _compared(declared: Sequence[DeclaredCallback], interface: Interface) -> dict[str, Any]:
    """How a header differs from a version."""
    here = {each.name: each for each in declared}
    both = [name for name in here if name in interface.callbacks]
    return {
        "version": interface.version,
        "source": interface.source.value,
        "evidence": interface.evidence,
        "missing": [name for name in interface.callbacks if name not in here],
        "more": [name for name in here if name not in interface.callbacks],
        "other_parameters": [
            {"name": name, "here": here[name].declared, "there": str(interface.callbacks[name].signature)}
            for name in both
            if not _same_types(here[name], interface.callbacks[name])
        ],
        "other_order": both != [name for name in interface.callbacks if name in here],
    }


def _distance(declared: Sequence[DeclaredCallback], interface: Interface) -> int:
    compared = _compared(declared, interface)
    lists = ("missing", "more", "other_parameters")
    return sum(len(compared[key]) for key in lists) + int(compared["other_order"])


def _same_types(declared: DeclaredCallback, callback: Callback) -> bool:
    return declared.signature is not None and declared.signature.types == callback.signature.types


def _row(declared: DeclaredCallback, nearest: Interface) -> dict[str, Any]:
    callback = nearest.callbacks.get(declared.name) or find_callback(declared.name)
    row: dict[str, Any] = {
        "name": declared.name,
        "line": declared.line,
        "declared": declared.declared,
        "known": callback is not None,
        "versions": [each.version for each in INTERFACES.values() if declared.name in each.callbacks],
    }
    if callback is None:
        names = {name: None for each in INTERFACES.values() for name in each.callbacks}
        return row | {"near": get_close_matches(declared.name, names, n=3, cutoff=_NEAR)}
    meanings = {parameter.name: parameter.meaning for parameter in callback.signature.parameters}
    parameters = declared.signature.parameters if declared.signature is not None else ()
    return row | {
        "promise": callback.promise,
        "sides": [side.value for side in callback.sides],
        "phases": [phase.value for phase in callback.phases],
        "threads": [thread.value for thread in callback.threads],
        "bql": callback.bql.value,
        "returns": callback.returns.value,
        "absent": callback.absent,
        "legacy": callback.legacy,
        "advice": callback.advice,
        "parameters": [
            {"name": each.name, "type": each.ctype, "meaning": meanings.get(each.name, "")} for each in parameters
        ],
    }

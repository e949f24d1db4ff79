"""One scenario run for each of some values: a row for each run."""

from collections.abc import Iterable, Sequence
from itertools import product
from typing import Any, Final

from ..engine.front import run
from ..engine.front import scenario as scenario_of
from ..engine.play.run import Run
from ..engine.play.scenario import Scenario
from ..errors import SavevmError
from .columns import Column, ColumnType
from .table import Table

_RESULTS: Final = (
    (Column("outcome", ColumnType.TEXT, "how the run ended"), lambda run: run.outcome.value),
    (Column("total_us", ColumnType.INT64, "from the beginning to the end"), lambda run: run.total_us),
    (
        Column("downtime_us", ColumnType.INT64, "QEMU's figure: to the completion, or to postcopy", optional=True),
        lambda run: run.downtime_us,
    ),
    (
        Column("gap_us", ColumnType.INT64, "how long no guest ran", optional=True),
        lambda run: run.gap_us,
    ),
    (Column("rounds", ColumnType.INT64, "passes over RAM"), lambda run: run.rounds),
    (Column("sent_bytes", ColumnType.INT64, "on all channels"), lambda run: run.sent_bytes),
    (Column("normal_pages", ColumnType.INT64, "sent with their content"), lambda run: run.source.stats.normal_pages),
    (Column("zero_pages", ColumnType.INT64, "sent as zeros"), lambda run: run.source.stats.zero_pages),
    (Column("xbzrle_pages", ColumnType.INT64, "sent as differences"), lambda run: run.source.stats.xbzrle_pages),
    (
        Column("error", ColumnType.TEXT, "what went wrong", optional=True),
        lambda run: str(run.error) if run.error is not None else None,
    ),
)
"""What is said of each run, and how it is found."""


def sweep(scenario: Scenario | str, **axis: Iterable[Any]) -> Table:
    """Run a scenario for each of some values.

    Args:
        scenario: as for :func:`savevm_inspect.scenario`.
        axis: for each name that can be changed the values to try (``hot_pages=range(56, 66)``); of several names
            every combination is run. What is the same in all runs belongs into ``si.scenario(name, **changes)``.

    Returns:
        A row for each run: the values, its outcome, times, rounds and counters.

    Raises:
        SavevmError: a name or one of its values is invalid; nothing is run then.
    """
    if not axis:
        raise SavevmError("a sweep needs the name of at least one value and those to try: hot_pages=range(56, 66)")
    values = {name: _values(name, given) for name, given in axis.items()}
    chosen = [dict(zip(values, each, strict=True)) for each in product(*values.values())]
    scenarios = [scenario_of(scenario, **each) for each in chosen]  # all of them are checked before the first is run
    rows = [_row(run(each)) for each in scenarios]
    columns = [_column(name, tried) for name, tried in values.items()]
    batch: dict[str, list[Any]] = {
        column.name: [_plain(each[column.name], column) for each in chosen] for column in columns
    }
    results = [column for column, _ in _RESULTS]
    batch |= {column.name: [row[number] for row in rows] for number, column in enumerate(results)}
    name = scenario if isinstance(scenario, str) else scenario.name
    return Table(f"{name} by {', '.join(values)}", (*columns, *results), lambda: iter((batch,)), len(rows))


def _values(name: str, given: Iterable[Any]) -> Sequence[Any]:
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise SavevmError(f"{name}={given!r}: give the values to try, as a list")
    tried = list(given)
    if not tried:
        raise SavevmError(f"{name}: no values to try")
    return tried


def _row(run: Run) -> tuple[Any, ...]:
    return tuple(value(run) for _, value in _RESULTS)


def _column(name: str, values: Sequence[Any]) -> Column:
    optional = any(value is None for value in values)
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {bool}:
        return Column(name, ColumnType.BOOL, "as it was set", optional=optional)
    if kinds <= {int} and all(value is None or -(1 << 63) <= value < 1 << 63 for value in values):
        return Column(name, ColumnType.INT64, "as it was set", optional=optional)
    if kinds <= {int, float}:
        return Column(name, ColumnType.FLOAT64, "as it was set", optional=optional)
    return Column(name, ColumnType.TEXT, "as it was set", optional=optional)


def _plain(value: Any, column: Column) -> Any:
    """A value as its column has it; what is no number is stated by its text."""
    if value is None or column.type is not ColumnType.TEXT:
        return value
    return value if isinstance(value, str) else ", ".join(map(str, value)) if _is_names(value) else str(value)


def _is_names(value: Any) -> bool:
    return isinstance(value, list | tuple | set | frozenset) and all(isinstance(each, str) for each in value)

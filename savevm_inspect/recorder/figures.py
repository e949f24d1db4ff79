"""What QMP says during a migration, as events of the capture."""

import json
import time
from collections.abc import Mapping
from typing import Any, Final, Protocol

from ..rules.phases import Phase
from ..rules.status import ENTERED, MigrationStatus
from ..rules.threads import Side
from ..stream.events import Event, EventKind, Origin
from .replies import count, mapping, rate, text

PHASE_OF_STATUS: Final = {status.value: each.phase for status, each in ENTERED[Side.SOURCE].items()}
"""Migration status of a source -> phase."""


class EventSink(Protocol):
    """Something that takes events: a capture's writer, or a list."""

    def add_event(self, event: Event) -> None:
        """Take one event."""


class EventList:
    """Keeps events until the trace that they are to be merged with is there.

    Attributes:
        events: what was added, in that order.
    """

    def __init__(self) -> None:
        self.events: list[Event] = []

    def add_event(self, event: Event) -> None:
        """Take one event."""
        self.events.append(event)


class FigureEvents:
    """Turns QMP events, query-migrate's figures and arrivals of bytes into events of the capture.

    Args:
        writer: takes the events.
    """

    def __init__(self, writer: EventSink) -> None:
        self._writer = writer
        self._seq = 0
        self._start_ns: int | None = None
        self._status = ""
        self._phase: Phase | None = Phase.PREPARE
        self._ram: Mapping[str, Any] = {}
        self._arrived_bytes = 0
        self.started_unix_us = 0
        """When the migration began, in microseconds since 1970."""

    def start(self) -> None:
        """Begin to count time; what QMP said before belongs to no migration and is not written."""
        self.started_unix_us = time.time_ns() // 1000
        self._start_ns = time.monotonic_ns()
        self._add(event=EventKind.QMP, name="migrate")

    def on_event(self, name: str, data: Mapping[str, Any]) -> None:
        """Write a QMP event.

        Args:
            name: its name.
            data: its data.

        Raises:
            RecordError: something in it is not of the type that it must be.
        """
        if self._start_ns is None:
            return
        match name:
            case "MIGRATION":
                self._status = text(data.get("status"), "MIGRATION's status")
                self._phase = PHASE_OF_STATUS.get(self._status)
                self._add(event=EventKind.STATE, name=self._status)
            case "MIGRATION_PASS":
                self._add(event=EventKind.QMP, name=name, iteration=count(data.get("pass"), "MIGRATION_PASS's pass"))
            case "STOP":
                # QEMU stops the guest to switch over before it says a new status, if it says one at all.
                if self._status == MigrationStatus.ACTIVE:
                    self._phase = Phase.SWITCHOVER
                self._add(event=EventKind.QMP, name=name)
            case _:
                self._add(event=EventKind.QMP, name=name, upstream=json.dumps(data) if data else None)

    def on_figures(self, figures: Mapping[str, Any], arrived_bytes: int) -> None:
        """Write what one answer to query-migrate says.

        Args:
            figures: the answer (qapi/migration.json, MigrationInfo).
            arrived_bytes: size of the stream so far.

        Raises:
            RecordError: a figure is not of the type that it must be.
        """
        self.arrive(arrived_bytes)
        if "ram" not in figures:
            return
        ram = mapping(figures["ram"], "query-migrate's ram")
        if ram == self._ram:
            return  # QEMU works in bursts of 100 ms when its bandwidth is limited
        self._ram = ram
        remaining, page_size, iteration = (
            count(ram[key], f"query-migrate's {key}") if key in ram else None
            for key in ("remaining", "page-size", "dirty-sync-count")
        )
        status = text(figures.get("status", ""), "query-migrate's status")
        # While it is active this is the rate the threshold is computed from, later the whole run's average.
        mbps = rate(ram.get("mbps", 0), "query-migrate's mbps") if status == MigrationStatus.ACTIVE else 0
        self._add(
            event=EventKind.PENDING,
            # An answer may be read after an event that QEMU sent later; its figures are of its own status.
            phase=self._phase if status == self._status else PHASE_OF_STATUS.get(status),
            name="query-migrate",
            idstr="ram",
            iteration=iteration,
            must_precopy=remaining,
            dirty_pages=remaining // page_size if remaining is not None and page_size else None,
            bandwidth_bytes_per_s=round(mbps * 1e6 / 8) or None,
            upstream=json.dumps(ram, separators=(",", ":")),
        )

    def arrive(self, arrived_bytes: int) -> None:
        """Write that bytes of the stream arrived since the last time, if any did.

        Args:
            arrived_bytes: size of the stream so far.
        """
        if arrived_bytes > self._arrived_bytes:
            new = arrived_bytes - self._arrived_bytes
            self._add(
                event=EventKind.LOG,
                origin=Origin.STREAM,
                name="arrived",
                channel=0,
                offset=self._arrived_bytes,
                length=new,
            )
            self._arrived_bytes = arrived_bytes

    def _add(self, *, event: EventKind, origin: Origin = Origin.QMP, **about: Any) -> None:
        if self._start_ns is None:
            raise AssertionError("figures before the migration's start")
        about.setdefault("phase", self._phase)
        time_us = (time.monotonic_ns() - self._start_ns) // 1000
        self._writer.add_event(
            Event(
                seq=self._seq,
                time_us=time_us,
                side=Side.SOURCE,
                event=event,
                origin=origin,
                **about,
            )
        )
        self._seq += 1

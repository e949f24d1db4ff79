"""The devices of a stream, their fields, and the bytes of each field; beside them the same as Kaitai reads it."""

from collections.abc import Iterable
from itertools import islice
from typing import Any

import ipywidgets

from ..errors import SavevmError, printable
from ..markup import esc
from ..reader.device import Device
from ..reader.stream import Stream
from ..span import Span
from ..stream.records import Section
from ..stream.values import FieldValue
from ..views.bytes import ByteNames
from ..views.hexdump import ROW_BYTES, hex_rows
from ..views.kaitai import KaitaiFields
from ..views.summary import problems
from ..views.tree import TreeRow, field_tree, matching
from ..views.units import bytes_text
from .html import facts, hex_pane, page, pane, panel, table
from .still import StillBox, html_widget
from .style import STYLE

_ROWS_LIMIT = 2000
_BYTES_SHOWN = 512
_BYTES_BEFORE = 64
_FIELDS_IN_STILL = 40


def explore(stream: Stream) -> "Explorer":
    """Look around in a stream: devices, fields, bytes.

    Args:
        stream: an open stream; it must stay open as long as the explorer is used.

    Returns:
        The explorer; as the last line of a notebook's cell it shows itself.

    Raises:
        MissingPackage: what it draws with is not installed.
    """
    return Explorer(stream)


class Explorer(StillBox):
    """The explorer: a list of devices, the fields of the chosen one as a tree, and the bytes of the chosen field.

    A switch puts the Kaitai tree of the device beside our fields.

    Args:
        stream: an open stream.
    """

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self._names = ByteNames(stream)
        self._devices = stream.devices
        self._fields: tuple[FieldValue, ...] = ()
        self._shown: list[FieldValue | None] = []
        self._kaitai: KaitaiFields | None = None
        self._kaitai_shown: list[FieldValue | None] = []
        self._by_kaitai = False
        self._problem = ""
        self.device_search = _search("search devices")
        self.devices = _list()
        self.field_search = _search("search fields")
        self.fields = _list()
        self.kaitai_switch = ipywidgets.ToggleButton(description="Kaitai tree", tooltip="as the formats read it")
        self.kaitai_fields = _list()
        self.detail, self.bytes = html_widget(), html_widget()
        self.device_search.observe(self._on_device_search, names="value")
        self.devices.observe(self._on_device, names="value")
        self.field_search.observe(self._on_field_search, names="value")
        self.fields.observe(self._on_field, names="value")
        self.kaitai_switch.observe(self._on_kaitai_switch, names="value")
        self.kaitai_fields.observe(self._on_kaitai_field, names="value")
        self._kaitai_column = _column("as Kaitai reads it", self.kaitai_fields, flex="2 1 380px")
        self._kaitai_column.layout.display = "none"
        lists = ipywidgets.HBox(
            [
                _column("devices", self.device_search, self.devices, flex="1 1 240px"),
                _column("fields", self.field_search, self.fields, flex="2 1 380px"),
                self._kaitai_column,
            ],
            layout={"flex_flow": "row wrap", "align_items": "flex-start", "width": "100%"},
        )
        super().__init__(
            [html_widget(STYLE + pane(self._heading())), self.kaitai_switch, lists, self.detail, self.bytes],
            layout={"width": "100%", "max_width": "1280px"},
        )
        self._list_devices()

    @property
    def device(self) -> Device | None:
        """The chosen device; ``None`` if the search leaves none."""
        return None if self.devices.value is None else self._devices[self.devices.value]

    @property
    def field(self) -> FieldValue | None:
        """The chosen field; ``None`` if a branch or nothing is chosen."""
        return None if self.fields.value is None else self._shown[self.fields.value]

    @property
    def kaitai_field(self) -> FieldValue | None:
        """The value that is chosen in the Kaitai tree; ``None`` if a branch or nothing is."""
        number = self.kaitai_fields.value
        return None if number is None else self._kaitai_shown[number]

    @property
    def chosen(self) -> FieldValue | None:
        """What was chosen last, a field of ours or a value of Kaitai's: the bytes that stand out."""
        return self.kaitai_field if self._by_kaitai else self.field

    def __repr__(self) -> str:
        return f"<Explorer of {self.stream!r}>"

    def select(self, idstr: str, path: str = "") -> None:
        """Choose a device and one of its fields.

        Args:
            idstr: of the device; the first instance is chosen.
            path: of the field; empty for none.

        Raises:
            NotFound: there is no such device or field.
        """
        device = self.stream[idstr]
        self.device_search.value = self.field_search.value = ""
        self.devices.value = self._devices.index(device)
        if path:
            field = device.field(path)
            self.fields.value = next(
                number for number, each in enumerate(self._shown) if each is not None and each.span == field.span
            )

    # What is chosen -> what is listed ----------------------------------------------------------------------

    def _on_device_search(self, _change: dict[str, Any]) -> None:
        self._list_devices()

    def _on_device(self, _change: dict[str, Any]) -> None:
        self._list_fields()

    def _on_field_search(self, _change: dict[str, Any]) -> None:
        self._list_fields()

    def _on_field(self, _change: dict[str, Any]) -> None:
        self._by_kaitai = False
        self._draw()

    def _on_kaitai_switch(self, _change: dict[str, Any]) -> None:
        shown = self.kaitai_switch.value
        if shown and self._kaitai is None:
            self._kaitai = KaitaiFields(self.stream)
        self._kaitai_column.layout.display = "flex" if shown else "none"
        self._list_kaitai()
        self._draw()

    def _on_kaitai_field(self, _change: dict[str, Any]) -> None:
        self._by_kaitai = self.kaitai_fields.value is not None
        self._draw()

    def _list_devices(self) -> None:
        words = self.device_search.value.casefold().split()
        found = [
            (_device_label(device), number)
            for number, device in enumerate(self._devices)
            if all(word in device.idstr.casefold() for word in words)
        ]
        before = self.devices.value
        self.devices.options = found
        numbers = [number for _, number in found]
        self.devices.value = before if before in numbers else next(iter(numbers), None)
        self._list_fields()

    def _list_fields(self) -> None:
        device, self._problem = self.device, ""
        try:
            self._fields = device.fields if device is not None else ()
        except SavevmError as error:
            self._fields, self._problem = (), str(error)
        found = matching(self._fields, self.field_search.value)
        rows = field_tree(found[:_ROWS_LIMIT])
        self._shown = [row.field for row in rows]
        self.fields.options = _options(rows)
        if len(found) > _ROWS_LIMIT:
            self._problem = f"the first {_ROWS_LIMIT} of {len(found)} fields; search to see others"
        self._list_kaitai()
        self.fields.value = next((number for number, each in enumerate(self._shown) if each is not None), None)
        self._by_kaitai = False
        self._draw()

    def _list_kaitai(self) -> None:
        device, words, found = self.device, self.field_search.value, []
        if self.kaitai_switch.value and self._kaitai is not None and device is not None:
            values = self._kaitai.of(device)
            found = matching(values if words else islice(values, _ROWS_LIMIT), words)
            self._problem = next(map(str, self._kaitai.problems), self._problem)
        rows = field_tree(found[:_ROWS_LIMIT])
        self._kaitai_shown = [row.field for row in rows]
        self.kaitai_fields.options = _options(rows)
        self.kaitai_fields.value = None

    def _draw(self) -> None:
        self.detail.value = pane(self._detail())
        self.bytes.value = pane(self._bytes())

    # What is chosen -> HTML --------------------------------------------------------------------------------

    def _heading(self) -> str:
        stream = self.stream
        machine = stream.configuration.machine if stream.configuration else "not said"
        wrong = problems(stream)
        state = f"{len(wrong)} problems, the first: {wrong[0]}" if wrong else "no problems"
        return (
            f"<h3>{esc(stream.name.rsplit('/', 1)[-1])}</h3><div class='muted'>machine {esc(machine)}; "
            f"{esc(bytes_text(stream.size_bytes))}; {len(stream.sections)} sections of {len(self._devices)} devices; "
            f"{esc(state)}</div>"
        )

    def _detail(self) -> str:
        field, device = self.chosen, self.device
        if device is None:
            return panel("nothing", "no device of that name")
        note = f'<div class="note">{esc(self._problem)}</div>' if self._problem else ""
        if field is None:
            return panel("device", f"<h3>{esc(device.idstr)}</h3>{facts(_device_facts(device))}{note}")
        rows = (
            ("type", field.type),
            ("value", field.text()),
            ("bytes", f"{bytes_text(field.span.length)} at {field.span.offset:#x}"),
        )
        return panel(
            "value in the Kaitai tree" if self._by_kaitai else "field",
            f"<h3>{esc(field.name)}</h3><div class='mono'>{esc(field.path)}</div>{facts(rows)}{note}",
        )

    def _bytes(self) -> str:
        device = self.device
        if device is None:
            return panel("bytes", "none")
        section = _section_of(device, self.chosen)
        mark = self.chosen.span if self.chosen is not None else None
        shown = _around(section.span, mark)
        runs = self._names.within(shown)
        data = bytes(self.stream.buffers[shown.channel][shown.offset : shown.end])
        rows = hex_rows(data, shown.offset, runs, mark=mark)
        part = f"{bytes_text(shown.length)} of {bytes_text(section.span.length)}"
        return panel(f"bytes of the {section.kind.value} section", hex_pane(rows, runs, note=part))

    def still(self) -> str:
        """See :class:`StillBox`."""
        devices = table(
            ("device", "sections", "bytes"),
            (
                (_device_label(each), len(each.sections), sum(part.span.length for part in each.sections))
                for each in self._devices
            ),
        )
        fields = table(("field", "value"), ((field.path, field.text()) for field in self._fields[:_FIELDS_IN_STILL]))
        more = len(self._fields) - _FIELDS_IN_STILL
        rest = f'<div class="note">{more} more fields</div>' if more > 0 else ""
        chosen = self.device.idstr if self.device is not None else ""
        left, middle = panel("devices", devices), panel(f"fields of {chosen}", fields, rest)
        right = self._detail() + self._bytes() + self._still_kaitai()
        return page(
            self._heading(),
            f'<div class="columns"><div>{left}</div><div>{middle}</div><div class="wide">{right}</div></div>',
            '<div class="note">A still picture of the explorer; run the notebook to look around.</div>',
        )

    def _still_kaitai(self) -> str:
        if not self.kaitai_switch.value:
            return ""
        values = [value for value in self._kaitai_shown if value is not None]
        rows = ((value.path, value.type, value.text()) for value in values[:_FIELDS_IN_STILL])
        return panel("as Kaitai reads it", table(("place in the tree", "type", "value"), rows))


def _options(rows: Iterable[TreeRow]) -> list[tuple[str, int]]:
    """What a list shows of a tree, each row with its number."""
    return [
        (printable(f"{'    ' * row.depth}{_field_label(row.name, row.field)}"), number)
        for number, row in enumerate(rows)
    ]


def _search(placeholder: str) -> ipywidgets.Text:
    return ipywidgets.Text(placeholder=placeholder, continuous_update=True, layout={"width": "auto"})


def _list() -> ipywidgets.Select:
    return ipywidgets.Select(options=[], layout={"width": "auto", "height": "300px"})


def _column(heading: str, *widgets: ipywidgets.Widget, flex: str) -> ipywidgets.VBox:
    title = html_widget(pane(f"<h4>{esc(heading)}</h4>"))
    return ipywidgets.VBox([title, *widgets], layout={"flex": flex, "min_width": "0"})


def _device_label(device: Device) -> str:
    instance = f" @{device.instance_id}" if device.instance_id else ""
    return printable(f"{device.idstr}{instance}")


def _field_label(name: str, field: FieldValue | None) -> str:
    return f"{name}/" if field is None else f"{name} = {field.text()[:60]}"


def _device_facts(device: Device) -> list[tuple[str, str]]:
    return [
        ("instance_id", str(device.instance_id)),
        ("version_id", str(device.version_id)),
        ("sections", ", ".join(dict.fromkeys(section.kind.value for section in device.sections))),
        ("framing", ", ".join(dict.fromkeys(section.framing.value for section in device.sections))),
        ("bytes", bytes_text(sum(section.span.length for section in device.sections))),
    ]


def _section_of(device: Device, field: FieldValue | None) -> Section:
    """The section that holds a field; the first one if there is none."""
    if field is None:
        return device.sections[0]
    channel, offset = field.span.channel, field.span.offset
    found = (
        each
        for each in device.sections
        if each.span.channel == channel and each.span.offset <= offset < each.span.end
    )
    return next(found, device.sections[0])


def _around(section: Span, mark: Span | None) -> Span:
    """The part of a section to show: from its start, or from a little before what is marked."""
    start = section.offset
    if mark is not None and mark.end > start + _BYTES_SHOWN:
        before = max(mark.offset - _BYTES_BEFORE - start, 0)
        start += before - before % ROW_BYTES
    return Span(channel=section.channel, offset=start, length=min(_BYTES_SHOWN, section.end - start))

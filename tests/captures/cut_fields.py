"""Cuts single fields out of streams, for tests of their codecs: what is rare is kept without the megabytes around it.

    python tests/captures/cut_fields.py STREAM... --output tests/captures/fields

A field is cut if its type has a structure that the description does not give, and no field of the folder has its type
and owner yet.
"""

import argparse
import json
import lzma
from collections.abc import Sequence
from pathlib import Path

import savevm_inspect as si
from savevm_inspect.stream.cursor import Cursor
from savevm_inspect.stream.records import Framing
from savevm_inspect.vmstate.coder import FieldContext, Layout
from savevm_inspect.vmstate.decoder import Decoder
from savevm_inspect.vmstate.walk import walk

COMMON = frozenset(("pci config", "pci irq state", "msix state", "nullptr", "ptr-marker", "bitmap"))
"""Types that every stream has."""


class Cutter(Decoder):
    """Notes the fields that it decodes with a layout.

    Args:
        cursor: on the first byte of a device.
    """

    def __init__(self, cursor: Cursor) -> None:
        super().__init__(cursor)
        self.found: list[tuple[FieldContext, bytes]] = []

    def field(self, context: FieldContext, layouts: Sequence[Layout]) -> None:
        start = self.pos
        super().field(context, layouts)
        self.found.append((context, self.since(start)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("streams", nargs="+", type=Path)
    parser.add_argument("--output", required=True, type=Path)
    options = parser.parse_args()
    index = options.output / "fields.json"
    entries = json.loads(index.read_text()) if index.exists() else []
    known = {(each["type"], each["owners"][-1][0]) for each in entries}
    for path in options.streams:
        with si.open_stream(path, strict=False) as stream:
            for section in stream.sections:
                schema = stream.description.device(section.idstr, section.instance_id)
                if section.framing is not Framing.SCHEMA or schema is None:
                    continue
                cutter = Cutter(Cursor(stream.buffer[: section.payload.end], pos=section.payload.offset))
                for _ in walk(schema, cutter):
                    pass
                for context, data in cutter.found:
                    key = (context.type, context.owner.name)
                    if key in known or context.type in COMMON:
                        continue
                    known.add(key)
                    name = (
                        "-".join(part.replace("/", "_").replace(" ", "_") for part in key[:2])
                        + f"-{len(entries)}.bin.xz"
                    )
                    (options.output / name).write_bytes(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))
                    entries.append(
                        {"file": name, "type": context.type, "owners": context.owners, "stream": path.name}
                    )
    index.write_text(json.dumps(entries, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""Feeds the library of schemas from recorded streams.

    python tests/captures/make_library.py [NAME ...]

Each NAME is a capture of ``manifest.json`` in this folder; without any, those of ``FED``. The description of each
is packed as it is into ``savevm_inspect/schemas``, and its row in the index is written anew. What the stream does
not say itself (the QEMU, the state of the machine) comes from the manifest.
"""

import json
import lzma
import sys
from pathlib import Path

from savevm_inspect.container.source import Source
from savevm_inspect.reader.schemas import configuration_of, description_of

CAPTURES = Path(__file__).parent
LIBRARY = CAPTURES.parent.parent / "savevm_inspect" / "schemas"
FED = (
    "none-7.2",
    "none-10.0",
    "none-11.1",
    "x86-7.2-paused",
    "x86-10.0-live",
    "x86-10.0-paused",
    "x86-11.1-paused",
    "pc-2.0-7.2-live",
    "pc-2.0-7.2-paused",
    "pc-2.2-7.2-live",
    "pc-2.2-7.2-paused",
    "t-7.2-live",
    "t-10.0-live",
    "aarch64-virt-10.0",
    "riscv64-virt-10.0",
)


def feed(name: str, recorded: dict[str, str]) -> dict[str, str]:
    """Pack the description of one capture; returns its row of the index."""
    with Source(CAPTURES / f"{name}.mig.xz") as source:
        configuration = configuration_of(source.buffer)
        machine = configuration.machine if configuration else recorded["machine"]  # up to 2.2 they do not say it
        text = description_of(source, source.offset)
    packed = lzma.compress(text, preset=9 | lzma.PRESET_EXTREME)
    (LIBRARY / f"{name}.json.xz").write_bytes(packed)
    print(f"{name}: {machine}, {len(text)} bytes, packed {len(packed)}")
    return {"name": name, "machine": machine, "qemu": recorded["qemu"], "what": recorded["what"]}


def version_of(row: dict[str, str]) -> tuple[int, ...]:
    """Numbers to sort versions by."""
    return tuple(map(int, row["qemu"].split(".")))


def main() -> None:
    """Feed the library."""
    manifest = {each["name"]: each for each in json.loads((CAPTURES / "manifest.json").read_text())["captures"]}
    fed = [feed(name, manifest[name]) for name in sys.argv[1:] or FED]
    index = LIBRARY / "index.json"
    known = json.loads(index.read_text()) if sys.argv[1:] and index.exists() else []
    rows = [*fed, *(row for row in known if row["name"] not in sys.argv[1:])]
    rows.sort(key=lambda row: (row["machine"], row["name"]))
    rows.sort(key=version_of, reverse=True)
    index.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()

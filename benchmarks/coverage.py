"""What is decoded of each capture in a folder, beside what the peers do on the same files, as a Markdown table.

    python benchmarks/coverage.py CAPTURES [--analyze scripts/analyze-migration.py] [--update docs/coverage.md]

CAPTURES holds ``manifest.json`` in the form of ``tests/captures`` and the files it names. QEMU's own analyzer is run
if its path is given, volatility3 if it is installed. ``--update`` puts the table between the marks of a file.
"""

import argparse
import json
import lzma
import re
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import savevm_inspect as si
from savevm_inspect.views.summary import problems

BEGIN, END = "<!-- coverage: made by benchmarks/coverage.py -->", "<!-- end of coverage -->"
PEER_SECONDS = 120


def unpack(captures: Path, names: dict[str, str], folder: Path) -> dict[str, Path]:
    """Unpack a capture's files, by their kind."""
    files = {}
    for kind, name in names.items():
        files[kind] = folder / name.removesuffix(".xz")
        with lzma.open(captures / name) as packed, files[kind].open("wb") as plain:
            shutil.copyfileobj(packed, plain)
    return files


def arguments(entry: dict[str, Any], files: dict[str, Path], resumed: dict[str, Path]) -> Iterator[dict[str, Any]]:
    """How to open each stream of a capture."""
    main = next(files[kind] for kind in ("mig", "save", "qcow2", "ch0.fwd") if kind in files)
    options: dict[str, Any] = {
        "source": main,
        "channels": [files[kind] for kind in sorted(files) if re.fullmatch(r"ch[1-9]\d*\.fwd", kind)],
        "resumed": [resumed["ch0.fwd"]] if resumed else [],
        "offset": 0x1000 if "offset=0x1000" in entry["what"] else 0,
    }
    if "qcow2" not in files:
        yield options
        return
    with si.open_stream(main, snapshot="1", strict=False) as stream:
        count = stream.source.facts["snapshots"]
    assert isinstance(count, int)
    for number in range(count):
        yield options | {"snapshot": str(number + 1)}


def ours(options: dict[str, Any]) -> str:
    """What the decoder makes of a stream."""
    with si.open_stream(**options, strict=False) as stream:
        found = problems(stream)
        account, size = stream.account, stream.size_bytes
    if found:
        return f"cut at {found[0].offset:#x}" if "cancel" in str(options["source"]) else "problem"
    if account.accounted_bytes != size:
        return "bytes without an owner"
    if not account.opaque_bytes:
        return "every byte"
    return f"all but {account.opaque_bytes} of {size}"


def analyzer(script: Path, file: Path) -> bool:
    """Whether QEMU's own analyzer decodes a file."""
    command = [sys.executable, str(script), "-f", str(file)]
    try:
        return subprocess.run(command, capture_output=True, check=False, timeout=PEER_SECONDS).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def volatility(file: Path) -> bool:
    """Whether volatility3 opens a file as memory."""
    code = (
        "import sys, pathlib\n"
        "from volatility3.framework import contexts\n"
        "from volatility3.framework.layers import physical, qemu\n"
        "context = contexts.Context()\n"
        "context.config['base.location'] = pathlib.Path(sys.argv[1]).absolute().as_uri()\n"
        "context.add_layer(physical.FileLayer(context, 'base', 'base'))\n"
        "sys.exit(qemu.QemuStacker.stack(context, 'base') is None)\n"
    )
    command = [sys.executable, "-c", code, str(file)]
    try:
        return subprocess.run(command, capture_output=True, check=False, timeout=PEER_SECONDS).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def kind_of(name: str) -> str:
    """The name of a capture without the version of its QEMU."""
    return re.sub(r"-?(7\.2|10\.0|11\.1)", "", name)


def measure(captures: Path, script: Path | None) -> dict[str, dict[str, list[str]]]:
    """Read every capture with everyone: kind -> reader or version -> results."""
    peers = {"volatility3": volatility} if _has_volatility() else {}
    if script is not None:
        peers["analyze-migration.py"] = lambda file: analyzer(script, file)
    rows: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for entry in json.loads((captures / "manifest.json").read_text())["captures"]:
        with tempfile.TemporaryDirectory() as folder:
            files = unpack(captures, entry["files"], Path(folder))
            resumed = unpack(captures, entry.get("resumed", {}), Path(folder))
            row = rows[kind_of(entry["name"])]
            for options in arguments(entry, files, resumed):
                row[entry["qemu"]].append(ours(options))
            for name, peer in peers.items():
                row[name].append("yes" if peer(options["source"]) else "no")
            print(entry["name"], dict(row), file=sys.stderr)
    return rows


def _has_volatility() -> bool:
    command = [sys.executable, "-c", "import volatility3"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def table(rows: dict[str, dict[str, list[str]]]) -> str:
    """The rows as Markdown."""
    versions = ["7.2", "10.0", "11.1"]
    peers = [name for name in ("analyze-migration.py", "volatility3") if any(name in row for row in rows.values())]
    lines = [f"| capture | {' | '.join(f'QEMU {each}' for each in versions)} | {' | '.join(peers)} |"]
    lines.append("|---" * (1 + len(versions) + len(peers)) + "|")
    for kind, row in rows.items():
        cells = [" / ".join(dict.fromkeys(row.get(version, []))) or "" for version in versions]
        for peer in peers:
            said = row.get(peer, [])
            cells.append(f"{said.count('yes')} of {len(said)}")
        lines.append(f"| {kind} | {' | '.join(cells)} |")
    for peer in peers:
        said = [each for row in rows.values() for each in row.get(peer, [])]
        lines.append("")
        lines.append(f"{peer}: {said.count('yes')} of {len(said)}.")
    return "\n".join(lines)


def main() -> None:
    """Make the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("captures", type=Path)
    parser.add_argument("--analyze", type=Path, help="QEMU's scripts/analyze-migration.py")
    parser.add_argument("--update", type=Path, help="a file with the marks that the table goes between")
    chosen = parser.parse_args()
    text = table(measure(chosen.captures, chosen.analyze))
    if chosen.update is None:
        print(text)
        return
    before, _, rest = chosen.update.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    chosen.update.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


if __name__ == "__main__":
    main()

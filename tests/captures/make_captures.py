"""Make captures like those beside this script anew, from the QEMUs that are on the machine.

    python tests/captures/make_captures.py --output DIR [NAME ...]

``NAME`` is a recipe, such as ``none`` or ``x86-paused``; without one all are made whose QEMU is installed. In
``DIR`` appear ``*.mig.xz``, ``*.truth.json.xz`` and a ``manifest.json``; entries of other captures in it stay.
"""

import argparse
import hashlib
import json
import lzma
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from boot_sector import boot_disk

from savevm_inspect.errors import SavevmError
from savevm_inspect.recorder.qemu import record_qemu

KIB, MIB = 1 << 10, 1 << 20
LIVE_BANDWIDTH_BYTES_PER_S = 16 * MIB
LIVE_DOWNTIME_LIMIT_MS = 500
"""With this much of both the 5 MiB that the guest dirties without end fit into the downtime."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How one capture is made.

    Attributes:
        name: of the capture; QEMU's version takes the place of ``{}``.
        binary: QEMU's program.
        machine: its machine type.
        what: what is special about it, for the manifest.
        options: QEMU's options besides the machine; ``{disk}`` is the boot disk.
        memory_mib: size of RAM, or ``None`` for the machine's own default.
        run_seconds: how long the guest runs before; ``None``: it is never started.
        live: bandwidth is held low, so that there are several iterations.
        capabilities: migration capabilities to switch on.
        truth: also keep hashes of the stopped source's memory.
        defaults: leave QEMU its default devices.
    """

    name: str
    binary: str
    machine: str
    what: str
    options: str = ""
    memory_mib: int | None = None
    run_seconds: float | None = None
    live: bool = False
    capabilities: tuple[str, ...] = ()
    truth: bool = False
    defaults: bool = False

    @property
    def key(self) -> str:
        """The name without the version, as one asks for it."""
        return self.name.replace("-{}", "")

    def command(self, disk: Path) -> str:
        """QEMU's command line."""
        memory = f"-m {self.memory_mib}" if self.memory_mib else ""
        paused = "-S" if self.run_seconds is None else ""
        options = self.options.format(disk=f"-drive file='{disk}',format=raw,if=ide,snapshot=on")
        bare = "" if self.defaults else "-nodefaults"
        return f"{self.binary} -machine {self.machine} {memory} {bare} -display none {paused} {options}"


DIRTYING = "guest running and dirtying 1..6 MiB, bandwidth held low, so several iterations"
X86 = "qemu-system-x86_64"
MISC_DEVICES = """
    -smp 2 -serial null -parallel null -device ipmi-bmc-sim,id=bmc -device isa-ipmi-kcs,bmc=bmc
    -device virtio-rng-pci -device virtio-balloon-pci -device virtio-serial-pci -device virtio-keyboard-pci
    -device virtio-tablet-pci -device vmgenid -device vmcoreinfo -serial null -chardev null,id=n
    -device pci-serial,chardev=n -device i6300esb -device pcie-root-port,chassis=1"""
STORAGE_DEVICES = """
    -smp 2 -serial null -blockdev null-co,node-name=a -blockdev null-co,node-name=b
    -blockdev null-co,node-name=c -blockdev null-co,node-name=d
    -device virtio-blk-pci,drive=a -device virtio-scsi-pci,id=virtio -device scsi-hd,bus=virtio.0,drive=b
    -device lsi53c895a,id=lsi -device scsi-hd,bus=lsi.0,drive=c -device ich9-ahci
    -device megasas,id=megasas -device scsi-hd,bus=megasas.0,drive=d -device sdhci-pci -device mptsas1068
    -device pvscsi"""

RECIPES = (
    Recipe(
        name="none-{}",
        binary=X86,
        machine="none",
        what="no CPU, no RAM, no devices: a whole real migration in about a kilobyte, the one to read by eye",
        defaults=True,
    ),
    Recipe(
        name="x86-{}-paused",
        binary=X86,
        machine="pc",
        memory_mib=16,
        what="guest never started",
        options="-serial null",
    ),
    Recipe(
        name="x86-{}-live",
        binary=X86,
        machine="pc",
        memory_mib=16,
        what=DIRTYING,
        options="-serial null {disk}",
        run_seconds=2,
        live=True,
    ),
    Recipe(
        name="x86-{}-uuid",
        binary=X86,
        machine="pc",
        memory_mib=16,
        what="capability validate-uuid",
        options="-serial null {disk} -uuid 01234567-89ab-cdef-0123-456789abcdef",
        run_seconds=2,
        capabilities=("validate-uuid",),
    ),
    Recipe(
        name="t-{}-live",
        binary=X86,
        machine="pc",
        memory_mib=24,
        what=DIRTYING,
        options="-smp 2 -serial null {disk}",
        run_seconds=2,
        live=True,
        truth=True,
    ),
    Recipe(
        name="q35-misc-{}",
        binary=X86,
        machine="q35",
        memory_mib=24,
        what="many devices (q35-misc)",
        options=MISC_DEVICES,
        run_seconds=1,
    ),
    Recipe(
        name="q35-stor-{}",
        binary=X86,
        machine="q35",
        memory_mib=24,
        what="many devices (q35-stor)",
        options=STORAGE_DEVICES,
        run_seconds=1,
    ),
    Recipe(
        name="aarch64-virt-{}",
        binary="qemu-system-aarch64",
        machine="virt",
        what="guest never started",
        options="-cpu cortex-a57",
    ),
    Recipe(name="riscv64-virt-{}", binary="qemu-system-riscv64", machine="virt", what="guest never started"),
    Recipe(
        name="s390x-s390-ccw-virtio-{}",
        binary="qemu-system-s390x",
        machine="s390-ccw-virtio",
        what="guest never started",
    ),
    Recipe(name="ppc64-pseries-{}", binary="qemu-system-ppc64", machine="pseries", what="guest never started"),
)


def truth_of(name: str, capture: Path) -> dict[str, Any]:
    """What a decoder must hit: hashes of memory outside of the VGA window and ROM, and the registers."""
    memory = memoryview((capture / "memory.bin").read_bytes())
    return {
        "capture": name,
        "block": "pc.ram",
        "size": len(memory),
        "sha256_0_640k": hashlib.sha256(memory[: 640 * KIB]).hexdigest(),
        "sha256_1m_end": hashlib.sha256(memory[MIB:]).hexdigest(),
        "registers": (capture / "registers.txt").read_text(),
    }


def make(recipe: Recipe, output: Path) -> dict[str, Any]:
    """Record one capture, and write its files.

    Args:
        recipe: how.
        output: the folder for its files.

    Returns:
        Its entry for the manifest.
    """
    with tempfile.TemporaryDirectory(prefix="make-captures-") as scratch:
        disk = Path(scratch) / "boot.img"
        disk.write_bytes(boot_disk())
        capture = record_qemu(
            recipe.command(disk),
            Path(scratch) / "capture",
            run_seconds=recipe.run_seconds or 0,
            bandwidth_bytes_per_s=LIVE_BANDWIDTH_BYTES_PER_S if recipe.live else None,
            downtime_limit_ms=LIVE_DOWNTIME_LIMIT_MS if recipe.live else None,
            capabilities=recipe.capabilities,
            truth=recipe.truth,
        ).path
        version = json.loads((capture / "recording.json").read_text())["query-version"]["qemu"]
        release = f"{version['major']}.{version['minor']}"
        name = recipe.name.format(release)
        entry: dict[str, Any] = {"name": name, "qemu": release, "files": {"mig": f"{name}.mig.xz"}}
        with (capture / "channel0.fwd").open("rb") as stream, lzma.open(output / f"{name}.mig.xz", "wb") as packed:
            shutil.copyfileobj(stream, packed)
        entry |= {"binary": recipe.binary, "machine": recipe.machine}
        if recipe.memory_mib:
            entry["memory_mib"] = recipe.memory_mib
        entry["what"] = recipe.what
        if recipe.truth:
            truth = f"{name}.truth.json.xz"
            with lzma.open(output / truth, "wt", encoding="utf-8") as packed_truth:
                json.dump(truth_of(name, capture), packed_truth, indent=1)
            entry["files"]["truth.json"] = entry["truth"] = truth
        return entry


def enter(manifest: Path, entries: Sequence[dict[str, Any]]) -> None:
    """Put entries into a manifest, in place of those of the same name."""
    captures = json.loads(manifest.read_text())["captures"] if manifest.exists() else []
    by_name = {entry["name"]: entry for entry in (*captures, *entries)}
    text = json.dumps({"captures": [by_name[name] for name in sorted(by_name)]}, indent=1)
    manifest.write_text(text + "\n")


def main() -> int:
    """Make what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--output", type=Path, required=True, help="folder for the files")
    parser.add_argument("names", nargs="*", metavar="NAME", help="a recipe: " + ", ".join(r.key for r in RECIPES))
    asked = parser.parse_args()
    unknown = set(asked.names) - {recipe.key for recipe in RECIPES}
    if unknown:
        parser.error(f"no recipe is called {', '.join(sorted(unknown))}")
    asked.output.mkdir(parents=True, exist_ok=True)
    failed = False
    for recipe in RECIPES:
        if asked.names and recipe.key not in asked.names:
            continue
        if not asked.names and shutil.which(recipe.binary) is None:
            print(f"{recipe.key}: passed over, {recipe.binary} is not installed")
            continue
        try:
            entry = make(recipe, asked.output)
        except SavevmError as error:
            print(f"{recipe.key}: {error}", file=sys.stderr)
            failed = True
            continue
        enter(asked.output / "manifest.json", [entry])
        print(f"{entry['name']}: {(asked.output / entry['files']['mig']).stat().st_size} bytes")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

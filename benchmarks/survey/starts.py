"""What the survey starts: every machine type, and on x86 every device alone and behind a root port."""

import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qemu_run import ask

HELP_SECONDS = 20

BACKENDS = {
    "drive": ("-blockdev", "null-co,node-name=disk,read-zeroes=on,size=67108864"),
    "netdev": ("-netdev", "hubport,hubid=0,id=net"),
    "chardev": ("-chardev", "null,id=char"),
    "audiodev": ("-audiodev", "none,id=sound"),
    "memdev": ("-object", "memory-backend-ram,id=memory,size=64M"),
    "cryptodev": ("-object", "cryptodev-backend-builtin,id=crypto"),
    "fsdev": ("-fsdev", "synth,id=files"),
    "canbus": ("-object", "can-bus,id=can"),
    "canbus0": ("-object", "can-bus,id=can"),
    "canbus1": ("-object", "can-bus,id=can1"),
    "bmc": ("-device", "ipmi-bmc-sim,id=bmc"),
}
"""A property of a device that names a backend -> what makes the backend."""

PROPERTIES = {
    "drive": "drive=disk",
    "netdev": "netdev=net",
    "chardev": "chardev=char",
    "audiodev": "audiodev=sound",
    "memdev": "memdev=memory",
    "cryptodev": "cryptodev=crypto",
    "fsdev": "fsdev=files,mount_tag=files",
    "canbus": "canbus=can",
    "canbus0": "canbus0=can",
    "canbus1": "canbus1=can1",
    "bmc": "bmc=bmc",
}

LINKS = {
    "ctucan_pci": {"canbus0", "canbus1"},
    "kvaser_pci": {"canbus"},
    "mioe3680_pci": {"canbus0", "canbus1"},
    "pcm3680_pci": {"canbus0", "canbus1"},
    **{name: {"bmc"} for name in ("isa-ipmi-bt", "isa-ipmi-kcs", "pci-ipmi-bt", "pci-ipmi-kcs", "smbus-ipmi")},
}
"""Properties that QEMU 7.2 does not list."""

BUS_OWNERS = {
    "usb-bus": ("qemu-xhci",),
    "SCSI": ("virtio-scsi-pci",),
    "HDA": ("intel-hda",),
    "virtio-serial-bus": ("virtio-serial-pci",),
    "ccid-bus": ("qemu-xhci", "usb-ccid"),
    "floppy-bus": ("isa-fdc",),
    "IDE": ("ich9-ahci",),
    "nvme-bus": ("nvme,serial=1",),
    "sd-bus": ("sdhci-pci",),
    "ufs-bus": ("ufs",),
}
"""Bus of a device -> the devices that bring one."""

MUST_HAVE = {
    "pci-bridge": "chassis_nr=1",
    "pci-bridge-seat": "chassis_nr=1",
    "pxb": "bus_nr=64",
    "xio3130-downstream": "chassis=1",
    "cxl-downstream": "chassis=1",
    "ipmi-bmc-extern": "chardev=char",
    "usb-mtp": "rootdir=/tmp",
    "i2c-echo": "address=0x20",
    "at24c-eeprom": "rom-size=256,address=0x50",
    "tmp105": "address=0x48",
    "smbus-eeprom": "address=0x50",
    "loader": "addr=0x1000,data=1,data-len=4",
    "nvme": "serial=1",
    "nvme-subsys": "nqn=1",
    "cxl-type3": "sn=1",
}
"""What a device asks for beside its backends."""

ONLY_ON_Q35 = ("amd-iommu", "intel-iommu", "virtio-iommu-pci")
"""Devices that only a machine type with PCI Express takes, and only on its root bus."""

NOT_BEHIND_A_PORT = re.compile(r"pxb|.*(-root-port|-rp|ioh3420)$")
"""Devices of the bus PCI that only a root bus takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """One QEMU to start.

    Attributes:
        qemu: its version, as ``7.2``.
        command: the words of its command line.
        target: the part of its program's name that says so.
        machine: the machine type.
        device: the device that is looked at; empty where the machine is.
        port: whether the device is behind a pcie-root-port.
    """

    qemu: str
    command: tuple[str, ...] = field(compare=False)
    target: str
    machine: str
    device: str = ""
    port: bool = False

    @property
    def key(self) -> str:
        """What it is called among the results, and its stream's file."""
        what = f"{self.device}{'-behind-a-port' if self.port else ''}" if self.device else "machine"
        return re.sub(r"[^A-Za-z0-9_.,-]", "_", f"{self.qemu},{self.target},{self.machine},{what}")


def _said(words: Sequence[str]) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=HELP_SECONDS)
    return done.stdout


def programs(prefix: Sequence[str]) -> list[tuple[str, ...]]:
    """The programs of one QEMU, one a target.

    Args:
        prefix: what stands before a program's name, as ``chroot FOLDER``; nothing for the installed one.
    """
    root = Path(prefix[1]) if prefix else Path("/")
    found = [path for path in (root / "usr/bin").glob("qemu-system-*") if not path.is_symlink()]  # other names of one
    return [(*prefix, path.name) for path in sorted(found)]


def version_of(program: Sequence[str]) -> str:
    """Major and minor version of a QEMU."""
    found = re.search(r"version (\d+\.\d+)", _said([*program, "--version"]))
    if found is None:
        raise SystemExit(f"{' '.join(program)} says no version")
    return found[1]


def machines(program: Sequence[str], qemu: str) -> Iterator[Start]:
    """Every machine type of a program."""
    target = program[-1].removeprefix("qemu-system-")
    for line in _said([*program, "-machine", "help"]).splitlines()[1:]:
        name = line.split(" ", 1)[0]
        if name and "(alias of" not in line:
            yield Start(qemu=qemu, command=(*program, "-machine", name), target=target, machine=name)


def devices(program: Sequence[str], qemu: str) -> Iterator[Start]:
    """Every device of a program for x86: alone, and where that can be, behind a root port."""
    text = _said([*program, "-machine", "pc", "-device", "help"])
    listed = re.findall(r'^name "([^"]+)", bus ([^ ,\n]+)', text, re.M)
    taken = _properties(program, [name for name, _ in listed])
    for name, bus in listed:
        backends = [word for key in PROPERTIES if key in taken[name] for word in BACKENDS[key]]
        must = [MUST_HAVE[name]] if name in MUST_HAVE else []
        option = ",".join([name, *must, *(PROPERTIES[key] for key in PROPERTIES if key in taken[name])])
        owners = [word for owner in BUS_OWNERS.get(bus, ()) for word in ("-device", owner)]
        plain = ("-nodefaults", "-m", "64M,slots=4,maxmem=1G", *backends)
        machine = "microvm" if bus == "virtio-bus" else "q35" if name in ONLY_ON_Q35 else "pc"
        flags = ",nvdimm=on" if name == "nvdimm" else ""
        command = (*program, "-machine", machine + flags, *plain, *owners, "-device", option)
        yield Start(qemu=qemu, command=command, target="x86_64", machine=machine, device=name)
        if bus == "PCI" and not NOT_BEHIND_A_PORT.match(name):
            port = ("-device", "pcie-root-port,id=root", "-device", f"{option},bus=root")
            command = (*program, "-machine", "q35", *plain, *port)
            yield Start(qemu=qemu, command=command, target="x86_64", machine="q35", device=name, port=True)


def _properties(program: Sequence[str], names: Sequence[str]) -> dict[str, set[str]]:
    """The names of each device's properties."""
    commands = [("device-list-properties", {"typename": name}) for name in names]
    answers: list[Any] = ask([*program, "-machine", "none"], commands)
    return {
        name: {each["name"] for each in answer} | LINKS.get(name, set())
        for name, answer in zip(names, answers, strict=True)
    }

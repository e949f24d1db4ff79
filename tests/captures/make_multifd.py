"""Make multifd captures of a paused guest with older machine types, from a QEMU that still has them.

    python tests/captures/make_multifd.py --output DIR --work DIR 'QEMU COMMAND' MACHINE-TYPE ...

Nobody loads what is sent: without a return path a source is content with a listener that takes all channels.
``--work`` is a folder that QEMU sees at the same path (it may run in a chroot). In ``--output`` appear
``multifd-MACHINE-VERSION.chN.fwd.xz``.
"""

import argparse
import json
import lzma
import shlex
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

CHANNELS = 2
TIMEOUT_S = 30


def _collect(listener: socket.socket, channels: list[bytearray]) -> list[threading.Thread]:
    """Accept the main and all multifd channels, and read each to its end in a thread of its own."""
    threads = []
    for _ in range(1 + CHANNELS):
        connection, _ = listener.accept()
        connection.settimeout(TIMEOUT_S)
        data = bytearray()
        channels.append(data)
        threads.append(threading.Thread(target=_read, args=(connection, data), daemon=True))
        threads[-1].start()
    return threads


def _read(connection: socket.socket, data: bytearray) -> None:
    with connection:
        while piece := connection.recv(1 << 16):
            data += piece


class _Qmp:
    """A QMP connection over the standard streams of a QEMU."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, command: str, **arguments: object) -> object:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            answer = json.loads(line)
            if "error" in answer:
                raise RuntimeError(f"{command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]
        raise RuntimeError(f"{command}: QEMU has gone away")


def capture(qemu: list[str], machine: str, work: Path) -> list[bytes]:
    """The bytes of all channels of one migration, the main one first.

    Args:
        qemu: the command that starts QEMU.
        machine: its machine type.
        work: a folder for the socket.
    """
    path = work / "socket"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.settimeout(TIMEOUT_S)
        listener.listen(1 + CHANNELS)
        options = ["-M", machine, "-m", "16", "-nodefaults", "-display", "none", "-S", "-qmp", "stdio"]
        with subprocess.Popen([*qemu, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            killer = threading.Timer(TIMEOUT_S, process.kill)
            killer.start()
            qmp = _Qmp(process)
            qmp.ask("qmp_capabilities")
            qmp.ask("migrate-set-capabilities", capabilities=[{"capability": "multifd", "state": True}])
            qmp.ask("migrate-set-parameters", **{"multifd-channels": CHANNELS})
            qmp.ask("migrate", uri=f"unix:{path}")
            channels: list[bytearray] = []
            for thread in _collect(listener, channels):
                thread.join(TIMEOUT_S)
            qmp.ask("quit")
            killer.cancel()
    return [bytes(data) for data in channels]


def main() -> None:
    """Make the captures that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("qemu")
    parser.add_argument("machines", nargs="+")
    arguments = parser.parse_args()
    qemu = shlex.split(arguments.qemu)
    for machine in arguments.machines:
        with tempfile.TemporaryDirectory(dir=arguments.work) as folder:
            for number, data in enumerate(capture(qemu, machine, Path(folder))):
                name = f"multifd-{machine}.ch{number}.fwd.xz"
                (arguments.output / name).write_bytes(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))
                sys.stdout.write(f"{name}: {len(data)} bytes\n")


if __name__ == "__main__":
    main()

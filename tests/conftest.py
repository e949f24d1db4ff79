"""What all tests share: the captures of the repository, how laws are searched, and what a machine may lack."""

import json
import lzma
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Any

import pytest
from hypothesis import HealthCheck, is_hypothesis_test, settings

import savevm_inspect

CAPTURES = Path(__file__).parent / "captures"

# No clock decides: a machine may be busy. What was found before is an @example, not a file of one developer's.
settings.register_profile(
    "fixed",
    derandomize=True,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("random", settings.get_profile("fixed"), derandomize=False)
settings.load_profile("fixed")  # --hypothesis-profile random takes its place, with --hypothesis-seed

NEEDS = {
    "qemu": ("qemu-system-x86_64", "Debian's package qemu-system-x86 brings it"),
    "browser": ("chromium", "Debian's package chromium brings it"),
    "libvirt": ("libvirtd", "Debian's packages libvirt-daemon-driver-qemu and libvirt-clients bring it"),
    "core": ("gdb", "Debian's packages gdb and binutils bring what reads cores"),
    "node": ("npm", "Debian's packages nodejs and npm bring it; it compiles the formats, to use them needs none"),
    "graphviz": ("dot", "Debian's package graphviz brings it"),
}
"""By marker: the program that a test needs, and where it comes from."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what the machine can't run, with the reason; SAVEVM_REQUIRE names what must not be skipped."""
    required = os.environ.get("SAVEVM_REQUIRE", "").split(",")
    for marker, (program, remedy) in NEEDS.items():
        if shutil.which(program) or marker in required or (marker == "qemu" and os.environ.get("SAVEVM_QEMU")):
            continue
        for item in items:
            if item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=f"no {program} on this machine; {remedy}"))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Import the whole package before the first law: Hypothesis also tries numbers that stand in imported modules.

    So a law sees the same inputs alone, in any process of a parallel run, and on every machine.
    """
    if any(is_hypothesis_test(getattr(item, "obj", None)) for item in session.items):
        for module in walk_packages(savevm_inspect.__path__, f"{savevm_inspect.__name__}."):
            if not module.name.endswith(".__main__"):
                with suppress(ModuleNotFoundError):  # of an extra that is not installed
                    import_module(module.name)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the figures that tests have recorded, whichever process ran them."""
    summary = [
        text
        for reports in terminalreporter.stats.values()
        for report in reports
        for name, text in getattr(report, "user_properties", ())
        if name == "summary"
    ]
    for text in sorted(set(summary)):
        terminalreporter.write_line(text)


@pytest.fixture(scope="session")
def capture_path(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Unpacks a capture of the repository by its name and the kind of file, once a session."""
    folder = tmp_path_factory.mktemp("captures")

    def unpack(name: str, kind: str = "mig") -> Path:
        plain = folder / f"{name}.{kind}"
        if not plain.exists():
            plain.parent.mkdir(exist_ok=True)
            with lzma.open(CAPTURES / f"{name}.{kind}.xz") as packed, plain.open("wb") as file:
                shutil.copyfileobj(packed, file)
        return plain

    return unpack


@pytest.fixture(scope="session")
def capture_options(capture_path: Callable[..., Path]) -> Callable[[str], dict[str, Any]]:
    """The arguments of ``open_stream`` for a capture of the repository, with all of its channels."""
    entries = {each["name"]: each for each in json.loads((CAPTURES / "manifest.json").read_text())["captures"]}

    def options(name: str) -> dict[str, Any]:
        files = entries[name]["files"]
        main = next(kind for kind in ("mig", "save", "qcow2", "ch0.fwd") if kind in files)
        further = [kind for kind in sorted(files) if kind.endswith(".fwd") and kind != "ch0.fwd"]
        return {
            "source": capture_path(name, main),
            "channels": [capture_path(name, kind) for kind in further],
            "return_path": capture_path(name, "ch0.rev") if "ch0.rev" in files else None,
            "resumed": [capture_path(f"{name}-resumed", "ch0.fwd")] if "resumed" in entries[name] else [],
            "offset": 0x1000 if entries[name].get("kind") == "file offset" else 0,
        }

    return options


@pytest.fixture(scope="session")
def traced(capture_path: Callable[..., Path]) -> Callable[[str], Path]:
    """Unpacks a capture's trace logs and streams side by side; returns what their names begin with."""
    entries = {each["name"]: each for each in json.loads((CAPTURES / "manifest.json").read_text())["captures"]}

    def unpack(name: str) -> Path:
        entry = entries[name]
        for kind in (*entry["files"], *entry["traces"]):
            path = capture_path(name, kind)
        for kind in entry.get("resumed", {}):
            capture_path(f"{name}-resumed", kind)
        return path.parent / name

    return unpack

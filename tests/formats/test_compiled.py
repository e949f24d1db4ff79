"""The modules in savevm_inspect/_ksy/ are what the formats compile to, and so are the drawings."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FORMATS = ROOT / "formats"
COMPILED = ROOT / "savevm_inspect" / "_ksy"
NAMES = sorted(path.stem for path in FORMATS.glob("*.ksy"))
WRITTEN_BY_HAND = {"qemu_migration_extent": "extent"}
"""Modules that stand in the place of what a format compiles to."""

PINNED = re.compile(r"https://gitlab\.com/(qemu-project/qemu|libvirt/libvirt)/-/blob/v\d+\.\d+\.\d+/\S+( \w+)?")
ELSEWHERE = re.compile(r"https://www\.qemu\.org/docs/\S+( [\w ]+)?")


def camel(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


@pytest.fixture(scope="module")
def compiler() -> Path:
    """The script that compiles, with the compiler that it needs beside it."""
    if not (FORMATS / "node_modules" / "kaitai-struct-compiler").is_dir():
        subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=FORMATS, check=True, timeout=180)
    return FORMATS / "compile.mjs"


def compiled(compiler: Path, target: str, folder: Path) -> dict[str, str]:
    """What each format compiles to, by the name of its file."""
    subprocess.run(
        ["node", str(compiler), str(folder), target], check=True, capture_output=True, text=True, timeout=120
    )
    return {path.name: path.read_text() for path in folder.iterdir()}


@pytest.mark.node
def test_compiled_modules_are_up_to_date(compiler: Path, tmp_path: Path) -> None:
    made = compiled(compiler, "python", tmp_path)
    kept = {path.name: path.read_text() for path in COMPILED.glob("qemu_*.py")}
    assert sorted(made) == sorted(kept)
    assert [name for name in made if made[name] != kept[name]] == [], "run formats/compile.sh"


@pytest.mark.node
def test_each_format_compiles_to_javascript_that_parses(compiler: Path, tmp_path: Path) -> None:
    made = compiled(compiler, "javascript", tmp_path)
    assert sorted(made) == sorted(f"{camel(name)}.js" for name in NAMES)
    for name in made:
        subprocess.run(["node", "--check", str(tmp_path / name)], check=True, capture_output=True, timeout=60)


def test_each_format_has_its_module_and_says_where_it_comes_from() -> None:
    modules = {path.stem for path in COMPILED.glob("*.py")}
    assert set(NAMES) - set(WRITTEN_BY_HAND) == {name for name in modules if name.startswith("qemu_")}
    assert set(WRITTEN_BY_HAND.values()) <= modules
    for name in NAMES:
        text = (FORMATS / f"{name}.ksy").read_text()
        assert f"\n  id: {name}\n" in text
        assert "\n  license: CC0-1.0\n" in text
        references = re.findall(r"(?:doc-ref:|^ +-) (https://.+)$", text, flags=re.MULTILINE)
        assert references, name
        for reference in references:
            assert PINNED.fullmatch(reference) or ELSEWHERE.fullmatch(reference), reference


def test_compile_script_is_sound() -> None:
    script = FORMATS / "compile.sh"
    assert script.stat().st_mode & 0o111
    subprocess.run(["sh", "-n", str(script)], check=True)

"""The modules in savevm_inspect/_ksy/ are what the formats compile to."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FORMATS = ROOT / "formats"
COMPILED = ROOT / "savevm_inspect" / "_ksy"
WRITTEN_BY_HAND = {"qemu_migration_extent": "extent"}
"""Modules that stand in the place of what a format compiles to."""

PINNED = re.compile(r"https://gitlab\.com/qemu-project/qemu/-/blob/v\d+\.\d+\.\d+/\S+( \w+)?")
ELSEWHERE = re.compile(r"https://www\.qemu\.org/docs/\S+( [\w ]+)?")


def test_compiled_modules_are_up_to_date(tmp_path: Path) -> None:
    if shutil.which("node") is None:
        pytest.skip("no node on this machine; it is needed to compile the formats, not to use them")
    if not (FORMATS / "node_modules" / "kaitai-struct-compiler").is_dir():
        pytest.skip("the compiler is not there; `npm ci` in formats/ brings it")
    subprocess.run(
        ["node", str(FORMATS / "compile.mjs"), str(tmp_path)], check=True, capture_output=True, timeout=120
    )
    made = {path.name: path.read_text() for path in tmp_path.iterdir()}
    kept = {path.name: path.read_text() for path in COMPILED.glob("qemu_*.py")}
    assert sorted(made) == sorted(kept)
    assert [name for name in made if made[name] != kept[name]] == [], "run formats/compile.sh"


def test_each_format_has_its_module_and_says_where_it_comes_from() -> None:
    formats = sorted(FORMATS.glob("*.ksy"))
    modules = {path.stem for path in COMPILED.glob("*.py")}
    assert {path.stem for path in formats} - set(WRITTEN_BY_HAND) == {
        name for name in modules if name.startswith("qemu_")
    }
    assert set(WRITTEN_BY_HAND.values()) <= modules
    for path in formats:
        text = path.read_text()
        assert f"\n  id: {path.stem}\n" in text
        assert "\n  license: CC0-1.0\n" in text
        references = re.findall(r"(?:doc-ref:|^ +-) (https://.+)$", text, flags=re.MULTILINE)
        assert references, path.name
        for reference in references:
            assert PINNED.fullmatch(reference) or ELSEWHERE.fullmatch(reference), reference


def test_compile_script_is_sound() -> None:
    script = FORMATS / "compile.sh"
    assert script.stat().st_mode & 0o111
    subprocess.run(["sh", "-n", str(script)], check=True)

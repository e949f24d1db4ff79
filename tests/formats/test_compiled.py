"""The modules in savevm_inspect/_ksy/compiled/ are what the formats compile to, and so are the drawings."""

import re
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FORMATS = ROOT / "formats"
BY_HAND = ROOT / "savevm_inspect" / "_ksy"
COMPILED = BY_HAND / "compiled"
DRAWINGS = ROOT / "docs" / "formats"
SVG = "{http://www.w3.org/2000/svg}"
NAMES = sorted(path.stem for path in FORMATS.glob("*.ksy"))
PLAIN = sorted(path.stem for path in (FORMATS / "plain").glob("*.ksy"))
"""Parts of what `savevm-inspect schema to-ksy` writes; formats nevertheless."""
WRITTEN_BY_HAND = {"qemu_migration_extent": "extent"}
"""Modules that stand in the place of what a format compiles to."""

PINNED = re.compile(r"https://gitlab\.com/(qemu-project/qemu|libvirt/libvirt)/-/blob/v\d+\.\d+\.\d+/\S+( \w+)?")
ELSEWHERE = re.compile(r"https://www\.qemu\.org/docs/\S+( [\w ]+)?|https://git\.proxmox\.com/\S+( \S+)?")


def camel(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


@pytest.fixture(scope="module")
def compiler() -> Path:
    """The script that compiles, with the compiler that it needs beside it."""
    if not (FORMATS / "node_modules" / "kaitai-struct-compiler").is_dir():
        subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=FORMATS, check=True)
    return FORMATS / "compile.mjs"


def compiled(compiler: Path, target: str, folder: Path, formats: str = ".") -> dict[str, str]:
    """What each format compiles to, by the name of its file."""
    command = ["node", str(compiler), str(folder), target, formats]
    subprocess.run(command, check=True, capture_output=True, text=True)
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
    parse = "for (const f of process.argv.slice(1)) new vm.Script(fs.readFileSync(f, 'utf8'), { filename: f })"
    subprocess.run(["node", "-e", parse, *map(str, tmp_path.iterdir())], check=True, capture_output=True)


@pytest.mark.node
def test_each_plain_part_compiles_by_itself(compiler: Path, tmp_path: Path) -> None:
    for target, suffix in (("python", "{}.py"), ("javascript", "{}.js")):
        folder = tmp_path / target
        folder.mkdir()
        made = compiled(compiler, target, folder, "plain")
        names = PLAIN if target == "python" else map(camel, PLAIN)
        assert sorted(made) == sorted(map(suffix.format, names))


@pytest.mark.parametrize("path", [*FORMATS.glob("*.ksy"), *FORMATS.glob("plain/*.ksy")], ids=lambda path: path.stem)
def test_each_format_explains_itself(path: Path) -> None:
    document = yaml.safe_load(path.read_text())
    meta = document["meta"]
    assert meta["id"] == path.stem
    assert meta.keys() >= {"title", "application", "file-extension", "license", "ks-version"}
    assert document.keys() >= {"doc", "doc-ref"}
    types = document.get("types", {})
    assert "endian" in meta or any("endian" in each.get("meta", {}) for each in types.values())
    assert [name for name, each in types.items() if "doc" not in each] == []
    for name, values in document.get("enums", {}).items():
        assert [each for each in values.values() if not isinstance(each, dict) or "doc" not in each] == [], name


def test_each_format_has_its_module_and_says_where_it_comes_from() -> None:
    modules = {path.stem for path in COMPILED.glob("*.py")}
    assert set(NAMES) - set(WRITTEN_BY_HAND) == modules - {"__init__"}
    assert set(WRITTEN_BY_HAND.values()) <= {path.stem for path in BY_HAND.glob("*.py")}
    for name in NAMES:
        text = (FORMATS / f"{name}.ksy").read_text()
        assert f"\n  id: {name}\n" in text
        assert "\n  license: CC0-1.0\n" in text
        references = re.findall(r"(?:doc-ref:|^ +-) (https://.+)$", text, flags=re.MULTILINE)
        assert references, name
        for reference in references:
            assert PINNED.fullmatch(reference) or ELSEWHERE.fullmatch(reference), reference


@pytest.mark.node
def test_drawings_are_up_to_date(compiler: Path, tmp_path: Path) -> None:
    made = compiled(compiler, "graphviz", tmp_path) | compiled(compiler, "graphviz", tmp_path, "plain")
    kept = {path.name: path.read_text() for path in DRAWINGS.glob("*.dot")}
    assert sorted(made) == sorted(kept) == sorted(f"{name}.dot" for name in (*NAMES, *PLAIN))
    assert [name for name in made if made[name] != kept[name]] == [], "run formats/draw.sh"


@pytest.mark.graphviz
@pytest.mark.parametrize("name", [*NAMES, *PLAIN])
def test_pictures_show_what_is_drawn_today(name: str) -> None:
    """Places and fonts follow the version of Graphviz; what is shown does not."""
    drawn = subprocess.run(
        ["dot", "-Tsvg", str(DRAWINGS / f"{name}.dot")], check=True, capture_output=True, text=True
    )
    assert drawn.stderr == ""
    today = shown(drawn.stdout)
    assert today
    assert shown((DRAWINGS / f"{name}.svg").read_text()) == today, "run formats/draw.sh"


def shown(svg: str) -> list[str]:
    """The texts of a picture, and what its nodes, edges and frames are called."""
    root = ElementTree.fromstring(svg)
    assert root.tag == f"{SVG}svg"
    return sorted(text for each in root.iter() if each.tag in {f"{SVG}text", f"{SVG}title"} and (text := each.text))


def test_each_format_is_shown_with_a_sentence() -> None:
    text = (ROOT / "docs" / "formats.md").read_text()
    found = re.findall(r"^### (\w+)\n\n([A-Z].+\.)\n\n!\[\1\]\(formats/\1\.svg\)$", text, flags=re.MULTILINE)
    assert sorted(name for name, _ in found) == sorted((*NAMES, *PLAIN))
    table = (FORMATS / "README.md").read_text()
    assert [name for name in NAMES if f"`{name}.ksy`" not in table] == []


@pytest.mark.parametrize("name", ["compile.sh", "draw.sh"])
def test_scripts_are_sound(name: str) -> None:
    script = FORMATS / name
    assert script.stat().st_mode & 0o111
    subprocess.run(["sh", "-n", str(script)], check=True)

"""The files that repo2docker builds an image from agree with pyproject.toml."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BINDER = ROOT / "binder"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def lines(name: str) -> list[str]:
    return [line for line in (BINDER / name).read_text().splitlines() if line and not line.startswith("#")]


def test_requirements_are_those_of_the_extras() -> None:
    extras = PROJECT["optional-dependencies"]
    assert sorted(lines("requirements.txt")) == sorted(extras["lab"] + extras["record"])


def test_python_is_one_that_the_package_takes() -> None:
    (runtime,) = lines("runtime.txt")
    chosen = re.fullmatch(r"python-(\d+)\.(\d+)", runtime)
    least = re.fullmatch(r">=(\d+)\.(\d+)", PROJECT["requires-python"])
    assert chosen
    assert least
    assert tuple(map(int, chosen.groups())) >= tuple(map(int, least.groups()))
    assert f"Programming Language :: Python :: {chosen[1]}.{chosen[2]}" in PROJECT["classifiers"]


def test_package_is_installed_with_extras_that_exist() -> None:
    installs = re.findall(r"pip install .*'\.\[(.*)\]'", (BINDER / "postBuild").read_text())
    assert [set(extras.split(",")) for extras in installs] == [{"lab", "record"}]
    assert {"lab", "record"} <= set(PROJECT["optional-dependencies"])


@pytest.mark.parametrize("name", ["postBuild", "start"])
def test_scripts_can_run(name: str) -> None:
    script = BINDER / name
    assert script.stat().st_mode & 0o111
    subprocess.run(["bash", "-n", str(script)], check=True)


def test_start_becomes_what_it_is_given() -> None:
    done = subprocess.run(
        [str(BINDER / "start"), "printf", "%s|", "a b", "*"], check=True, capture_output=True, text=True
    )
    assert done.stdout == "a b|*|"

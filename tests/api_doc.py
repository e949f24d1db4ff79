"""``docs/api.md`` is drawn from the docstrings of the public names; ``python tests/api_doc.py`` renews it."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import savevm_inspect

DOC: Final = Path(__file__).parents[1] / "docs" / "api.md"

_HEAD: Final = """# The Python interface

Each of these is a name of the package: `import savevm_inspect as si`. Drawn from the docstrings.
"""
_ROLE: Final = re.compile(r":\w+:`~?([^`]+)`")
_SECTION: Final = re.compile(r"(Args|Attributes|Returns|Yields|Raises):")
_ENTRY: Final = re.compile(r"    (\w+): (.*)")
_STARS: Final = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}


def drawn() -> str:
    """The whole document."""
    entries = ("\n\n".join(_entry(name, getattr(savevm_inspect, name))) for name in savevm_inspect._PUBLIC)
    return "\n\n".join([_HEAD.rstrip(), *entries]) + "\n"


def _entry(name: str, thing: Any) -> Iterator[str]:
    """The parts of one public name."""
    yield f"## si.{name}"
    if inspect.isfunction(thing):
        yield from _function(f"si.{name}", thing)
        return
    described = thing if isinstance(thing, type | ModuleType) else type(thing)
    yield _prose(described)
    for member, value in _members(described):
        path = f"{name if isinstance(described, type) else f'si.{name}'}.{member}"
        yield f"### {path}"
        if inspect.isfunction(value):
            yield from _function(path, value)
        else:
            yield _prose(value)


def _members(thing: type | ModuleType) -> Iterator[tuple[str, Any]]:
    """What a class, or a module, has for its users: functions, methods and properties that have a docstring."""
    for name, value in vars(thing).items():
        plain = getattr(value, "func", getattr(value, "__func__", value))  # of a cached property, of a class method
        wanted = inspect.isfunction(plain) or isinstance(plain, property)
        if wanted and plain.__doc__ and not name.startswith("_"):
            yield name, value if plain is not value and hasattr(value, "func") else plain


def _function(path: str, function: Any) -> Iterator[str]:
    parameters = [
        each for each in inspect.signature(function).parameters.values() if each.name not in ("self", "cls")
    ]
    shown = [_parameter(each) for each in parameters]
    kinds = [each.kind for each in parameters]
    if inspect.Parameter.KEYWORD_ONLY in kinds:
        shown.insert(kinds.index(inspect.Parameter.KEYWORD_ONLY), "*")
    yield f"`{path}({', '.join(shown)})`"
    yield _prose(function)


def _parameter(parameter: inspect.Parameter) -> str:
    default = (
        ""
        if parameter.default is inspect.Parameter.empty
        else f"={getattr(parameter.default, '__name__', repr(parameter.default))}"
    )
    return f"{_STARS.get(parameter.kind, '')}{parameter.name}{default}"


def _prose(thing: Any) -> str:
    """A docstring as Markdown: its sections as lists, all else as it is."""
    text = inspect.getdoc(thing) or ""
    text = _ROLE.sub(lambda found: f"`{found[1].rpartition('.')[2]}`", text).replace("``", "`")
    lines: list[str] = []
    section = False
    for line in text.splitlines():
        entry = _ENTRY.fullmatch(line) if section else None
        if _SECTION.fullmatch(line):
            section = True
            lines += [line, ""]
        elif entry:
            lines.append(f"- `{entry[1]}`: {entry[2]}")
        elif section and line.startswith("    "):
            lines.append(f"  {line.strip()}" if lines[-1] else f"- {line.strip()}")
        else:
            lines.append(re.sub(r"::$", ":", line))
    return "\n".join(lines)


if __name__ == "__main__":
    DOC.write_text(drawn(), encoding="utf-8")

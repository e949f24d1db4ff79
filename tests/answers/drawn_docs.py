"""``docs/errors.md`` is drawn from the table of errors; ``python -m tests.answers.drawn_docs`` renews it."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Final

from savevm_inspect.answers import table
from savevm_inspect.answers.row import Row
from savevm_inspect.answers.wording import Wording

DOC: Final = Path(__file__).parents[2] / "docs" / "errors.md"

_HEAD: Final = """# What QEMU's migration says when it fails

Every error of QEMU's migration code, each headed with the line itself, and some that libvirt, the kernel and other
parts of QEMU say around it. What a line leaves open stands in `<...>`; where versions word it differently, all
wordings follow. `savevm-inspect explain 'LINE'` finds the entry of a line, also of a whole log (`explain - < LOG`).

Of a log take the first error: what follows is mostly its consequence. QEMU 7.2 and 10.0 print one line each; since
10.2 most of it is one chain, joined with colons, after `load of migration failed`. Entries marked *context* say
what failed, another line why.

Versions are those whose sources were read: 7.2 (7.2.22), 10.0 (10.0.13), 10.2 (the development after it); 11.1 by
the strings of its binary. Drawn from the table in `savevm_inspect/answers`.
"""
_TITLES: Final = {
    "stream": "Header, sections, footers",
    "state": "State of devices",
    "devices": "PCI and virtio",
    "ram": "Guest memory",
    "multifd": "Multifd",
    "postcopy": "Postcopy",
    "start": "Start and end, commands, channels, snapshots",
    "around": "Around it: libvirt, the kernel, other parts of QEMU",
}


def drawn() -> str:
    """The whole document."""
    return "\n".join([_HEAD, *(line for name in table.CAUSES for line in _part(name))])


def _part(name: str) -> Iterator[str]:
    yield f"## {_TITLES[name]}\n"
    for row in import_module(f"savevm_inspect.answers.causes.{name}").ROWS:
        yield from _entry(row)


def _entry(row: Row) -> Iterator[str]:
    wordings = sorted(
        (each for each in table.wordings() if each.key == row.key), key=lambda each: -len(each.versions)
    )
    yield f"### `{filled(wordings[0], row)}`\n"
    for each in wordings:
        said = f"`{filled(each, row)}`, " if each is not wordings[0] else ""
        where = f"{each.file}, {each.function}" if each.function else each.file
        yield f"- {said}{' '.join(each.versions)}: {where}"
    yield f"\n{row.cause}{' *(context)*' if row.context else ''}\n"
    yield f"**What to do.** {row.remedy}\n"
    yield f"Speaks of: {row.part}. Key: `{row.key}`\n"


def filled(wording: Wording, row: Row) -> str:
    """A wording with the names of what it leaves open."""
    names = iter(row.values)
    return "".join(piece if isinstance(piece, str) else f"<{next(names, '...')}>" for piece in wording.pieces).strip()


if __name__ == "__main__":
    DOC.write_text(drawn(), encoding="utf-8")

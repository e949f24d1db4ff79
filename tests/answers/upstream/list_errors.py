"""Lists what QEMU's migration code says when it fails: file, function, format string, versions; read off its sources.

``python tests/answers/upstream/list_errors.py 7.2=SOURCE 10.0=SOURCE 10.2=SOURCE 11.1=BINARY`` renews
``savevm_inspect/answers/wordings.tsv``. SOURCE is an unpacked source of QEMU (``apt-get source qemu``, or a clone).
Of a version whose source is not at hand, BINARY says which formats it has: those that it holds as strings. Formats
that are in no source stand in ``BINARY_ONLY``, with the file whose strings lie around them. Keys are kept; a format
that is new gets ``?``, until somebody gives it a key and the table of causes a row.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

LIST: Final = Path(__file__).parents[3] / "savevm_inspect" / "answers" / "wordings.tsv"

FILES: Final = (
    "migration/savevm.c",
    "migration/vmstate.c",
    "migration/vmstate-types.c",
    "migration/ram.c",
    "migration/multifd*.c",
    "migration/postcopy-ram.c",
    "migration/migration.c",
    "migration/qemu-file.c",
    "migration/channel.c",
    "migration/socket.c",
    "migration/file.c",
    "migration/fd.c",
    "migration/tls.c",
    "migration/global_state.c",
    "hw/virtio/virtio.c",
    "hw/pci/pci.c",
)
DEVICE_FUNCTIONS: Final = {
    "hw/virtio/virtio.c": re.compile(r"\w*(load|save|set_features)\w*|(get|put)_\w+"),
    "hw/pci/pci.c": re.compile(r"\w*(load|save)\w*|(get|put)_\w+"),
}
"""Of the files of devices, the functions that run while state is saved or loaded; the others run with the guest."""

NOT_MIGRATING: Final = re.compile(
    r"dump_\w+|migration_global_dump"  # what -dump-vmstate and the monitor's `info` print
    r"|migrate_caps_check|migrate_params_check|xbzrle_cache_resize"  # refuse options; nothing is saved or loaded yet
)

REPORTING: Final = re.compile(
    r"\b(error_report(?:_once|f_err)?|warn_report(?:_once|_once_cond|f_err)?|info_report|error_setg(?:_errno)?"
    r"|error_prepend|error_propagate_prepend|error_append_hint|error_printf|virtio_error|fprintf|perror"
    r"|g_strdup_printf)\s*\("
)
"""The functions that an error goes through."""

BINARY_ONLY: Final = {
    "11.1": (
        ("migration/migration.c", "Switchover ack pending num underflowed"),
        ("migration/migration.c", "Failed to save non-iterable devices "),
        ("migration/migration.c", "Failed to start write tracking"),
        ("migration/migration.c", "Postcopy save non-iterable states failed: "),
        ("migration/migration.c", "Unexpected migration completion status %s"),
        ("migration/multifd.c", "multifd: received channel id %u exceeds channel count %u"),
        ("migration/postcopy-ram.c", "%s: Read unexpected event %u from userfaultfd"),
        ("migration/postcopy-ram.c", "%s: Read unexpected event %u from userfaultfd (shared)"),
        ("migration/ram.c", "Migration mapped-ram header has invalid page_size %lu (expected %d)"),
        ("migration/savevm.c", "Failed to flush QEMUFile: "),
        ("migration/savevm.c", "Failed to validate capabilities"),
        ("migration/savevm.c", "Failed to save iterable device state: "),
        ("migration/savevm.c", "Switchover ACK was requested by %u devices during switchover"),
        ("migration/savevm.c", "MIG_CMD 0x%x deprecated (len 0x%x)"),
        ("migration/vmstate.c", "Failed to load element of type %s for %s"),
        ("migration/vmstate.c", "Loading VM subsection '%s' in '%s' failed: "),
        ("migration/vmstate.c", "Unexpected ptr marker: %d"),
        ("hw/virtio/virtio.c", "VQ %d vring.num %u exceeds allocated max %u"),
    ),
}

_MACROS: Final = {
    "RAM_ADDR_FMT": "%lx",
    "HWADDR_PRIx": "lx",
    "HWADDR_PRIX": "lX",
    "VIRTIO_FEATURES_FMT": "%032lx",  # %016lx%016lx: one number
    "QERR_INVALID_PARAMETER": "Invalid parameter '%s'",
    "QERR_INVALID_PARAMETER_VALUE": "Parameter '%s' expects %s",
    "QERR_MISSING_PARAMETER": "Parameter '%s' is missing",
    "QERR_MIGRATION_ACTIVE": "There's a migration process in progress",
    "QERR_IO_ERROR": "An IO error has occurred",
    "QERR_UNSUPPORTED": "this feature or command is not currently supported",
}
"""What stands in place of a literal; PRIx64 and its like are taken apart."""

_TOKEN: Final = re.compile(r'"((?:[^"\\\n]|\\.)*)"|\b((?:PRI|HWADDR_PRI|RAM_ADDR_FMT|VIRTIO_FEATURES_FMT|QERR_)\w*)')
_COMMENT: Final = re.compile(r'/\*.*?\*/|//[^\n]*|("(?:[^"\\\n]|\\.)*")', re.DOTALL)
_FUNCTION: Final = re.compile(
    r"^(?:[A-Za-z_][\w \t*]*\n)?[\w \t*]*?\b(\w+)\([^;{}()]*(?:\([^()]*\)[^;{}()]*)*\)\s*^\{", re.MULTILINE
)
_CONVERSION: Final = re.compile(r"%[-+ #0]*(?:\*|\d+)?(?:\.(?:\*|\d+))?(?:hh|h|ll|l|z)?[a-zA-Z]|%%")


class Error(NamedTuple):
    """An error that some function reports; the format is the one that the compiler sees, ``text`` has filled in what
    the call itself says: ``__func__`` and literals."""

    file: str
    function: str
    format: str
    text: str


def errors(source: Path) -> Iterator[Error]:
    """What an unpacked source can say."""
    for pattern in FILES:
        for path in sorted(source.glob(pattern)):
            yield from _errors(path.relative_to(source).as_posix(), path.read_text(encoding="utf-8"))


def _errors(file: str, code: str) -> Iterator[Error]:
    code = _COMMENT.sub(lambda found: found[1] or " ", code)
    functions = [(found.start(), found[1]) for found in _FUNCTION.finditer(code)]
    for call in REPORTING.finditer(code):
        function = [name for start, name in functions if start < call.start()][-1]
        runs_now = DEVICE_FUNCTIONS.get(file, re.compile(".*"))
        if not runs_now.fullmatch(function) or NOT_MIGRATING.fullmatch(function):
            continue
        form, rest = _format(_arguments(code, call.end()))
        text = _filled(form, rest, function)
        says_something = _CONVERSION.sub("", text).strip()
        if says_something and (
            call[1] != "g_strdup_printf" or " " in form
        ):  # no space: the name of a thread or field
            yield Error(file, function, form, text)


def _arguments(code: str, start: int) -> str:
    """What stands between the parentheses of a call."""
    depth, pos, quoted = 1, start, False
    while depth:
        char = code[pos]
        if quoted and char == "\\":
            pos += 1
        elif char == '"':
            quoted = not quoted
        elif not quoted:
            depth += {"(": 1, ")": -1}.get(char, 0)
        pos += 1
    return code[start : pos - 1]


def _format(arguments: str) -> tuple[str, str]:
    """The first run of literals of a call, as one string, and the arguments after it."""
    parts: list[str] = []
    end = 0
    for found in _TOKEN.finditer(arguments):
        if parts and arguments[end : found.start()].strip():
            break
        end = found.end()
        if found[2] is None:
            parts.append(found[1])
        elif found[2].startswith("PRI"):
            parts.append("l" * found[2].endswith(("64", "PTR")) + found[2][3])
        else:
            parts.append(_MACROS[found[2]])
    text = "".join(parts).replace('\\"', '"').replace("\\t", "\t").replace("\\n", "\n")
    return text, arguments[end:]


def _filled(form: str, arguments: str, function: str) -> str:
    """A format with those of its conversions filled in that the call gives literals for."""
    values = iter(each.strip() for each in arguments.lstrip(", \n").split(","))

    def value(found: re.Match[str]) -> str:
        given = next(values, "") if found[0] != "%%" else ""
        if given == "__func__":
            return function
        literal = re.fullmatch(r'"([^"\\]*)"', given)
        return literal[1] if literal else found[0]

    return _CONVERSION.sub(value, form).strip("\n")


def _tsv(rows: dict[tuple[str, str, str], list[str]], keys: dict[str, str]) -> str:
    head = "key\tversions\tfile\tfunction\tformat\n"
    lines = (
        "\t".join((keys.get(text, "?"), " ".join(versions), file, function, text))
        for (file, function, text), versions in sorted(rows.items())
    )
    return head + "".join(f"{line}\n" for line in lines)


def main(arguments: list[str]) -> None:
    """Renew the list.

    Args:
        arguments: a version, ``=`` and its source or binary; in the order of versions.
    """
    rows: dict[tuple[str, str, str], list[str]] = {}
    formats: dict[tuple[str, str, str], str] = {}
    last = ""
    for argument in arguments:
        version, _, where = argument.partition("=")
        path = Path(where)
        if path.is_dir():
            for each in errors(path):
                row = (each.file, each.function, each.text)
                formats[row] = each.format
                if version not in rows.setdefault(row, []):
                    rows[row].append(version)
            last = version
        else:
            strings = path.read_bytes()
            for row, versions in rows.items():
                if versions[-1] == last and formats[row].replace("%032lx", "%016lx" * 2).encode() + b"\0" in strings:
                    versions.append(version)
            for file, form in BINARY_ONLY[version]:
                assert form.encode() + b"\0" in strings, form
                rows[file, "", form] = [version]
    known = LIST.read_text(encoding="utf-8").splitlines() if LIST.exists() else []
    keys = {text: key for key, _, _, _, text in (line.split("\t") for line in known)}
    LIST.write_text(_tsv(rows, keys), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])

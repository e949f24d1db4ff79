"""Plain data as YAML that a person can read and every reader of YAML takes for the same data.

A string stands bare only where no version of YAML can take it for anything else; all others are quoted, with
whatever is not printable as an escape. So text of a stream can't end a line, a string or a document.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_BARE = re.compile(r"[A-Za-z_(](?:[!-9;-~]|:(?=[!-~])| (?!#))*(?<! )")
_BARE_KEY = re.compile(r"-?[A-Za-z_](?:[A-Za-z0-9_-]|:(?=\w|:\w))*|0|[1-9][0-9]*")
_NOT_TEXT = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
"""Bare words that some version of YAML takes for something else."""

_INDENT = "  "
_LIMIT_KEY = 1000
"""Characters of a key that may stand on one line with its value; YAML allows 1024."""


def yaml_text(document: Mapping[str, Any]) -> str:
    """Write a document.

    Args:
        document: mappings, sequences, text, whole numbers and truth values, nested in any way.

    Returns:
        Its YAML, in lines that each end in a newline.
    """
    return "".join(f"{line}\n" for line in _mapping(document, ""))


def _mapping(value: Mapping[str, Any], indent: str) -> Iterator[str]:
    for key, inner in value.items():
        name = _key(key)
        head = f"{indent}{name}:" if len(name) < _LIMIT_KEY else f"{indent}? {name}\n{indent}:"
        yield from _entry(head, inner, indent)


def _entry(head: str, value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        yield head
        yield from _mapping(value, indent + _INDENT)
    elif isinstance(value, Sequence) and not isinstance(value, str) and not all(type(each) is int for each in value):
        yield head
        for each in value:
            yield from _item(each, indent + _INDENT)
    elif isinstance(value, str) and _is_block(value):
        yield f"{head} |" if value.endswith("\n") else f"{head} |-"
        yield from (f"{indent}{_INDENT}{line}" if line else "" for line in value.splitlines())
    else:
        yield f"{head} {_flow(value)}"


def _item(value: Any, indent: str) -> Iterator[str]:
    """An item of a sequence; a mapping's first key stands on the line of the dash."""
    if not isinstance(value, Mapping) or not value:
        yield f"{indent}- {_flow(value)}"
        return
    lines = _mapping(value, indent + _INDENT)
    yield f"{indent}- {next(lines)[len(indent) + len(_INDENT) :]}"
    yield from lines


def _flow(value: Any) -> str:
    if isinstance(value, str):
        return value if _BARE.fullmatch(value) and value.lower() not in _NOT_TEXT else _quoted(value)
    return _nested(value)


def _nested(value: Any) -> str:
    """A value inside of brackets, where no string stands bare."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_quoted(key)}: {_nested(inner)}' for key, inner in value.items())}}}"
    return f"[{', '.join(map(_nested, value))}]"


def _key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) and key.lower() not in _NOT_TEXT else _quoted(key)


def _is_block(text: str) -> bool:
    """Whether a text of several lines means the same as a literal block."""
    lines = text.splitlines()
    return (
        "\n" in text
        and "\n".join(lines) == text.removesuffix("\n")
        and all(line.isprintable() for line in lines)
        and bool(lines[0])
        and not lines[0].startswith(" ")
        and bool(lines[-1])
    )


def _quoted(text: str) -> str:
    if '"' in text and "'" not in text and "\\" not in text and text.isprintable():
        return f"'{text}'"
    return f'"{"".join(_escape(char) for char in text)}"'


def _escape(char: str) -> str:
    if char in '"\\':
        return f"\\{char}"
    if char.isprintable():
        return char
    number = ord(char)
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"

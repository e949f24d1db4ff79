"""How inputs are damaged: bytes, lines of text and JSON, each changed in the ways that matter to it."""

import json
from collections.abc import Callable
from copy import deepcopy
from random import Random
from typing import Any, Final

Mutate = Callable[[bytes, Random], bytes]

_NUMBERS: Final = (b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\0\0\0\1", b"\0\0\x10\0")
_DIGITS: Final = (b"0", b"-1", b"1", b"4294967296", b"9223372036854775808", b"99999999999999999999999999", b"1e999")
_JSON: Final = (
    *(None, True, False, 0, 1, -1, 2, 255, 1 << 31, 1 << 32, 1 << 63, 1 << 64, 10**30, 0.5, -1e308),
    *("", "0", "x", "ram", "..", "/", "\0", "\ud800", "<b>", "a" * 300, [], {}, [[]], [0], {"": 0}, [None] * 3),
)
_DIGIT: Final = frozenset(b"0123456789")


def mutate_bytes(data: bytes, chance: Random) -> bytes:  # noqa: C901 - one case a change
    """Change bytes, bits and 32-bit numbers; take pieces out, put them in twice, cut the end off."""
    out = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 4, 16))):
        if not out:
            break
        pos = chance.randrange(min(len(out), chance.choice((64, 512, len(out)))))
        other, length = chance.randrange(len(out)), chance.randrange(1, 64)
        match chance.randrange(8):
            case 0:
                out[pos] = chance.randrange(256)
            case 1:
                out[pos] ^= 1 << chance.randrange(8)
            case 2:
                out[pos : pos + 4] = chance.choice(_NUMBERS)
            case 3:
                del out[pos : pos + length]
            case 4:
                out[pos:pos] = out[pos : pos + length]
            case 5:
                out[pos : pos + 8] = out[other : other + 8]
            case 6:
                out[pos:pos] = out[other : other + 8 * length]
            case _ if chance.random() < 0.3:
                del out[pos:]
            case _:
                out[pos] = chance.choice((0, 1, 0x7F, 0x80, 0xFF))
    return bytes(out)


def mutate_lines(data: bytes, chance: Random) -> bytes:
    """Change numbers and words of lines; have lines come twice, elsewhere, joined, or not at all."""
    lines = data.splitlines(keepends=True)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        if not lines:
            break
        pos, other = chance.randrange(len(lines)), chance.randrange(len(lines))
        match chance.randrange(7):
            case 0:
                del lines[pos : pos + chance.choice((1, 1, 5))]
            case 1:
                lines.insert(pos, lines[other])
            case 2:
                lines[pos], lines[other] = lines[other], lines[pos]
            case 3:
                lines[pos] = lines[pos].rstrip(b"\n")
            case 4 | 5:
                lines[pos] = _another_number(lines[pos], chance)
            case _:
                lines[pos] = mutate_bytes(lines[pos], chance)
    return b"".join(lines)


def _another_number(line: bytes, chance: Random) -> bytes:
    places = [pos for pos, letter in enumerate(line) if letter in _DIGIT]
    if not places:
        return line
    start = end = chance.choice(places)
    while end < len(line) and line[end] in _DIGIT:
        end += 1
    return line[:start] + chance.choice(_DIGITS) + line[end:]


def mutate_json(data: bytes, chance: Random) -> bytes:
    """Put other values into a document, take some out, have keys come twice; or change its bytes."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):  # it was changed before
        return mutate_bytes(data, chance)
    if chance.random() < 0.2:
        return mutate_bytes(data, chance)
    for _ in range(chance.choice((1, 1, 2, 4))):
        document = _with_another_value(document, chance)
    text = json.dumps(document)
    if chance.random() < 0.1:
        text = text.replace("{", chance.choice(('{"name":7,', '{"version":{},', '{"":', "{{")), 1)
    return text.encode()


def _with_another_value(value: Any, chance: Random) -> Any:
    """The same document but for one place in it, the deeper the more likely."""
    inner = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    if not inner or chance.random() < 0.1:
        alike = [each for each in _JSON if type(each) is type(value)] if chance.random() < 0.6 else _JSON
        return deepcopy(chance.choice(alike or _JSON))
    key = inner[chance.randrange(len(inner))]
    what = chance.random()
    if what < 0.1:
        del value[key]
    elif what < 0.2 and isinstance(value, list):
        value.insert(key, deepcopy(value[chance.randrange(len(value))]))
    elif what < 0.2:
        value[chance.choice(("name", "size", "type", "array_len", "struct", "number", key))] = deepcopy(value[key])
    else:
        value[key] = _with_another_value(value[key], chance)
    return value


def mutate_json_lines(data: bytes, chance: Random) -> bytes:
    """Change documents of which each is a line, and the lines themselves."""
    lines = mutate_lines(data, chance).splitlines(keepends=True) if chance.random() < 0.5 else data.splitlines(True)
    for _ in range(chance.choice((1, 1, 3))):
        if lines:
            pos = chance.randrange(len(lines))
            lines[pos] = mutate_json(lines[pos], chance) + b"\n"
    return b"".join(lines)

"""Reading a register.h: the members of its SaveVMHandlers, as declared.

As much of C as such a header has: comments, preprocessor lines, and declarations of function pointers, by themselves
or by the name of a type. A file may be anybody's: its size is bounded, it is read once from beginning to end, and
nothing in it is followed or run.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from ..errors import SavevmError
from .signatures import TYPEDEFS, Parameter, Signature

LIMIT_BYTES: Final = 1 << 18
"""Of the file; upstream's have 12,000."""

_STRUCTURE: Final = "SaveVMHandlers"
_MEMBERS_LIMIT: Final = 1000
_LEXICAL: Final = re.compile(
    r"""
      /\*[^*]*+(?:\*(?!/)[^*]*+)*+(?:\*/)?  # a comment, which the end of the file ends, too
    | //[^\n]*+
    | ^[ \t]*+\#(?:\\\n|[^\n])*+  # a preprocessor line, with those that continue it
    | (?P<token>\w++|[^\s\w])
    """,
    re.VERBOSE | re.MULTILINE,
)
_NUMBER: Final = re.compile(r"(?<!\S)\d{1,6}(?!\S)")
_LISTING_LINES: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredCallback:
    """One member of the structure.

    Attributes:
        name: as it is declared.
        line: of the file, from 1.
        signature: what it is given; ``None`` if it is no function, or of a type that is declared elsewhere.
        declared: the declaration, in one line.
    """

    name: str
    line: int
    signature: Signature | None
    declared: str


class _Token(NamedTuple):
    text: str
    line: int


def read_register_h(text: str) -> tuple[DeclaredCallback, ...]:
    """The members of SaveVMHandlers, in their order.

    Args:
        text: of the file; one that was listed with the numbers of its lines is read, too.

    Raises:
        SavevmError: it is too long, has no such structure, or one that has no end.
    """
    if len(text) > LIMIT_BYTES:
        raise SavevmError(f"longer than {LIMIT_BYTES} characters, which no register.h is")
    tokens = list(_tokens(_without_line_numbers(text)))
    members, member, depth = list[list[_Token]](), list[_Token](), 0
    for token in tokens[_body(tokens) :]:
        if token.text == "}" and not depth:
            return tuple(_declaration(each) for each in members)
        depth += (token.text in "({[") - (token.text in ")}]")
        if token.text == ";" and not depth:
            members.append(member)
            member = []
        else:
            member.append(token)
        if len(members) > _MEMBERS_LIMIT:
            raise SavevmError(f"{_STRUCTURE} has more than {_MEMBERS_LIMIT} members")
    raise SavevmError(f"{_STRUCTURE} has no end")


def _without_line_numbers(text: str) -> str:
    """A listing whose lines are numbered, even one that has lost its line ends: its lines without the numbers."""
    lines, start, expected = [], 0, 1
    if not text.lstrip().startswith("1"):
        return text
    for found in _NUMBER.finditer(text):
        if int(found[0]) == expected:
            lines.append(text[start : found.start()].rstrip("\n"))
            start, expected = found.end(), expected + 1
    if expected <= _LISTING_LINES:
        return text
    return "\n".join([*lines[1:], text[start:]])


def _tokens(text: str) -> Iterator[_Token]:
    """Words and single characters, without comments, preprocessor lines and blanks."""
    line, counted = 1, 0
    for found in _LEXICAL.finditer(text):
        line += text.count("\n", counted, found.start())
        counted = found.start()
        if found["token"]:
            yield _Token(found["token"], line)


def _body(tokens: Sequence[_Token]) -> int:
    """Index of the first token within the structure."""
    for index in range(len(tokens) - 2):
        if tokens[index].text == "struct" and tokens[index + 1].text == _STRUCTURE and tokens[index + 2].text == "{":
            return index + 3
    raise SavevmError(f"no structure {_STRUCTURE} is declared here")


def _declaration(member: Sequence[_Token]) -> DeclaredCallback:
    words = [token.text for token in member]
    line = member[0].line if member else 0
    if "(" in words:
        return _function_pointer(words, line)
    names = [word for word in words if word.isidentifier()]
    known = TYPEDEFS.get(names[0]) if len(names) == 2 and set(words) - set(names) <= {"*"} else None
    name = names[-1] if names else ""
    return DeclaredCallback(name=name, line=line, signature=known, declared=_in_one_line(words))


def _function_pointer(words: Sequence[str], line: int) -> DeclaredCallback:
    """``type (*name)(parameters)``; what is anything else has no signature."""
    opening = words.index("(")
    closing = words.index(")", opening) if ")" in words[opening:] else len(words)
    name, rest = words[closing - 1], words[closing + 1 :]
    if words[opening + 1 : closing - 1] != ["*"] or rest[:1] != ["("] or rest[-1:] != [")"]:
        return DeclaredCallback(name=name, line=line, signature=None, declared=_in_one_line(words))
    signature = Signature(returns=_in_one_line(words[:opening]), parameters=_parameters(rest[1:-1]))
    parameters = ", ".join(str(parameter).strip() for parameter in signature.parameters)
    declared = f"{signature.returns} (*{name})({parameters})"
    return DeclaredCallback(name=name, line=line, signature=signature, declared=declared)


def _parameters(words: Sequence[str]) -> tuple[Parameter, ...]:
    if list(words) in ([], ["void"]):
        return ()
    found, one, depth = [], list[str](), 0
    for word in (*words, ","):
        depth += (word in "([{") - (word in ")]}")
        if word == "," and not depth:
            named = len(one) > 1 and one[-1].isidentifier()
            ctype = _in_one_line(one[:-1] if named else one)
            found.append(Parameter(name=one[-1] if named else "", ctype=ctype))
            one = []
        else:
            one.append(word)
    return tuple(found)


def _in_one_line(words: Sequence[str]) -> str:
    """A declaration or a type in one spelling: words with a blank between them, a blank before the first asterisk."""
    text = " ".join(words)
    for loose, tight in (("( ", "("), (" )", ")"), (" (", "("), ("* *", "**"), ("* *", "**"), (" ,", ",")):
        text = text.replace(loose, tight)
    return text

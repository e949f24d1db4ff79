"""The course's notebooks, executed as a reader would, who then answers their exercises."""

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent
from typing import Final

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from savevm_inspect.widgets.publish import execute

NOTEBOOKS: Final = Path(__file__).parents[2] / "notebooks"
COURSE: Final = tuple(sorted(path for path in NOTEBOOKS.glob("*.ipynb") if "kaitai" not in path.name))
"""The notebooks of the course's form; the one about Kaitai grows a format and has a form of its own."""

NONSENSE: Final = (
    "None",
    "'a string'",
    "1_000_000",
    "[]",
    "[None] * 3",
    "object()",
    "-1",
    "3.5",
    "lambda *any: 1 / 0",
)
"""Answers that no exercise takes, whatever it asks for."""

_ASSIGNS: Final = re.compile(r"^(answer = |class answer\b|def answer\()", re.MULTILINE)
_CELL: Final = """
{code}
_verdict = {exercise}.answer(answer)
print(bool(_verdict), _verdict.reason, sep="|", end="")
"""


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """An exercise of a notebook, with answers that must not stand in it.

    Attributes:
        name: of the variable that it is.
        right: Python that ends with the right answer in ``answer``; an expression stands for its value.
        wrong: the same for wrong answers, each with words of the sentence that it gets.
    """

    name: str
    right: str
    wrong: Sequence[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class Sat:
    """A notebook that was executed, and what its exercises said to answers.

    Attributes:
        node: the notebook with its outputs.
        verdicts: for each answer that was tried whether it was right, and the sentence.
    """

    node: NotebookNode
    verdicts: dict[tuple[str, str], tuple[bool, str]]


def sit(name: str, exercises: Sequence[Exercise], scratch: Path) -> Sat:
    """Execute a notebook, and then try all answers in its kernel.

    Args:
        name: of the notebook, without its suffix.
        exercises: what is tried.
        scratch: a folder to work in.
    """
    shutil.copytree(NOTEBOOKS / "captures", scratch / "captures")
    node = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    own = len(node.cells)
    tried = [(each.name, code) for each in exercises for code in (each.right, *dict(each.wrong), *NONSENSE)]
    for exercise, answer in tried:
        code = (
            answer
            if re.search(r"^answer = |^class answer\b|^def answer\(", answer, re.MULTILINE)
            else f"answer = {answer}"
        )
        node.cells.append(new_code_cell(_CELL.format(code=code, exercise=exercise)))
    path = scratch / f"{name}.ipynb"
    nbformat.write(node, path)
    done = execute(path)
    said = ["".join(output.get("text", "") for output in cell.outputs) for cell in done.cells[own:]]
    parted = [text.partition("|") for text in said]
    verdicts = {key: (right == "True", why) for key, (right, _, why) in zip(tried, parted, strict=True)}
    del done.cells[own:]
    return Sat(node=done, verdicts=verdicts)


def check(sat: Sat, exercises: Sequence[Exercise]) -> None:
    """Hold what exercises said against what they must say: right, wrong with its words, nonsense with a sentence."""
    wrong = []
    assert len(nbformat.writes(sat.node)) <= 1_000_000
    for each in exercises:
        assert len(each.wrong) >= 3
        expected = {each.right: (True, "")} | {code: (False, words) for code, words in each.wrong}
        expected |= {code: (False, "") for code in NONSENSE if code not in expected}
        for code, (is_right, words) in expected.items():
            right, sentence = sat.verdicts[each.name, code]
            if right is not is_right or words not in sentence or len(sentence) < 10 or "Traceback" in sentence:
                wrong.append(f"{each.name}, {is_right} expected of\n{indent(code, '    ')}\nsaid {right}: {sentence}")
    assert not wrong, "\n".join(wrong)


def names_of_exercises(name: str) -> list[str]:
    """The variables of a notebook that are exercises."""
    node = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    code = "\n".join(cell.source for cell in node.cells if cell.cell_type == "code")
    return re.findall(r"^(\w+) = si\.quiz\.exercise\(", code, re.MULTILINE)

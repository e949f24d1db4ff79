"""The form of the course's notebooks: short cells, asserts, predictions, exercises, questions."""

import ast
import json
import re
from collections import Counter
from importlib import import_module
from pathlib import Path

import nbformat
import pytest

from .course import COURSE, NOTEBOOKS, names_of_exercises

GLOSSARY = NOTEBOOKS / "glossary.md"
OF_THE_FORM = [path for path in COURSE if path.stem != "00_quickstart"]
each_notebook = pytest.mark.parametrize("path", COURSE, ids=lambda path: path.stem)
each_of_the_form = pytest.mark.parametrize("path", OF_THE_FORM, ids=lambda path: path.stem)


def code_cells(path: Path) -> list[str]:
    return [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def prose(path: Path) -> str:
    cells = nbformat.read(path, as_version=4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def anchor(heading: str) -> str:
    """The anchor that a heading of Markdown gets."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@each_of_the_form
def test_cells_are_few_and_short(path: Path) -> None:
    cells = code_cells(path)
    assert 10 <= len(cells) <= 30
    assert [cell for cell in cells if len(cell.splitlines()) > 15] == []
    assert path.stat().st_size <= 60_000


@each_of_the_form
def test_the_package_is_all_that_is_imported(path: Path) -> None:
    tree = ast.parse("\n".join(code_cells(path)))
    imports = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert imports == ["import savevm_inspect as si"]


@each_of_the_form
def test_it_opens_with_its_question_and_with_what_people_believe(path: Path) -> None:
    node = nbformat.read(path, as_version=4)
    first = node.cells[0].source
    title = first.splitlines()[0].removeprefix("# ")
    assert title.endswith("?")
    assert node.metadata.title == title
    assert "*What many people believe:*" in first
    assert len(re.findall(r"^- ", first, re.MULTILINE)) >= 2


@each_of_the_form
def test_claims_are_asserted_and_predicted_before_they_are_run(path: Path) -> None:
    code = "\n".join(code_cells(path))
    predictions = re.findall(r"^(\w+) = si\.quiz\.predict\(", code, re.MULTILINE)
    assert 2 <= len(predictions) <= 4
    for name in predictions:
        assert code.index(f"{name} = ") < code.index(f"{name}.choose(None)") < code.index(f"{name}.reveal(")
    assert code.count("assert ") >= 12


@each_of_the_form
def test_it_ends_with_exercises_what_was_learnt_what_next_and_five_questions(path: Path) -> None:
    headings = re.findall(r"^## (.*)$", prose(path), re.MULTILINE)
    assert [each.partition(":")[0] for each in headings[-5:]] == [
        "Exercise 1",
        "Exercise 2",
        "What we learnt",
        "What next",
        "Questions",
    ]
    questions = prose(path).partition("## Questions")[2]
    assert re.findall(r"^(\d)\. ", questions, re.MULTILINE) == ["1", "2", "3", "4", "5"]
    exercises = names_of_exercises(path.stem)
    assert len(exercises) == 2
    for name in exercises:
        assert f"{name}.answer(None)" in "\n".join(code_cells(path))


@each_of_the_form
def test_answers_of_each_exercise_are_tried(path: Path) -> None:
    tests = import_module(f".test_{path.stem}", __package__)
    assert [each.name for each in tests.EXERCISES] == names_of_exercises(path.stem)


@each_of_the_form
def test_no_name_is_bound_in_two_cells(path: Path) -> None:
    """So a cell that is run twice, or after a later one, finds what it found the first time."""
    bound: Counter[str] = Counter()
    for cell in code_cells(path):
        names = set()
        for node in ast.parse(cell).body:
            assert not isinstance(node, ast.AugAssign | ast.Delete)
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                names.add(node.name)
                continue
            names |= {
                each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
            }
        bound.update(names - _within_expressions(cell))
    assert [name for name, cells in bound.items() if cells > 1] == []


def _within_expressions(cell: str) -> set[str]:
    """Names that only comprehensions bind."""
    targets = [gen.target for node in ast.walk(ast.parse(cell)) for gen in getattr(node, "generators", ())]
    return {each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)}


@each_notebook
def test_links_lead_somewhere(path: Path) -> None:
    anchors = {anchor(each) for each in re.findall(r"^#+ (.*)$", GLOSSARY.read_text(encoding="utf-8"), re.MULTILINE)}
    for target in re.findall(r"\]\(([^)]+)\)", prose(path)):
        if target.startswith("https://"):
            continue
        file, _, fragment = target.partition("#")
        assert (NOTEBOOKS / file).exists(), target
        if file == "glossary.md" and fragment:
            assert fragment in anchors, target


@each_of_the_form
def test_terms_link_to_the_glossary(path: Path) -> None:
    assert len(set(re.findall(r"\]\(glossary\.md#([\w-]+)\)", prose(path)))) >= 3


def test_notebooks_are_in_order() -> None:
    numbers = [int(path.stem[:2]) for path in sorted(NOTEBOOKS.glob("*.ipynb"))]
    assert len(set(numbers)) == len(numbers)


def test_no_solution_stands_in_a_notebook() -> None:
    for path in OF_THE_FORM:
        tests = import_module(f".test_{path.stem}", __package__)
        for exercise in tests.EXERCISES:
            assert json.dumps(exercise.right)[1:-1] not in path.read_text(encoding="utf-8")

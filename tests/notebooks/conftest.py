"""Each notebook of the course is executed once for all tests of its module."""

from pathlib import Path

import pytest

from .course import Sat, sit


@pytest.fixture(scope="module")
def sat(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Sat:
    """The module's notebook (``test_NAME.py`` tests ``NAME.ipynb``), with the answers of its ``EXERCISES`` tried."""
    name = Path(str(request.path)).stem.removeprefix("test_")
    return sit(name, request.module.EXERCISES, tmp_path_factory.mktemp(name))

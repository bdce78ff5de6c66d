"""Options and fixtures that every test may use."""

import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

from tinykd.results import Report


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write the golden files anew instead of comparing with them; then read the diff",
    )


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare text with ``golden/<name>`` beside the test file."""
    folder = request.path.parent / "golden"

    def compare(name: str, text: str) -> None:
        file = folder / name
        if request.config.getoption("--update-golden"):
            folder.mkdir(exist_ok=True)
            file.write_bytes(text.encode())
        assert file.exists(), f"{file} is missing; run pytest --update-golden once"
        assert text == file.read_bytes().decode()

    return compare


@pytest.fixture(scope="session")
def example_report() -> Report:
    """The invented report of ``tinykd/report_example.py``, which is no importable module here."""
    example = runpy.run_path(str(Path(__file__).parent / "tinykd" / "report_example.py"))
    return example["EXAMPLE"]

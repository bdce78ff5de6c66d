"""The pages on operators say what the code does: they are made of it."""

from pathlib import Path

import pytest

from firmware_export.ops import OPS
from firmware_export.ops.document import PAGES, numerics_page, supported_ops

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", PAGES)
def test_the_pages_are_up_to_date(name: str) -> None:
    """After a change of an operator: python -m firmware_export.ops.document docs."""
    assert (DOCS / name).read_bytes().decode() == PAGES[name]()


@pytest.mark.parametrize("name", OPS)
def test_every_limit_is_documented(name: str) -> None:
    section = supported_ops().split(f"\n## {name}\n")[1].split("\n## ")[0]
    for limit in (*OPS[name].constraints, *OPS[name].numeric_constraints):
        assert f"- {limit.__doc__.splitlines()[0]} *" in section


@pytest.mark.parametrize("name", OPS)
def test_every_operator_cites_the_source_of_its_arithmetic(name: str) -> None:
    """Those that only move values have none."""
    section = numerics_page().split(f"\n### {name}\n")[1].split("\n### ")[0]
    keeps_values = any("scale and zero point" in rule.__doc__ for rule in OPS[name].constraints)
    assert "Source:" in section or keeps_values

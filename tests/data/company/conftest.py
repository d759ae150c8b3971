"""Fixtures of the practice company's tests: companies are made once and never written into."""

import pytest

from finlab.data.company import Company, company


@pytest.fixture(scope="session")
def small() -> Company:
    """Three years of a small company."""
    return company(seed=1, years=3)


@pytest.fixture(scope="session")
def medium() -> Company:
    """Five years of a middle-sized company."""
    return company(seed=11, years=5, size="medium")

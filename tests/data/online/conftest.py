"""Fixtures of the online rooms' tests: a server on this machine, and no key of this machine."""

from collections.abc import Iterator

import pytest
from service import Service


@pytest.fixture
def service() -> Iterator[Service]:
    found = Service()
    yield found
    found.stop()


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FRED_API_KEY", "SEC_CONTACT", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)

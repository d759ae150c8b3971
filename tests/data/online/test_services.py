"""Recorded answers in the shape that each service documents, served on this machine; packages are stood in for."""

import sys
from datetime import date
from decimal import Decimal
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from service import RECORDED, Reply, Service

from finlab.core.errors import InputError
from finlab.data.online import akshare, edgar, fred, packages, plugins, yahoo
from finlab.data.online.plugins import Fetched, fetch, is_online, source_names
from finlab.data.online.web import Manners, Web


def recorded(name: str) -> Reply:
    return Reply(content=(RECORDED / name).read_bytes())


@pytest.fixture
def fred_service(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Service:
    service.say("/fred/series", recorded("fred_series.json"))
    service.say("/fred/series/observations", recorded("fred_observations.json"))
    monkeypatch.setattr(fred, "ADDRESS", service.address + "/fred")
    monkeypatch.setattr(fred, "_web", lambda: Web(Manners(attempts=1, per_second=1000), tmp_path))
    monkeypatch.setenv("FRED_API_KEY", "s3cret-fred")
    return service


@pytest.fixture
def sec(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Service:
    monkeypatch.setattr(edgar, "TICKERS", service.say("/tickers", recorded("company_tickers.json")))
    service.say("/facts/CIK0000000001.json", recorded("companyfacts.json"))
    monkeypatch.setattr(edgar, "FACTS", service.address + "/facts/CIK{cik:010d}.json")

    def local(agent: str) -> Web:
        return Web(Manners(attempts=1, per_second=1000, headers={"User-Agent": agent}), tmp_path)

    monkeypatch.setattr(edgar, "_web", local)
    monkeypatch.setenv("SEC_CONTACT", "Jane Doe jane@example.org")
    return service


# FRED


def test_fred(fred_service: Service) -> None:
    found = fetch("fred:gdp", since="1947-01-01")
    assert found.table.to_pylist() == [
        {"date": date(1947, 1, 1), "value": 243.164},
        {"date": date(1947, 4, 1), "value": None},
        {"date": date(2025, 7, 1), "value": 31095.089},
    ]
    assert (
        found.uri == "fred:GDP" and "unit: Billions of Dollars" in found.notes and "frequency: Quarterly" in found.notes
    )
    asked = fred_service.requests[-1].path
    assert "series_id=GDP" in asked and "observation_start=1947-01-01" in asked and "api_key=s3cret-fred" in asked
    assert "s3cret" not in repr(found)


def test_fred_as_it_was_known(fred_service: Service) -> None:
    found = fetch("fred:GDP", vintage="2024-01-31")
    assert found.as_of == date(2024, 1, 31) and "as known on: 2024-01-31" in found.notes
    assert all("realtime_start=2024-01-31&realtime_end=2024-01-31" in request.path for request in fred_service.requests)


@pytest.mark.parametrize(
    ("reference", "options", "words"),
    [
        ("GDP", {"vintage": "January"}, "vintage is 'January'; expected a day"),
        ("GDP", {"sinse": "2024-01-31"}, "did you mean 'since'"),
        ("G/../x", {}, "a name of FRED"),
        ("NONE", {}, "does not accept the request"),
    ],
)
def test_fred_refusals(fred_service: Service, reference: str, options: dict[str, str], words: str) -> None:
    if reference == "NONE":
        fred_service.say(
            "/fred/series", Reply(400, b'{"error_code": 400, "error_message": "The series does not exist."}')
        )
    with pytest.raises(InputError, match=words) as caught:
        fetch(f"fred:{reference}", **options)
    assert "s3cret" not in str(caught.value)


def test_fred_without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="set FRED_API_KEY"):
        fetch("fred:GDP")


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b'{"observations": [{"date": "x", "value": "1"}]}'])
def test_fred_answers_of_another_shape(content: bytes) -> None:
    for read in (fred.observations, fred.description):
        with pytest.raises(InputError, match="not what its documentation describes"):
            read(content)


# EDGAR


def test_edgar(sec: Service) -> None:
    found = fetch("edgar:exmp/facts")
    assert found.table.num_rows == 3 and found.uri == "edgar:EXMP/facts"
    shares, revenue, restated = found.table.to_pylist()
    assert shares["start"] is None and shares["unit"] == "shares" and shares["value"] == 1000
    assert revenue["value"] == Decimal("12345678901234567") and revenue["start"] == date(2024, 1, 1)
    assert restated["value"] == Decimal("-0.15") and restated["fy"] is None and restated["form"] == "10-K/A"
    assert "company: Example Corp" in found.notes
    assert {request.headers["User-Agent"] for request in sec.requests} == {"Jane Doe jane@example.org"}
    assert fetch("edgar:CIK0000000001").table.equals(found.table)
    assert edgar.fetch_facts("1").path.read_bytes() == (RECORDED / "companyfacts.json").read_bytes()


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("EXMPL", "did you mean 'EXMP'"),
        ("EXMP/filings", "a ticker or a CIK"),
        ("../x", "a ticker"),
        ("2", "no such thing"),
    ],
)
def test_edgar_refusals(sec: Service, reference: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        fetch(f"edgar:{reference}")


@pytest.mark.parametrize("contact", ["", "Jane Doe", "jane@localhost", "Jane\njane@example.org", "ä jane@example.org"])
def test_the_sec_wants_a_contact(contact: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEC_CONTACT", contact)
    with pytest.raises(InputError, match="SEC_CONTACT is not set"):
        fetch("edgar:AAPL")


def test_the_sec_is_asked_less_than_ten_times_a_second() -> None:
    assert edgar._web("a@b.example").manners.per_second < 10


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"facts": {"a": {"b": {"units": {"USD": [{}]}}}}}', b'{"facts": 5}']
)
def test_edgar_answers_of_another_shape(content: bytes) -> None:
    with pytest.raises(InputError, match="companyfacts are not what"):
        edgar.facts_table(content)


def test_a_number_too_long_for_a_decimal_is_floating_point() -> None:
    content = b'{"facts": {"a": {"b": {"units": {"USD": [{"end": "2025-01-31", "val": 1e40}]}}}}}'
    assert edgar.facts_table(content)["value"].to_pylist() == [1e40]


# Packages


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(packages.ask_package, "__defaults__", (lambda seconds: None,))


class Ticker:
    asked: list[dict[str, Any]] = []  # noqa: RUF012

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol

    def history(self, **options: Any) -> pd.DataFrame:
        self.asked.append(options)
        if self.symbol == "FAIL":
            raise RuntimeError("Too Many Requests s3cret-token")
        if self.symbol == "NONE":
            return pd.DataFrame()
        index = pd.DatetimeIndex(["2026-01-05", "2026-01-06"], tz="Asia/Tokyo", name="Date")
        prices = {name: [1.5, 2.5] for name in ("Open", "High", "Low", "Close", "Adj Close")}
        rest = {"Volume": [100, 0], "Dividends": [0.0, 0.1], "Stock Splits": [0.0, 2.0], "Capital Gains": [0.0, 0.0]}
        return pd.DataFrame({**prices, **rest}, index=index)

    def get_history_metadata(self) -> dict[str, str]:
        return {"currency": "JPY", "exchangeTimezoneName": "Asia/Tokyo"}


def test_yahoo(monkeypatch: pytest.MonkeyPatch, at_once: None) -> None:
    monkeypatch.setitem(sys.modules, "yfinance", SimpleNamespace(Ticker=Ticker))
    monkeypatch.setenv("SOME_TOKEN", "s3cret-token")
    found = fetch("yahoo:7203.T", since="2026-01-01")
    assert found.table["date"].to_pylist() == [date(2026, 1, 5), date(2026, 1, 6)]
    assert found.table.column_names[1:] == ["open", "high", "low", "close", "adjusted", "volume", "dividends", "splits"]
    assert found.notes[:2] == ["currency: JPY", "frequency: trading days; time zone of the days: Asia/Tokyo"]
    assert Ticker.asked[-1] == {"auto_adjust": False, "actions": True, "start": "2026-01-01", "end": None}
    with pytest.raises(InputError, match="has no prices"):
        fetch("yahoo:NONE")
    before = len(Ticker.asked)
    with pytest.raises(InputError, match=r"yahoo:FAIL gave no answer: Too Many Requests \*\*\*"):
        fetch("yahoo:FAIL")
    assert len(Ticker.asked) - before == packages.ATTEMPTS


def test_a_package_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("yfinance", "akshare"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(InputError, match=r"pip install 'finlab-workbench\[yahoo\]'"):
        fetch("yahoo:AAPL")
    with pytest.raises(InputError, match=r"pip install 'finlab-workbench\[akshare\]'"):
        fetch("akshare:stock_zh_a_hist")


def test_akshare(monkeypatch: pytest.MonkeyPatch, at_once: None) -> None:
    def stock_zh_a_hist(symbol: str = "000001", period: str = "daily") -> pd.DataFrame:
        return pd.DataFrame({"日期": [date(2026, 1, 5)], "股票代码": [symbol], "收盘": [11.5]})

    monkeypatch.setitem(sys.modules, "akshare", SimpleNamespace(stock_zh_a_hist=stock_zh_a_hist, os=sys, nothing=len))
    found = fetch("akshare:stock_zh_a_hist?symbol=600519", period="weekly")
    assert found.table.to_pylist() == [{"日期": date(2026, 1, 5), "股票代码": "600519", "收盘": 11.5}]
    assert found.uri == "akshare:stock_zh_a_hist?period=weekly&symbol=600519"
    for reference, words in (
        ("stock_zh_a_his", "did you mean 'stock_zh_a_hist'"),
        ("os", "no function 'os'"),
        ("nothing", "no function 'nothing'"),
        ("stock_zh_a_hist?code=1", "has no parameter 'code'; it has symbol, period"),
        ("stock_zh_a_hist?symbol", "the parameters"),
        ("__class__", "the name of a function"),
    ):
        with pytest.raises(InputError, match=words):
            fetch(f"akshare:{reference}")


# Plug-ins


def plug(monkeypatch: pytest.MonkeyPatch, value: str, name: str = "bank") -> None:
    point = EntryPoint(name, value, plugins.GROUP)
    monkeypatch.setattr(plugins, "entry_points", lambda group: [point] if group == plugins.GROUP else [])


def good(reference: str, *, rows: int = 1) -> Fetched:
    return Fetched(pa.table({"n": range(rows)}), [], f"bank:{reference}", date(2026, 1, 5))


def bad(reference: str) -> Any:
    raise {"key": KeyError("s3cret-key-1"), "exit": ValueError("")}[reference]


def odd(reference: str) -> Any:
    return pa.table({"n": [1]})


def test_another_package_may_add_a_source(monkeypatch: pytest.MonkeyPatch) -> None:
    plug(monkeypatch, f"{__name__}:good")
    assert "bank" in source_names() and is_online("bank:x") and not is_online("bonk:x")
    assert fetch("bank:x", rows=3).table.num_rows == 3
    with pytest.raises(InputError, match="did you mean 'rows'"):
        fetch("bank:x", row=3)
    with pytest.raises(InputError, match="has no rows"):
        fetch("bank:x", rows=0)


def test_nobody_takes_the_name_of_a_source_of_finlab(monkeypatch: pytest.MonkeyPatch) -> None:
    plug(monkeypatch, f"{__name__}:good", name="fred")
    with pytest.raises(InputError, match="FRED_API_KEY"):
        fetch("fred:GDP")


def test_errors_of_plug_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BANK_KEY", "s3cret-key-1")
    plug(monkeypatch, f"{__name__}:bad")
    with pytest.raises(InputError, match=r"bank:key gave no answer: '\*\*\*'"):
        fetch("bank:key")
    with pytest.raises(InputError, match="gave no answer: ValueError"):
        fetch("bank:exit")
    for value, words in (
        (f"{__name__}:odd", "returned Table; expected a Fetched"),
        (f"{__name__}:RECORDED", "is no function"),
        (f"{__name__}:nothing", "cannot be used"),
        ("no_such_module:x", "cannot be used"),
    ):
        plug(monkeypatch, value)
        with pytest.raises(InputError, match=words):
            fetch("bank:x")


@pytest.mark.parametrize("uri", ["", "fred", "fred:", "fred: ", "FRED:GDP", "fred://GDP", None, 5])
def test_what_is_no_address(uri: Any) -> None:
    assert not is_online(uri) or uri.strip() in ("fred:",)
    with pytest.raises(InputError) if isinstance(uri, str) else pytest.raises(Exception):
        fetch(uri)


def test_an_unknown_source() -> None:
    with pytest.raises(InputError, match="no source 'frd'; did you mean 'fred'"):
        fetch("frd:GDP")


def test_unused_names_import_nothing() -> None:
    assert akshare.TERMS and yahoo.TERMS
    assert set(plugins.BUILT_IN) <= set(source_names())

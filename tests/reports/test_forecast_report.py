"""The forecast template: with its defaults, with odd parameters, in both languages, and with wrong input."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import finlab
from finlab.core.errors import InputError
from finlab.reports.jobs import templates

pytestmark = pytest.mark.slow


def sales(n: int = 60) -> pd.DataFrame:
    day = pd.date_range("2020-01-01", periods=n, freq="MS")
    rng = np.random.default_rng(0)
    season = 10 * np.sin(np.arange(n) * np.pi / 6)
    return pd.DataFrame({"date": day, "revenue": 100 + np.arange(n) + season + rng.normal(0, 2, n)})


def test_defaults(workbench: Path) -> None:
    made = finlab.run()
    page = made.path.read_text()
    assert made.path == workbench / "reports" / "forecast.html" and made.status == "complete" and not made.notes
    assert {"airline.forecast", "crude.mase"} <= set(made.results)
    assert page.count("<figure") >= 9 and page.count("<math") >= 3 and "://" not in page
    assert all(len(alt) > 40 for alt in re.findall(r'<img [^>]*alt="([^"]*)"', page))
    record = json.loads(made.json_path.read_text())
    assert [read["name"] for read in record["reads"]] == ["airline", "seatbelts", "crude"]


def test_a_file_of_ones_own_in_chinese(workbench: Path) -> None:
    sales().to_csv("sales.csv", index=False)
    made = finlab.run("forecast", source="sales.csv", date="date", value="revenue", horizon=3, lang="zh")
    page = made.path.read_text()
    assert "未来 3 期预测" in page and "数据划分" in page and 'lang="zh-CN"' in page
    assert "The split" not in page and "revenue" in page and "sales.csv" in page
    assert made.path.name.startswith("forecast--")


def test_a_frame_and_a_table_of_the_store(workbench: Path) -> None:
    made = finlab.run("forecast", source=sales(), horizon=6)
    assert any(name.endswith(".forecast") for name in made.results)
    finlab.Store().write("sales", sales())
    again = finlab.run("forecast", source="sales", horizon=6)
    key = next(name for name in made.results if name.endswith(".forecast"))
    assert again.results[key] == pytest.approx(made.results[key])


def test_a_short_series(workbench: Path) -> None:
    made = finlab.run("forecast", source=sales(8), horizon=2)
    assert made.status == "complete"


@pytest.mark.parametrize(
    "given",
    [{"date": "dat", "value": "revenue"}, {"series": ["nosuch"]}, {"horizon": -1}, {"methods": ["nosuch"]}],
)
def test_what_the_user_got_wrong(workbench: Path, given: dict[str, object]) -> None:
    sales().to_csv("sales.csv", index=False)
    with pytest.raises(InputError):
        finlab.run("forecast", source="sales.csv", **given)  # pyright: ignore[reportArgumentType]
    assert [path.name for path in workbench.iterdir()] == ["sales.csv"]


def wide() -> pd.DataFrame:
    return pd.DataFrame({"a": sales()["revenue"].to_numpy(), "b": 7.0}, index=pd.DatetimeIndex(sales()["date"]))


def test_a_wide_frame_with_a_unit_and_notes(workbench: Path) -> None:
    made = finlab.run("forecast", source=wide(), horizon=3, unit="kEUR", lang="zh")
    assert {"a.forecast", "b.forecast"} <= set(made.results)
    record = json.loads(made.json_path.read_text())
    assert record["results"]["a.forecast"]["unit"] == "kEUR"


def test_one_verdict_on_freshness(workbench: Path) -> None:
    from finlab.reports.labels import label

    sales().to_csv("old.csv", index=False)
    ahead = sales().assign(date=pd.date_range("2090-01-01", periods=60, freq="MS"))
    ahead.to_csv("ahead.csv", index=False)
    for source, words in (("old.csv", "stale: more than"), ("ahead.csv", label("ends_in_future"))):
        page = finlab.run("forecast", source=source, horizon=2).path.read_text()
        cells = re.findall(r"<td[^>]*>([^<]*)</td>", page)
        assert sum(cell.startswith(words) for cell in cells) == 2 and "fresh" not in cells


def test_templates_hold_no_logic() -> None:
    for path in templates().values():
        cells = json.loads(path.read_text())["cells"]
        lines = [line for cell in cells for line in "".join(cell["source"]).splitlines()]
        assert not [line for line in lines if re.match(r"\s*(?:if|for|while|def|class|try|with)\b", line)]


def test_a_frame_that_was_sorted_is_read_as_it_was_meant(workbench: Path) -> None:
    both = pd.concat([sales().assign(shop="north"), sales().assign(shop="south")])
    made = finlab.run("forecast", source=both.sort_values(["date", "shop"]), id="shop", horizon=2)
    assert {"north.forecast", "south.forecast"} <= set(made.results)


def test_the_page_is_told_how_the_file_is_written(workbench: Path) -> None:
    lines = [f"01.{month:02d}.{year};{100 + month},5" for year in (2021, 2022, 2023) for month in range(1, 13)]
    Path("umsatz.csv").write_text("Tag;Umsatz\n" + "\n".join(lines) + "\n")
    told = {"dayfirst": True, "read": ["decimal=,", "delimiter=;"]}
    made = finlab.run("forecast", source="umsatz.csv", date="Tag", value="Umsatz", horizon=2, **told)
    assert "Umsatz.forecast" in made.results
    with pytest.raises(InputError, match="read is 'decimal'; expected name=value"):
        finlab.run("forecast", source="umsatz.csv", read=["decimal"])


def test_a_frame_is_as_fresh_as_the_same_data_in_a_file(workbench: Path) -> None:
    last = pd.Timestamp.now().year - 1
    years = pd.DataFrame({"year": range(last - 19, last + 1), "gdp": np.arange(20.0) ** 1.5})
    years.to_csv("gdp.csv", index=False)
    for source in (years, "gdp.csv"):
        page = finlab.run("forecast", source=source, date="year", value="gdp", horizon=2).path.read_text()
        cells = re.findall(r"<td[^>]*>([^<]*)</td>", page)
        assert cells.count("fresh") == 2
        assert ">Stale data<" not in page

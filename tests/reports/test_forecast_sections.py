"""The sections of the forecast report, without a notebook: notes, names, freshness."""

from collections.abc import Iterator
from datetime import date

import numpy as np
import pandas as pd
import pytest

from finlab.core.errors import InputError
from finlab.forecast.series import read_series
from finlab.reports.forecasts import pick, study_all
from finlab.reports.labels import label, use_language
from finlab.reports.phrases import tell_apart
from finlab.reports.provenance import freshness, freshness_words, provenance_tables


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    use_language("en")
    yield
    use_language("en")


def frame(n: int, **columns: object) -> pd.DataFrame:
    day = pd.date_range("2020-01-01", periods=n, freq="MS", name="day")
    return pd.DataFrame({"y_*": 100 + np.arange(n) % 7, **columns}, index=day)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_what_went_wrong_reaches_the_page(lang: str) -> None:
    use_language(lang)
    studies = study_all(frame(8), horizon=2)
    told = "\n".join(str(part) for part in studies.notes())
    assert label("forecast.notes") in told and r"### y\_\*" in told
    assert "- No backtest" in told and "- The running total was not replayed" in told
    assert str(studies.totals().parts[2]) == label("forecast.no_totals", n=8, window=12)
    assert str(studies.backtest().parts[2]) == label("forecast.untested")


def test_names_from_a_file_are_no_markup() -> None:
    studies = study_all(frame(30, **{"**loud**": 1.0, "<b>x</b>": 2.0}), horizon=2)
    asked = str(studies.title().parts[1])
    assert r"of y\_\*, \*\*loud\*\* and \<b\>x\</b\> bring" in asked


def test_checks_say_why_there_were_none_and_what_few_errors_cannot_show() -> None:
    assert "too few errors" in "\n".join(map(str, study_all(frame(6), horizon=2).residuals()))
    flat = pd.Series(7.0, index=frame(60).index, name="flat")
    told = "\n".join(map(str, study_all(flat, horizon=2).residuals()))
    assert label("forecast.check.same") in told and label("forecast.check.few") not in told


def test_two_scores_that_differ_are_written_so_that_one_sees_it() -> None:
    assert tell_apart(1.1712, 1.1734) == ("1.171", "1.173") and tell_apart(0.9, 1.2) == ("0.900", "1.20")
    assert tell_apart(1.0, 1.0) == ("1", "1")


def test_yearly_data_of_last_year_are_fresh_and_of_the_year_before_are_not() -> None:
    read = {"name": "a", "uri": "file:a.csv", "as_of": "2025-12-31", "due": "2026-12-31"}
    assert freshness(read, date(2026, 11, 24), 45).state == "fresh"
    assert freshness({**read, "due": None}, date(2026, 11, 24), 45).state == "stale"
    assert freshness(read, date(2027, 2, 14), 45).state == "fresh"
    assert freshness(read, date(2027, 2, 15), 45).state == "stale"


def test_failures_are_counted() -> None:
    studies = study_all(frame(60), horizon=3, methods=["naive", "seasonal_naive", "arima"])
    study = studies.studies[0]
    assert study.backtest is not None
    object.__setattr__(study.backtest.replay, "failures", (("arima", "2022", "odd <b>"), ("arima", "2023", "odd <b>")))
    n = len(study.backtest.replay.origins)
    assert rf"- arima failed at 2 of {n} origins: odd \<b\>" in "\n".join(map(str, studies.notes()))


def test_two_series_of_one_name_are_refused() -> None:
    one = read_series(frame(24))
    with pytest.raises(InputError, match=r"name of a series is 'y_\*'; expected each name once"):
        pick([*one, *one], [])
    assert len(pick(one, ["y_*", "y_*"])) == 1


def test_freshness_in_one_set_of_words() -> None:
    read = {"name": "a", "uri": "file:a.csv", "as_of": "2090-01-01", "rows": 3}
    made = {"started": "2026-01-01", "reads": [read], "freshness_days": 45}
    cells = [cell.text for cell in provenance_tables(made, label)[1].rows[0]]
    assert "ends in the future" in cells and not any(cell.startswith("-") for cell in cells)
    assert freshness_words("stale", 45) == "stale: more than 45 days behind"

"""The sentence of the report on each series says no more than the backtest and its test can carry."""

import numpy as np
import pandas as pd
import pytest

from finlab.forecast.methods import FREE_METHODS
from finlab.forecast.study import ForecastStudy, study_series
from finlab.reports.forecasts import Studies, study_all


def study(values: np.ndarray, models: object = "auto") -> ForecastStudy:
    from finlab.forecast.series import read_series

    index = pd.period_range("2012-01", periods=len(values), freq="M")
    return study_series(read_series(pd.Series(values, index=index, name="sales"))[0], 12, models=models)


def answer(values: np.ndarray, models: object = "auto") -> str:
    return str(list(Studies([study(values, models)], 12).answer())[-1])


def noise(n: int) -> np.ndarray:
    return np.random.default_rng(3).normal(size=n)


def test_a_tie_is_no_win() -> None:
    told = answer(np.full(160, 42.0))
    assert "smaller errors" not in told
    assert "p\u00a0" not in told


def test_too_little_past_is_said_and_no_luck_is_claimed() -> None:
    told = answer(100 + 2.0 * np.arange(72) + noise(72))
    assert "too few times to test that" in told
    assert "luck" not in told


def test_a_method_that_wins_is_named_with_its_test() -> None:
    told = answer(100 + 2.0 * np.arange(240) + 0.3 * noise(240), FREE_METHODS)
    assert "drift (the line from the first to the last value) really beats naive2" in told
    assert "over " in told


@pytest.mark.parametrize(("spread", "words"), [(1.0, "held"), (0.05, "too narrow")])
def test_the_coverage_of_the_intervals_is_told(spread: float, words: str) -> None:
    calm, wild = spread * noise(90), noise(110)[:90]
    told = answer(500 + np.cumsum(np.concatenate([calm, wild])))
    assert words in told
    assert "probability" not in told


def test_charts_speak_the_language_of_the_page() -> None:
    from finlab.forecast.charts import CHART_WORDS
    from finlab.reports.labels import LABELS, use_language

    prefix = "forecast.chart."
    found = {key.removeprefix(prefix): text for key, text in LABELS["en"].items() if prefix in key}
    assert found == CHART_WORDS
    done = Studies([study(100 + np.arange(60) + noise(60))], 12)
    use_language("zh")
    try:
        titles = [part.axes[0].get_title("left") for part in done.split() if hasattr(part, "axes")]
    finally:
        use_language("en")
    assert titles == ["sales：隐藏并预测最后 20%"]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_method_that_is_always_right_is_no_luck_and_no_proof(lang: str) -> None:
    from finlab.reports.labels import label, use_language

    use_language(lang)
    try:
        line = pd.Series(2.0 * np.arange(120), index=pd.date_range("2015-01-31", periods=120, freq="ME"), name="line")
        studies = study_all(line, horizon=3)
        told = "\n".join(map(str, (*studies.answer(), *studies.backtest())))
        assert label("forecast.outcome.untested") in told
        assert {"en": "by the same amount each time", "zh": "每次相差的数值相同"}[lang] in told
    finally:
        use_language("en")

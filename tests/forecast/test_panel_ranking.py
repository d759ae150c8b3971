"""Ranking over series: win rates, skill, bootstrap, test and confidence set against slow twins and libraries."""

import numpy as np
import pandas as pd
import pytest
from arch.bootstrap import MCS
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from finlab.core.errors import InputError
from finlab.forecast.ranking import (
    compare_methods,
    compare_series,
    confidence_set,
    mean_interval,
    rank_methods,
    relative_errors,
    wins,
)


def losses(n: int = 80, seed: int = 0, k: int = 4) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    values = rng.lognormal(0, 0.5, (n, 1)) * rng.lognormal(np.linspace(0, 0.3, k), 0.2, (n, k))
    return pd.DataFrame(values, columns=list("abcdefgh")[:k])


@pytest.mark.parametrize("seed", [0, 7])
def test_ranks_equal_their_slow_twin(seed):
    table = losses()
    ours = rank_methods(table, "b", 90, resamples=300, seed=seed)
    draws = np.random.default_rng(seed).integers(0, 80, (300, 80))
    for name in table:
        mine, base = table[name].to_numpy(), table["b"].to_numpy()
        twin = {"mean": [], "win_rate": [], "skill": []}
        for draw in draws:
            a, b = mine[draw], base[draw]
            twin["mean"].append(sum(a) / 80)
            twin["win_rate"].append(
                sum(1.0 if x < y else 0.5 if x == y else 0.0 for x, y in zip(a, b, strict=True)) / 80
            )
            twin["skill"].append(1 - stats.gmean(np.clip(a / b, 0.01, 100)))
        for kind, values in twin.items():
            found = ours.loc[name, [f"{kind}_low", f"{kind}_high"]].to_numpy(dtype=float)
            # a percentile lies between two resamples, and halfway between logarithms is not quite halfway
            np.testing.assert_allclose(found, np.percentile(values, [5, 95]), rtol=1e-5, err_msg=kind)
        assert np.isclose(ours.loc[name, "skill"], 1 - stats.gmean(mine / base))


def test_the_interval_covers_as_it_says():
    rng, caught = np.random.default_rng(2), 0
    for seed in range(200):
        low, high = mean_interval(rng.normal(1, 1, (60, 1)), 90, resamples=200, seed=seed)
        caught += bool(low[0] <= 1 <= high[0])
    assert 165 <= caught <= 193


def test_ties_zeros_and_freaks():
    table = pd.DataFrame({"a": [0.0, 0.0, 2.0, 1e9, 0.3], "b": [0.0, 1.0, 0.0, 1.0, 0.1 + 0.2]})
    assert wins(table, "b")["a"].tolist() == [0.5, 1.0, 0.0, 0.0, 0.5]
    assert relative_errors(table, "b")["a"].round(9).tolist() == [1.0, 0.01, 100.0, 100.0, 1.0]
    one = rank_methods(table.head(1), "b")
    assert np.isnan(one.loc["a", "mean_low"]) and one.loc["a", "win_rate"] == 0.5


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.01, 100))
def test_the_unit_does_not_matter_and_the_benchmark_is_neutral(seed, factor):
    table = losses(25, seed)
    one, other = rank_methods(table, "a", resamples=50), rank_methods(table * factor, "a", resamples=50)
    np.testing.assert_allclose(one[["win_rate", "skill"]], other[["win_rate", "skill"]], atol=1e-9)
    assert one.loc["a", ["win_rate", "win_rate_low", "win_rate_high"]].tolist() == [0.5] * 3
    assert one.loc["a", ["skill", "skill_low", "skill_high"]].abs().max() < 1e-12


def test_the_test_is_that_of_scipy():
    table = losses()
    found = compare_series(table["d"].to_numpy(), table["a"].to_numpy())
    difference = table["d"] - table["a"]
    assert np.isclose(found.p_value, stats.ttest_rel(table["d"], table["a"]).pvalue)
    assert np.isclose(found.p_smooth, stats.wilcoxon(difference).pvalue)
    assert found.p_careful == max(found.p_value, found.p_smooth) and found.n == 80


def test_verdicts_in_words():
    table = losses(200).assign(same=lambda t: t["a"], shifted=lambda t: t["a"] + 0.1)
    found = compare_methods(table, "a", "MASE")
    assert found["outcome"].to_dict() == {
        "b": "worse", "c": "worse", "d": "worse", "same": "same", "shifted": "untested",
    }  # fmt: skip
    assert found.loc["d", "verdict"].startswith("d loses to a: MASE") and "over 200 series" in found.loc["d", "verdict"]
    assert found.loc["same", "verdict"].startswith("same and a made the same errors")
    freak = table[["a"]].assign(often=lambda t: t["a"] * 0.9)
    freak.loc[:9, "often"] *= 10
    mixed = compare_methods(freak, "a", "MASE").loc["often"]
    assert mixed["outcome"] == "mixed" and mixed["p_holm"] == 1
    assert mixed["verdict"].startswith("often and a cannot be ranked, as the average and the typical series point")
    few = compare_methods(table.head(9), "a", "MASE")
    assert set(few["outcome"]) == {"too few"} and "(9 < 10)" in few.loc["b", "verdict"]


def test_holm_is_over_the_methods():
    table = losses(60, 3)
    found = compare_methods(table, "a")
    raw = found[["p_mean", "p_ranks"]].max(axis=1).sort_values()
    stepped = np.minimum(np.maximum.accumulate(raw.to_numpy() * [3, 2, 1]), 1)
    np.testing.assert_allclose(found.loc[raw.index, "p_holm"], stepped)


@pytest.mark.parametrize("seed", range(5))
def test_the_confidence_set_is_that_of_arch(seed):
    table = losses(60, seed, k=6)
    ours = confidence_set(table, 90, resamples=400, seed=seed)
    theirs = MCS(table, 0.1, 400, block_size=1, seed=seed)
    theirs.compute()
    assert sorted(ours.index[ours["inside"]]) == theirs.included
    np.testing.assert_array_equal(ours["p"][theirs.pvalues.index], theirs.pvalues["Pvalue"])
    assert ours.iloc[0]["inside"]  # the method with the least mean


def test_equal_and_dominated_methods_do_not_break_the_set(recwarn):
    table = losses().assign(twin=lambda t: t["a"], worse=lambda t: t["a"] + 1, worst=lambda t: t["b"] + 1)
    found = confidence_set(table)
    assert found.loc["twin", "p"] == found.loc["a", "p"] == 1 and not found.loc[["worse", "worst"], "inside"].any()
    assert confidence_set(table[["a", "twin"]])["inside"].all() and confidence_set(table[["a"]])["inside"].all()
    assert not [w for w in recwarn.list if issubclass(w.category, RuntimeWarning)]


def test_bad_tables_are_refused():
    table = losses()
    holed = table.where(table["a"] != table["a"][3])
    for call, message in (
        (lambda: rank_methods(table, "z"), "benchmark is 'z'"),
        (lambda: rank_methods(holed, "a"), "losses is nan at 3, a"),
        (lambda: confidence_set(-table), "expected a number of at least 0"),
        (lambda: compare_methods(table.head(0), "a"), "no rows"),
        (lambda: rank_methods(table, "a", level=0), "level"),
        (lambda: rank_methods(table, "a", resamples=0), "resamples"),
    ):
        with pytest.raises(InputError, match=message):
            call()

"""What a source is worth for a guess: known answers, scikit-learn's log-loss, sources that were made up, bad input."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student
from sklearn.metrics import log_loss
from sklearn.model_selection import KFold

from finlab.core.errors import InputError
from finlab.gaps.predictive import FOLDS, Guessing, paired_interval, predictive_value

RATES = np.array([0.05, 0.1, 0.2, 0.5, 0.8])


def bits(shares: np.ndarray) -> np.ndarray:
    return -(shares * np.log2(shares) + (1 - shares) * np.log2(1 - shares))


WORTH = float(bits(RATES.mean()) - bits(RATES).mean())  # what knows the industry saves at the most


def invoices(rows: int = 3000, seed: int = 4) -> tuple[pd.DataFrame, pd.DataFrame]:
    draw = np.random.default_rng(seed)
    industry = draw.integers(5, size=rows)
    left = pd.DataFrame({"id": np.arange(rows), "amount": draw.lognormal(6, 1, rows)})
    left["late"] = draw.random(rows) < RATES[industry]
    right = pd.DataFrame({"id": np.arange(rows), "industry": np.array(list("ABCDE"))[industry]})
    return left, right.sample(frac=1, random_state=seed)


def test_the_interval_holds_what_the_industry_is_worth() -> None:
    held = [predictive_value(*invoices(2000, seed), "late", on="id", base=[]).saved for seed in range(20)]
    assert all(one.low > 0.15 for one in held)
    assert sum(one.low <= WORTH <= one.high for one in held) >= 18


def test_the_loss_without_any_column_is_that_of_scikit_learn() -> None:
    left, right = invoices(600)
    found = predictive_value(left, right, "late", on="id", base=[])
    late, losses = left["late"].to_numpy().astype(int), []
    for train, test in KFold(FOLDS["tables"], shuffle=True, random_state=0).split(late):
        share = (np.bincount(late[train], minlength=2) + 0.5) / (len(train) + 1)
        losses.append(log_loss(late[test], np.tile(share, (len(test), 1)), labels=[0, 1]) / np.log(2))
    assert found.blind == found.without == pytest.approx(np.mean(losses), abs=1e-9)
    assert found.loss == pytest.approx(found.without - found.saved.value, abs=1e-9)


def test_the_paired_interval_is_the_formula_of_nadeau_and_bengio() -> None:
    folds = np.array([0.3, 0.1, 0.25, 0.2, 0.4])
    found = paired_interval(folds, 90.0)
    off = student.ppf(0.95, 4) * folds.std(ddof=1) * np.sqrt(1 / 5 + 1 / 4)
    assert found == pytest.approx((0.25, 0.25 - off, 0.25 + off))


def test_numbers_with_fractions_are_guessed_from_by_trees() -> None:
    found = predictive_value(*invoices(2000), "late", on="id")
    assert found.model == "trees" and found.base == ("amount",) and found.saved.low > 0.15


@pytest.mark.parametrize("model", ["tables", "trees"])
def test_a_source_that_was_made_up_is_seldom_called_a_help(model: str) -> None:
    draw, helped = np.random.default_rng(9), 0
    runs = 30 if model == "tables" else 3
    for seed in range(runs):
        left = pd.DataFrame({"late": draw.random(300) < 0.3})
        extra = pd.DataFrame({"code": draw.integers(4, size=300)})
        helped += predictive_value(left, extra, "late", how=Guessing(model, seed)).saved.low > 0
    assert helped <= max(1, runs / 10)


def test_what_the_base_knows_already_is_worth_nothing() -> None:
    left, right = invoices(1500)
    left["group"] = right.sort_values("id")["industry"].to_numpy()
    found = predictive_value(left, right, "late", on="id", base="group")
    assert found.saved.low <= 0 and abs(found.saved.value) < 0.01 and "No evidence" in found.verdict


def test_useless_columns_hurt_a_model_and_it_says_so() -> None:
    draw = np.random.default_rng(6)
    left = pd.DataFrame({"y": draw.integers(2, size=200)})
    extra = pd.DataFrame(draw.normal(size=(200, 15)))
    extra.columns = [f"x{place}" for place in range(15)]
    found = predictive_value(left, extra, "y")
    assert found.model == "trees" and found.saved.high < 0 and "hurts" in found.verdict


def test_the_same_seed_gives_the_same_and_another_one_other_folds() -> None:
    asked = (Guessing(seed=seed) for seed in (1, 1, 2))
    one, same, other = (predictive_value(*invoices(400), "late", on="id", base=[], how=how) for how in asked)
    assert one == same and one.folds != other.folds


def test_many_outcomes_numbers_and_many_rows_are_noted() -> None:
    draw = np.random.default_rng(3)
    left = pd.DataFrame({"x": draw.normal(size=25_000), "k": draw.integers(40, size=25_000)})
    right = pd.DataFrame({"z": draw.integers(3, size=25_000)})
    told = [predictive_value(left, right, target, base=[]).notes for target in ("x", "k")]
    assert "20,000 of 25,000 rows" in told[0][0] and "10 bins" in told[0][1]
    assert "the 21 rarest of 40 outcomes" in told[1][1]


def test_dates_missing_values_and_infinite_numbers_are_read() -> None:
    draw = np.random.default_rng(3)
    left = pd.DataFrame({"late": np.arange(120) % 2 == 0})
    right = pd.DataFrame(
        {
            "day": pd.Series(pd.date_range("2026-01-01", periods=120)).where(np.arange(120) % 3 > 0),
            "amount": np.where(np.arange(120) % 7 == 0, np.inf, draw.normal(size=120)),
            "empty": [None] * 120,
            "name": ["<b>", None, "=1"] * 40,
        }
    )
    assert predictive_value(left, right, "late").rows == 120


def test_a_rare_outcome_that_a_fold_has_alone_is_survived() -> None:
    left = pd.DataFrame({"y": ["a"] * 39 + ["b"]})
    right = pd.DataFrame({"x": np.random.default_rng(1).normal(size=40)})
    for model in ("tables", "trees"):
        found = predictive_value(left, right, "y", how=Guessing(model))
        assert np.isfinite([found.blind, found.loss, *found.saved]).all()


def test_the_result_shows_itself_with_names_as_text() -> None:
    left, right = invoices(200)
    left, right = left.rename(columns={"late": "<b>$late$"}), right.rename(columns={"industry": "<script>"})
    found = predictive_value(left, right, "<b>$late$", on="id", base=[])
    page = found._repr_html_()
    assert "<script" not in page and "<b>" not in page and "&lt;script&gt;" in page
    assert found.table().shape == (3, 2) and repr(found).startswith("<PredictiveValue: <b>$late$ guessed blindly")
    figure = found.plot()
    figure.canvas.draw()
    plt.close(figure)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"target": "lat"}, "did you mean 'late'"),
        ({"target": 3}, "target is 3"),
        ({"target": "late", "extra": "indutry"}, "did you mean 'industry'"),
        ({"target": "late", "base": ["late"]}, "target late is among the columns of base"),
        ({"target": "late", "base": 5}, "base is 5"),
        ({"target": "late", "how": "trees"}, "how is 'trees'"),
        ({"target": "late", "how": Guessing(model="forest")}, "model is 'forest'"),
        ({"target": "late", "how": Guessing(seed=-1)}, "seed is -1"),
        ({"target": "late", "on": [(0, 0)]}, "1 rows belong together; expected at least 20"),
        ({"target": "late", "on": "idd"}, "did you mean 'id'"),
    ],
)
def test_bad_input_is_told_in_words(more: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        predictive_value(*invoices(50), **{"on": "id", **more})


def test_a_target_that_never_varies_is_refused() -> None:
    with pytest.raises(InputError, match="one value only"):
        predictive_value(pd.DataFrame({"y": [1] * 30}), pd.DataFrame({"x": range(30)}), "y")

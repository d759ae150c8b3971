"""Stuck quotes and restated figures: planted exactly, found again, and none where none was planted."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest

from finlab.core.errors import InputError
from finlab.data.company import company
from finlab.gaps.movements import stale
from finlab.gaps.planting.histories import LONGEST, SHORTEST, quotes_of, reports_of, restate_figures, stick_quotes
from finlab.gaps.record import Gaps
from finlab.gaps.restated import restated

SEEDS = (1, 2, 3, 4)


@pytest.fixture(scope="module", params=(1, 2))
def books(request: pytest.FixtureRequest) -> Mapping[str, pd.DataFrame]:
    return company(seed=request.param).tables


def stuck(quotes: pd.DataFrame) -> Gaps:
    return stale(quotes, "cny", key="currency", period="date", name="quotes")


def test_clean_histories_have_no_gap(books: Mapping[str, pd.DataFrame]) -> None:
    quotes, reports = quotes_of(books), reports_of(books)
    assert len(stuck(quotes)) == 0 and len(restated(reports, name="reports")) == 0
    assert quotes.groupby("currency")["cny"].apply(lambda part: int((part == part.shift()).sum())).sum() == 0
    again, none = stick_quotes(books, 0, np.random.default_rng(1))
    assert none == [] and again.equals(quotes)
    again, none = restate_figures(books, 0, np.random.default_rng(1))
    assert none == [] and again.equals(reports)


def test_quotes_are_those_of_the_books_and_most_days_with_a_new_rate_are_kept(
    books: Mapping[str, pd.DataFrame],
) -> None:
    quotes, rates = quotes_of(books), books["fx_rates"].set_index(["date", "currency"])["cny"]
    assert (
        quotes.set_index(["date", "currency"])["cny"] == rates.reindex(quotes.set_index(["date", "currency"]).index)
    ).all()
    moved = rates.unstack().pipe(lambda wide: (wide != wide.shift()).any(axis=1)).sum()
    assert 0.98 * moved <= quotes["date"].nunique() <= moved


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("count", [3, 13])
def test_stuck_quotes_are_found_again(books: Mapping[str, pd.DataFrame], seed: int, count: int) -> None:
    quotes, gaps = stick_quotes(books, count, np.random.default_rng(seed))
    found, clean = stuck(quotes), quotes_of(books)
    hits = {(gap.id, gap.rows("quotes")) for gap in found} & {(gap.id, gap.rows("quotes")) for gap in gaps}
    assert len(gaps) == count and len(hits) >= 0.985 * count and len(hits) >= 0.97 * len(found)
    rows = [row for gap in gaps for row in gap.rows("quotes")]
    assert len(rows) == len(set(rows)) and set(np.flatnonzero(quotes["cny"] != clean["cny"])) < set(rows)
    for gap in gaps:
        part = quotes.loc[list(gap.rows("quotes"))]
        assert SHORTEST < len(part) <= LONGEST + 1 and part["cny"].nunique() == part["currency"].nunique() == 1


@pytest.mark.parametrize("seed", SEEDS)
def test_restated_figures_are_found_again(books: Mapping[str, pd.DataFrame], seed: int) -> None:
    reports, gaps = restate_figures(books, 13, np.random.default_rng(seed))
    found = {gap.id: gap for gap in restated(reports, name="reports")}
    assert set(found) == {gap.id for gap in gaps} and len(gaps) == len(found) == 13
    for gap in gaps:
        same = found[gap.id]
        assert same.rows("reports") == gap.rows("reports") and same.residual == gap.residual
        assert same.amount_at_stake == gap.amount_at_stake and same.currency == gap.currency == "CNY"
    spoiled = np.flatnonzero(reports["value"] != reports_of(books)["value"])
    assert set(spoiled) == {gap.rows("reports")[-1] for gap in gaps}


def test_each_figure_stands_in_the_report_of_its_month_and_in_the_next(books: Mapping[str, pd.DataFrame]) -> None:
    reports = reports_of(books)
    part = reports[(reports["concept"] == "net_profit") & (reports["end"] == "2023-01-31")]
    assert part["filed"].astype(str).tolist() == ["2023-02-15", "2023-03-15"] and part["value"].nunique() == 1
    assert (reports.groupby("filed")["end"].nunique() <= 2).all()
    assert reports.loc[reports["concept"] == "total_assets", "start"].isna().all()


def test_a_company_of_one_year_is_enough() -> None:
    tables = company(seed=3, years=1).tables
    assert len(restate_figures(tables, 4, np.random.default_rng(1))[1]) == 4
    assert len(stick_quotes(tables, 4, np.random.default_rng(1))[1]) == 4


def test_too_many_are_refused_in_words(books: Mapping[str, pd.DataFrame]) -> None:
    with pytest.raises(InputError, match="figures are reported twice; expected 5,000"):
        restate_figures(books, 5000, np.random.default_rng(1))
    with pytest.raises(InputError, match="no room for another stale run"):
        stick_quotes(books, 1000, np.random.default_rng(1))
    with pytest.raises(InputError, match="no room for another stale run"):
        stick_quotes({"fx_rates": books["fx_rates"].head(2)}, 1, np.random.default_rng(1))

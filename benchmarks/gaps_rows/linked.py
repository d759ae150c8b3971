"""Bank transactions matched without labels, beside splink with comparable features.

45,326 payments of an account of origin, each with its arrival in an account of destination: days later, less a fee or
after an exchange of currencies, with a memo that is cut. Column `ground_truth` says which belong together; nobody
reads it but the marks. splink (`pip install splink`) is given what its own example of these data uses: amounts within
shares of each other, days apart, memos that are equal, begin alike, share words or have few other letters, two rounds
of training, blocking on month and memo or amount. Of its pairs, the best of each row are kept, one to one.
"""

import logging
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from forecast_rows.plan import Found, Plan, attempt
from harness import Row, alternate, testdata

PEER = "splink"
PLANS = {
    "precision": Plan("splink's transactions, no labels: precision of pairs", ">= 0.997", "share", "ground_truth"),
    "recall": Plan("the same: recall of pairs", ">= 0.995", "share", "ground_truth"),
}
SPEED = {
    "cpu": Plan("the same: CPU seconds, gaps written", "<= 1", "x", PEER),
    "their precision": Plan("the same by the peer: precision", "", "share", "ground_truth"),
    "their recall": Plan("the same by the peer: recall", "", "share", "ground_truth"),
}
WINDOW = (-2, 27)  # days from a payment to its arrival
SHARES = (0.005, 0.01, 0.02, 0.03, 0.05, 0.07, 0.10)  # by which amounts differ, level by level
DAYS = (0, 1, 2, 3, 4, 5, 7, 10, 15, 22)


class Linked(NamedTuple):
    """Pairs, as places of rows in the two tables."""

    left: np.ndarray
    right: np.ndarray


@cache
def transactions() -> tuple[pd.DataFrame, pd.DataFrame]:
    folder = testdata() / "splink"
    left, right = (pd.read_parquet(folder / f"transactions_{side}.parquet") for side in ("origin", "destination"))
    return left, right


def marked(pairs: Linked) -> tuple[float, float]:
    """Precision and recall."""
    left, right = transactions()
    truth = left["ground_truth"].to_numpy()[pairs.left] == right["ground_truth"].to_numpy()[pairs.right]
    return float(truth.mean()), float(truth.sum() / left["ground_truth"].isin(right["ground_truth"]).sum())


def ours() -> Linked:
    from finlab.gaps.match import match
    from finlab.gaps.matching.roles import Roles

    roles = Roles(amount="amount", date="transaction_date", text="memo", party="", reference="", currency="")
    found = match(*transactions(), roles, window=WINDOW).pairs
    return Linked(found["left"].to_numpy(), found["right"].to_numpy())


def _level(condition: str) -> dict[str, str]:
    return {"sql_condition": condition, "label_for_charts": condition}


def _settings() -> Any:
    import splink.comparison_level_library as levels
    from splink import SettingsCreator, block_on
    from splink.comparison_library import CustomComparison

    def comparison(name: str, *between: Any) -> Any:
        return CustomComparison(
            output_column_name=name, comparison_levels=[levels.NullLevel(name), *between, levels.ElseLevel()]
        )

    exact = {name: levels.ExactMatchLevel(name, term_frequency_adjustments=True) for name in ("amount", "memo")}
    begins = _level("starts_with(memo_l, memo_r) OR starts_with(memo_r, memo_l)")
    words = [_level(f"len(list_intersect(words_l, words_r)) >= {count}") for count in (3, 2, 1)]
    return SettingsCreator(
        link_type="link_only",
        probability_two_random_records_match=1 / len(transactions()[0]),
        comparisons=[
            comparison("amount", exact["amount"], *(_level(f"abs(amount_r / amount_l - 1) < {one}") for one in SHARES)),
            comparison(
                "transaction_date", *(_level(f"transaction_date_r - transaction_date_l <= {days}") for days in DAYS)
            ),
            comparison("memo", exact["memo"], begins, *words, levels.LevenshteinLevel("memo", 6)),
        ],
        blocking_rules_to_generate_predictions=[
            block_on("strftime(transaction_date, '%Y%m')", "substr(memo, 1, 3)"),
            block_on("substr(memo, 1, 9)"),
            block_on("amount", "strftime(transaction_date, '%Y%m')"),
        ],
        max_iterations=10,
    )


def theirs() -> Linked:
    from splink import DuckDBAPI, Linker, block_on

    logging.getLogger("splink").setLevel(logging.ERROR)
    engine = DuckDBAPI()
    sides = [side.assign(words=[memo.upper().split() for memo in side["memo"]]) for side in transactions()]
    named = zip(("origin", "destination"), sides, strict=True)
    linker = Linker([engine.register(side, table_name=name) for name, side in named], _settings(), log_level="ERROR")
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6)
    for column in ("memo", "amount"):
        linker.training.estimate_parameters_using_expectation_maximisation(block_on(column))
    pairs = linker.inference.predict(threshold_match_probability=0.001).as_pandas_dataframe()
    return _one_to_one(pairs.sort_values("match_weight", ascending=False, kind="stable"))


def _one_to_one(pairs: pd.DataFrame) -> Linked:
    """The best pairs first, each row once, as places."""
    used: tuple[set[int], set[int]] = (set(), set())
    kept = list[tuple[int, int]]()
    for left, right in zip(pairs["unique_id_l"], pairs["unique_id_r"], strict=True):
        if left not in used[0] and right not in used[1]:
            used[0].add(left)
            used[1].add(right)
            kept.append((left, right))
    both = np.array(kept, np.int64)
    places = [pd.Index(side["unique_id"]).get_indexer(both[:, at]) for at, side in enumerate(transactions())]
    return Linked(*places)


def accuracy(_: bool) -> dict[str, Found]:
    precision, recall = marked(ours())
    return {"precision": Found(precision, len(transactions()[0])), "recall": Found(recall, len(transactions()[0]))}


def speed(quick: bool) -> dict[str, Found]:
    from importlib.metadata import version

    rounds, told = 1 if quick else 5, f"splink {version('splink')}"
    found = alternate({"ours": ours, "theirs": theirs}, rounds)
    mine, peer = found["ours"], found["theirs"]
    precision, recall = marked(peer.result)
    note, rows = f"{told}; {mine.cpu:.2f} s and {peer.cpu:.2f} s", len(transactions()[0])
    return {
        "cpu": Found(mine.cpu / peer.cpu, rows, rounds, note),
        "their precision": Found(precision, rows),
        "their recall": Found(recall, rows),
    }


def linked_rows(quick: bool) -> list[Row]:
    return [*attempt(PLANS, lambda: accuracy(quick)), *attempt(SPEED, lambda: speed(quick))]

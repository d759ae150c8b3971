"""Gaps planted in a company's books, found again by the room whose task each kind is; and none in clean books."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from forecast_rows.plan import Found, Plan, attempt
from harness import Row

from gaps_rows.marks import Marks, mark

SEEDS, QUICK_SEEDS = (1, 2, 3, 4, 5), (1,)
SHARE = 0.01  # of 1,300 invoices: 13 mistakes of each kind
Tables = Mapping[str, Any]


def equations(tables: Tables) -> Iterable[Any]:
    from finlab.gaps.company_identities import COMPANY
    from finlab.gaps.identities import check

    return check(COMPANY, tables, currency="CNY").gaps


def quotes(tables: Tables) -> Iterable[Any]:
    from finlab.gaps.movements import stale

    return stale(tables["quotes"], "cny", key="currency", period="date", name="quotes")


def reports(tables: Tables) -> Iterable[Any]:
    from finlab.gaps.restated import restated

    return restated(tables["reports"], name="reports")


def claims(tables: Tables, method: str = "copying") -> Iterable[Any]:
    from finlab.gaps.sources.rules import Rules
    from finlab.gaps.truth import truth

    return truth(tables["claims"], entity="partner", source="source", rules=Rules(method=method)).gaps()


def searched(tables: Tables) -> list[Any]:
    """The gaps that each room finds whose task it is."""
    return [gap for search in (equations, quotes, reports, claims) for gap in search(tables)]


def accused(gaps: Iterable[Any]) -> dict[tuple[str, str], set[str]]:
    """Which sources are said to be wrong, for each contested fact."""
    return {(gap.key, gap.field): {cause.label for cause in gap.causes} for gap in gaps if gap.kind == "conflict"}


class Seed(NamedTuple):
    """One planting: its marks, the gaps found in clean books, and the contested facts that are judged right."""

    marks: Marks
    clean: int
    judged: int
    by_majority: int
    contested: int


def planting(seed: int) -> Seed:
    from finlab.data.company import company
    from finlab.gaps.plant import BOOK_KINDS, plant

    made = company(seed=seed)
    planted = plant(made, BOOK_KINDS, seed, share=SHARE)
    wrong = accused(planted.truth)
    told = [accused(claims(planted.tables, method)) for method in ("copying", "vote")]
    right = [sum(one.get(fact) == sources for fact, sources in wrong.items()) for one in told]
    marks = mark(searched(planted.tables), planted.truth)
    return Seed(marks, len(searched(plant(made, [], seed).tables)), right[0], right[1], len(wrong))


def _plans() -> dict[str, Plan]:
    what = "Company's books, planted"
    return {
        "precision": Plan(f"{what}: typed precision", ">= 0.97", "share", "planted"),
        "recall": Plan(f"{what}: typed recall", ">= 0.985", "share", "planted"),
        "kind": Plan(f"{what}: the kind that is found least", ">= 0.93", "share", "planted"),
        "clean": Plan("Company's books, clean: gaps", "= 0", "gaps", "planted"),
        "judged": Plan("Contested master data: judged right, less by majority", ">= 0", "share", "planted"),
    }


def book_gaps(quick: bool) -> dict[str, Found]:
    done = [planting(seed) for seed in (QUICK_SEEDS if quick else SEEDS)]
    n, rounds = sum(one.marks.found for one in done), len(done)
    worst = min((share, kind) for one in done for kind, share in one.marks.kinds.items())
    right, majority, facts = (sum(counts) for counts in list(zip(*done, strict=True))[2:])
    note = f"{right} of {facts} judged right, {majority} by the majority"
    return {
        "precision": Found(min(one.marks.precision for one in done), n, rounds),
        "recall": Found(min(one.marks.recall for one in done), n, rounds),
        "kind": Found(worst[0], n, rounds, worst[1]),
        "clean": Found(sum(one.clean for one in done), n, rounds),
        "judged": Found((right - majority) / facts, facts, rounds, note),
    }


def book_rows(quick: bool) -> list[Row]:
    return attempt(_plans(), lambda: book_gaps(quick))

"""Rules of claims: what fits, and what is refused with the nearest name."""

import pytest

from finlab.core.errors import InputError
from finlab.gaps.sources.rules import Rules, Tolerance, check_rules, tolerance_of


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        (Rules(kinds={"prise": "number"}), "did you mean 'price'"),
        (Rules(kinds={"price": "numbre"}), "did you mean 'number'"),
        (Rules(kinds=["price"]), "kinds is"),  # pyright: ignore[reportArgumentType]
        (Rules(tolerance={"pric": 1}), "did you mean 'price'"),
        (Rules(tolerance=-1), "at least 0"),
        (Rules(tolerance=float("nan")), "finite"),
        (Rules(tolerance="much"), "a share such as '1%'"),
        (Rules(tolerance="-1%"), "a share such as '1%'"),
        (Rules(tolerance="%"), "a share such as '1%'"),
        (Rules(timezone="Europe/Berlni"), "the name of a time zone"),
        (Rules(timezone={"aa": "UTC"}), "did you mean 'a'|one of a, b"),
        (Rules(timezone={"a": "x"}), "the name of a time zone"),
        (Rules(timezone=5), "the name of a time zone"),  # pyright: ignore[reportArgumentType]
        (Rules(date_order="ymd"), "date_order is 'ymd'"),
        (Rules(decimal=";"), "decimal is ';'"),
        (Rules(trusted=["c"]), "a trusted source is 'c'"),
        (Rules(trusted="a"), "trusted is 'a'"),
        (Rules(missing="x"), "missing is 'x'"),
        (Rules(missing=[1]), "missing is"),  # pyright: ignore[reportArgumentType]
        (Rules(method="votes"), "did you mean 'vote'"),
        ({"method": "vote"}, "rules is"),
    ],
)
def test_rules_that_do_not_fit_are_refused(rules: object, told: str) -> None:
    with pytest.raises(InputError, match=told):
        check_rules(rules, ["price", "date"], ["a", "b"])  # pyright: ignore[reportArgumentType]


def test_rules_that_fit() -> None:
    rules = Rules(kinds={"price": "text"}, tolerance={"price": "1%"}, timezone={"a": "Asia/Tokyo"}, trusted=("a",))
    assert check_rules(rules, ["price", "date"], ["a", "b"]).trusted == ["a"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [(None, Tolerance()), (5, Tolerance(units=5)), (0.5, Tolerance(units=0.5)), ("2.5 %", Tolerance(share=0.025)),
     ({"x": 3}, Tolerance(units=3)), ({"y": 3}, Tolerance())],
)  # fmt: skip
def test_tolerances(given: object, expected: Tolerance) -> None:
    assert tolerance_of(Rules(tolerance=given), "x") == expected  # pyright: ignore[reportArgumentType]

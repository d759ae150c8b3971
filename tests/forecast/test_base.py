"""What every forecaster over a kernel refuses, in words: wrong tables, wrong questions, news that do not fit."""

import numpy as np
import pandas as pd
import pytest
from regressing import Regressing

from finlab.core.errors import InputError
from finlab.forecast.base import WrongTable
from finlab.forecast.naive import Naive

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*remember_data:FutureWarning"),
    pytest.mark.filterwarnings("ignore:empty y passed:UserWarning"),
]

MONTHS = pd.period_range("2024-01", periods=12, freq="M")
Y = pd.Series(np.arange(1.0, 13), index=MONTHS, name="y")
TWO = pd.DataFrame({"a": Y, "b": 2 * Y})
X = pd.DataFrame({"u": np.sin(np.arange(15.0)), "v": np.cos(np.arange(15.0))}, index=MONTHS.append(MONTHS[:3] + 12))


@pytest.mark.parametrize("question, name", [("predict_interval", "coverage"), ("predict_quantiles", "alpha")])
@pytest.mark.parametrize(
    "share, words",
    [
        (95, "is 95.0; expected shares between 0 and 1, such as 0.95"),
        (0, "is 0.0; expected shares"),
        (1, "is 1.0; expected shares"),
        ([0.8, 150], "is 150.0; expected shares"),
        ([], r"is \[\]; expected shares"),
        ("wide", "is 'wide'; expected a finite number"),
        ([0.8, np.nan], "is nan; expected a finite number"),
        ([0.5, 0.5], r"is \[0.5, 0.5\]; expected each share once"),
    ],
)
def test_shares_lie_between_zero_and_one(question, name, share, words):
    with pytest.raises(InputError, match=f"{name} {words}"):
        getattr(Naive().fit(Y), question)(fh=[1], **{name: share})


def test_one_share_and_several_shares_are_read():
    fitted = Naive().fit(Y)
    for share in (0.8, np.float32(0.5), np.array(0.8), (0.5, 0.8), np.array([0.5, 0.8])):
        assert fitted.predict_interval(fh=[1], coverage=share).shape == (1, 2 * np.size(share))
    assert fitted.predict_quantiles(fh=[1]).shape == (1, 2)


@pytest.mark.parametrize(
    "fh, words",
    [
        (1.5, "fh is 1.5; expected whole steps"),
        ([1, 2.5], r"fh is \[1, 2.5\]; expected whole steps"),
        ("next", "fh is 'next'; expected whole steps"),
        ([], "`fh` must not be empty"),
        ([1, 1], "`fh` values must not contain any duplicates"),
        (10**9, "fh is 1000000000; expected at most 10,000 steps"),
        ([1, 10**9], "fh is 1000000000; expected at most 10,000 steps"),
        (pd.PeriodIndex(["2025Q1"], freq="Q"), r"stamps of type period\[Q-DEC\], y has period\[M\]"),
    ],
)
def test_a_horizon_is_whole_steps_or_stamps_like_those_of_the_data(fh, words):
    with pytest.raises(InputError, match=words):
        Naive().fit(Y).predict(fh=fh)


STRANGE = pd.Series(1.0, index=pd.to_timedelta(np.arange(12), unit="D"))


@pytest.mark.parametrize(
    "y, words",
    [
        (None, "y is None; expected a pandas Series"),
        (Y[:0], "y has 0 rows and 1 columns"),
        (pd.DataFrame(), "y has 0 rows and 0 columns"),
        ([1.0, 2.0], "y is of type list; expected a pandas Series or DataFrame"),
        (TWO.assign(b="many"), "y has the column 'b' of type .*, such as 'many'; expected numbers, not text or categ"),
        (Y + 1j, "y has the column 'y' of type complex128"),
        (Y[::-1], r"row 2 of y, 2024-11, is older than the row before; expected sort_index\(\) first"),
        (Y.set_axis(np.arange(12) / 2), "the time index of y is of type float64; expected dates, periods"),
        (STRANGE, "the time index of y is of type timedelta64.*; expected dates, periods"),
        (Y.set_axis(pd.DatetimeIndex([*MONTHS[1:].to_timestamp(), pd.NaT])), "row 12 of y has no time stamp"),
        (pd.concat({"a": TWO, "b": TWO[::-1]}), r"row 14 of y, \('b', Period\('2024-11', 'M'\)\), is older"),
        (pd.concat([TWO, TWO], axis=1), "y has more than one column 'a'; expected each name once"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused_with_its_place(y, words):
    with pytest.raises(InputError, match=words):
        Regressing().fit(y)


def test_a_wrong_table_is_a_type_error_too_as_in_sktime():
    with pytest.raises(TypeError) as caught:
        Naive().fit(TWO.assign(b="many"))
    assert isinstance(caught.value, WrongTable) and isinstance(caught.value, InputError)


@pytest.mark.parametrize(
    "regressors, words",
    [
        (X.assign(v="high"), "X has the column 'v' of type .*, such as 'high'"),
        (X[:0], "X has no value for 'y' at 2024-01; expected a finite number"),
        (X.reset_index(drop=True), r"fh or X has stamps of type int64, y has period\[M\]"),
        (X.replace(X.iloc[4, 1], np.inf), "X has no value for 'y' at 2024-05; expected a finite number"),
    ],
)
def test_regressors_that_cannot_be_used_are_refused_with_their_place(regressors, words):
    with pytest.raises(InputError, match=words):
        Regressing().fit(Y, X=regressors)


def test_a_column_of_regressors_that_is_missing_later_is_named():
    fitted = Regressing().fit(Y[:8], X=X[:8])
    with pytest.raises(InputError, match="X has no column 'v'; expected the columns that it had in fit, it has 'u'"):
        fitted.predict(fh=[1], X=X[["u"]])
    with pytest.raises(InputError, match=r"X has no column 'u'; expected .*, it has 'v'"):
        fitted.update(Y[8:], X=X[["v"]][8:])
    turned = fitted.predict(fh=[1], X=X[["v", "u"]].assign(w=0.0))  # another order and one more: no harm
    pd.testing.assert_series_equal(turned, fitted.predict(fh=[1], X=X))


def test_news_of_another_kind_are_refused_and_no_news_change_nothing():
    fitted = Naive().fit(Y[:8])
    with pytest.raises(InputError, match=r"the news has stamps of type int64, y has period\[M\]; expected the same"):
        fitted.clone().fit(Y[:8]).update(Y[8:].reset_index(drop=True))
    before = fitted.predict(fh=[1])
    pd.testing.assert_series_equal(fitted.update(Y[:0]).predict(fh=[1]), before)
    table = Naive().fit(TWO[:8])
    with pytest.raises(InputError, match="y has no column 'b'; expected the columns that it had in fit"):
        table.update(TWO[["a"]][8:])
    other_name = Naive().fit(TWO[["a"]][:8]).update(TWO[["b"]][8:])  # one column is the series, whatever its name
    assert other_name.predict(fh=[1]).iloc[0, 0] == 24.0

"""Likelihoods reached: ETS form by form against statsforecast, exact ARIMA against statsforecast and statsmodels."""

import warnings
from typing import Any, NamedTuple

import numpy as np
from harness import Row

from .data import HOURLY, MONTHLY, QUARTERLY, YEARLY, Group, end_aligned, group
from .methods import kernel
from .plan import Found, Plan, attempt
from .sizes import Sizes

SLACK = 0.01


def share_as_good(ours: np.ndarray, theirs: np.ndarray, slack: float = SLACK) -> tuple[float, int]:
    """The share of series on which ours is no more than `slack` below, and of how many.

    A series where the peer failed (not finite) counts as ours if ours is finite; where both failed it is left out.
    """
    mine, other = (np.where(np.isfinite(part), part, -np.inf) for part in (ours, theirs))
    known = np.isfinite(mine) | np.isfinite(other)
    as_good = mine[known] >= other[known] - slack
    return (float(as_good.mean()) if known.any() else float("nan")), int(known.sum())


def numbers(values: list[float | None]) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in values], dtype=float)


def ets_forms(period: int, sizes: Sizes) -> list[str]:
    """The forms that are searched with such a period."""
    forms = kernel("SEARCHED", "ets_search")
    return [form for form in forms if (period > 1 or form[-1] == "N") and (not sizes.forms or form in sizes.forms)]


def ets_form(peer: Any, form: str, part: Group) -> tuple[float, int]:
    """How often our likelihood of one form is as good; series to which the peer fits another form are left out."""
    told = peer.ask("ets", part.key, part.ids, form=form)
    fit = kernel("fit_ets", "ets_search")(end_aligned(part.histories), form, part.period, bounds="box")
    other = [i for i, one in enumerate(part.ids) if "instead" in told["failed"].get(str(one), "")]
    return share_as_good(np.delete(fit.loglik, other), np.delete(numbers(told["loglik"]), other))


def ets_likelihood(peer: Any, key: tuple[str, str], sizes: Sizes) -> dict[str, Found]:
    part = group(key, sizes.likelihood)
    shares = {form: ets_form(peer, form, part)[0] for form in ets_forms(part.period, sizes)}
    worst = min(shares, key=shares.__getitem__)
    note = f"least at {worst}; " + ", ".join(f"{form} {share:.3f}" for form, share in shares.items())
    return {"share": Found(shares[worst], len(part.ids), 1, note)}


class Order(NamedTuple):
    """An ARIMA order, and the group on which it is fitted."""

    key: tuple[str, str]
    order: tuple[int, int, int]
    seasonal: tuple[int, int, int] = (0, 0, 0)

    @property
    def name(self) -> str:
        end = f"({','.join(map(str, self.seasonal))})" if any(self.seasonal) else ""
        return f"{' '.join(self.key)} ({','.join(map(str, self.order))}){end}"


ORDERS = (
    *(Order(key, (1, 1, 2)) for key in (MONTHLY, QUARTERLY, YEARLY, HOURLY)),
    Order(MONTHLY, (0, 1, 1), (0, 1, 1)),
)


def stationary(ar: np.ndarray) -> bool:
    return not len(ar) or bool((np.abs(np.roots([1.0, *-np.asarray(ar)])) < 1).all())


def score(y: np.ndarray, order: Order, period: int, ar: Any, ma: Any) -> float:
    """The exact log-likelihood of coefficients by lag on one series, by statsmodels; -inf for no proper model."""
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    if ar is None or ma is None or not np.isfinite([*ar, *ma]).all() or not stationary(np.asarray(ar)):
        return -np.inf
    season = (0, order.seasonal[1], 0, period) if order.seasonal[1] else (0, 0, 0, 0)
    try:
        model = SARIMAX(
            y, order=(len(ar), order.order[1], len(ma)), seasonal_order=season, simple_differencing=True,
            concentrate_scale=True,
        )  # fmt: skip
        return float(model.loglike(np.array([*ar, *ma])))
    except (ValueError, np.linalg.LinAlgError):
        return -np.inf


def fit_sarimax(y: np.ndarray, order: Order, period: int) -> float:
    """The log-likelihood that statsmodels reaches by itself; -inf where it raises."""
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    season = (*order.seasonal, period) if any(order.seasonal) else (0, 0, 0, 0)
    try:
        model = SARIMAX(y, order=order.order, seasonal_order=season, simple_differencing=True, concentrate_scale=True)
        return float(model.fit(disp=0).llf)
    except Exception:  # whatever it raises counts as ours
        return -np.inf


class Scored(NamedTuple):
    """Log-likelihoods by series of one order: ours as scored and as stated, statsforecast's, statsmodels'."""

    ours: np.ndarray
    stated: np.ndarray
    theirs: np.ndarray
    sarimax: np.ndarray


def score_order(peer: Any, order: Order, sizes: Sizes) -> Scored:
    part = group(order.key, sizes.exact_hourly if order.key == HOURLY else sizes.exact)
    fit = kernel("fit_arima", "arima")(end_aligned(part.histories), order.order, order.seasonal, part.period)
    told = peer.ask("arima", part.key, part.ids, order=list(order.order), seasonal=list(order.seasonal))

    def each(models: Any) -> np.ndarray:
        pairs = zip(part.histories, models, strict=True)
        return np.array([score(y, order, part.period, ar, ma) for y, (ar, ma) in pairs])

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours = each(zip(fit.ar.T, fit.ma.T, strict=True))
        theirs = each(zip(told["phi"], told["theta"], strict=True))
        sarimax = np.array([fit_sarimax(y, order, part.period) for y in part.histories])
    return Scored(ours, np.asarray(fit.loglik), theirs, sarimax)


ARIMA = {
    "theirs": Plan("ARIMA exact log-likelihood against statsforecast, least share", ">= 0.98", "share"),
    "sarimax": Plan(
        "ARIMA exact log-likelihood against SARIMAX.fit, least share", ">= 0.9", "share", "statsmodels SARIMAX"
    ),
    "stated": Plan("ARIMA log-likelihood, as stated and as scored, off by", "", "", "statsmodels SARIMAX"),
}


def arima_likelihood(peer: Any, sizes: Sizes) -> dict[str, Found]:
    """Every order on its group; the figure is the least share, the note has all of them."""
    kernel("fit_arima", "arima")
    scored = {order.name: score_order(peer, order, sizes) for order in ORDERS[-sizes.orders :]}
    n = sum(len(one.ours) for one in scored.values())
    found = {}
    for rival in ("theirs", "sarimax"):
        shares = {name: share_as_good(one.ours, getattr(one, rival))[0] for name, one in scored.items()}
        raised = sum(int((~np.isfinite(getattr(one, rival))).sum()) for one in scored.values())
        note = "; ".join(f"{name} {share:.3f}" for name, share in shares.items())
        found[rival] = Found(min(shares.values()), n, 1, f"{note}; peer without a proper model on {raised}")
    apart = np.concatenate([np.abs(one.ours - one.stated) for one in scored.values()])
    apart = apart[np.isfinite(apart)]
    note = f"largest; 99% within {np.quantile(apart, 0.99):.2g}"
    found["stated"] = Found(apart.max(), len(apart), 1, note)
    return found


def likelihood_rows(peer: Any, sizes: Sizes) -> list[Row]:
    rows = []
    for key in sizes.groups:
        plan = Plan(f"ETS log-likelihood, {' '.join(key)}: least share of 15 forms", ">= 0.9", "share")
        rows += attempt({"share": plan}, lambda key=key: ets_likelihood(peer, key, sizes))
    return [*rows, *attempt(ARIMA, lambda: arima_likelihood(peer, sizes))]

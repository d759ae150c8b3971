"""A worker that runs statsforecast in an environment of its own, for a benchmark that asks it over pipes.

`python serve.py SERIES.parquet`: imports and reads once, then answers one line of JSON for each line of JSON. A request
names a group of series ("dataset", "freq") and "ids", places in that group, in any order and repeated at will:

{"do": "forecast", "models": ["AutoETS"], "dataset": "M3", "freq": "Monthly", "ids": [0, 7], "n_jobs": 2}
    wall "seconds" of one call for all series, after a call that warms up, and "mean": for each model a list a series
{"do": "ets", "form": "AAdN", ...}, {"do": "arima", "order": [1, 1, 2], "seasonal": [0, 0, 0], ...}
    fitted one by one: "loglik" (null where it failed), "failed" {id: why}; ARIMA also "phi" and "theta" by lag

A reply has "error" where the request as a whole could not be met.
"""

import json
import os
import sys
import time
import warnings

import numpy as np
import pandas as pd
from statsforecast import StatsForecast
from statsforecast.models import ARIMA, AutoARIMA, AutoCES, AutoETS, DynamicOptimizedTheta, SeasonalNaive

MODELS = {
    "AutoETS": lambda period: AutoETS(season_length=period),
    "AutoARIMA": lambda period: AutoARIMA(season_length=period),
    "CES": lambda period: AutoCES(season_length=period),
    "DOT": lambda period: DynamicOptimizedTheta(season_length=period),
    "ARIMA(1,1,2)": lambda period: ARIMA(order=(1, 1, 2)),
}
WARM_UP = 2  # series in the call that warms up


def long_table(histories):
    """The layout that StatsForecast reads: one row a value, series numbered in the order given."""
    names = np.repeat(np.arange(len(histories)), [len(y) for y in histories])
    steps = np.concatenate([np.arange(len(y)) for y in histories])
    return pd.DataFrame({"unique_id": names, "ds": steps, "y": np.concatenate(histories)})


def forecast(request, histories, period, horizon):
    """Forecast all series in one call, timed; a model that raises on a series is replaced by seasonal naive there."""
    engine = StatsForecast(
        models=[MODELS[name](period) for name in request["models"]],
        freq=1,
        n_jobs=request.get("n_jobs", 2),
        fallback_model=SeasonalNaive(season_length=period),
    )
    level = request.get("level")
    engine.forecast(df=long_table(histories[:WARM_UP]), h=horizon, level=level)
    table = long_table(histories)
    start = time.perf_counter()
    answer = engine.forecast(df=table, h=horizon, level=level)
    seconds = time.perf_counter() - start
    answer = answer.sort_values(["unique_id", "ds"])
    columns = [name for name in answer.columns if name not in ("unique_id", "ds") and "-lo-" not in name]
    means = [name for name in columns if "-hi-" not in name]
    mean = {
        name: answer[column].to_numpy().reshape(len(histories), horizon).tolist()
        for name, column in zip(request["models"], means, strict=True)
    }
    return {"seconds": seconds, "mean": mean}


def one_by_one(request, histories, fit):
    """Fit every series by itself, so that one that raises does not take the others along."""
    found, failed = [], {}
    start = time.perf_counter()
    for place, y in zip(request["ids"], histories, strict=True):
        try:
            found.append(fit(y))
        except Exception as error:
            found.append(None)
            failed[str(place)] = f"{type(error).__name__}: {error}"
    return found, {"seconds": time.perf_counter() - start, "failed": failed}


def fit_ets(request, histories, period):
    form = request["form"]
    error, trend, season = form[0], form[1:-1], form[-1]
    letters, damped = error + trend[0] + season, trend.endswith("d")

    def fit(y):
        model = AutoETS(season_length=period, model=letters, damped=damped).fit(y).model_
        if model["components"] != letters + ("D" if damped else "N"):
            raise ValueError(f"{model['components']} fitted instead")
        return float(model["loglik"])

    found, reply = one_by_one(request, histories, fit)
    return {**reply, "loglik": found}


def fit_arima(request, histories, period):
    order, seasonal = tuple(request["order"]), tuple(request["seasonal"])

    def fit(y):
        fitted = ARIMA(order=order, season_length=period, seasonal_order=seasonal).fit(y).model_
        parts = [np.asarray(fitted["model"][name], dtype=float).tolist() for name in ("phi", "theta")]
        return float(fitted["loglik"]), *parts

    found, reply = one_by_one(request, histories, fit)
    columns = zip(*[one or (None, None, None) for one in found], strict=True)
    return {**reply, **dict(zip(("loglik", "phi", "theta"), columns, strict=True))}


def answer(request, groups):
    table = groups[request["dataset"], request["freq"]]
    rows = [table[place] for place in request["ids"]]
    histories = [row[0] for row in rows]
    period, horizon = rows[0][1:]
    if request["do"] == "forecast":
        return forecast(request, histories, period, horizon)
    return {"ets": fit_ets, "arima": fit_arima}[request["do"]](request, histories, period)


def read_groups(path):
    table = pd.read_parquet(path)
    return {
        key: [(np.asarray(row.train, dtype=float), int(row.m), int(row.h)) for row in part.itertuples()]
        for key, part in table.groupby(["dataset", "freq"])
    }


def main():
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print is no reply
    warnings.simplefilter("ignore")
    groups = read_groups(sys.argv[1])
    for line in sys.stdin:
        try:
            reply = answer(json.loads(line), groups)
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), file=replies, flush=True)


if __name__ == "__main__":
    main()

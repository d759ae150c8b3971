"""The pure parts of the forecast benchmark: plans, groups, shares, scores, and a peer that is missing or dies."""

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))
from forecast_rows import compare, data, intervals, likelihood, methods, plan  # noqa: E402
from peer import client  # noqa: E402

Y = np.array([5.0, 7.0, 6.5, 8.0, 7.0, 9.5, 9.0, 8.5, 10.0, 11.0, 10.5, 12.0, 11.0, 13.0, 12.5])


def test_what_make_lists_as_benchmarks_are_benchmarks() -> None:
    told = subprocess.run(["make", "bench-name"], cwd=ROOT, capture_output=True, text=True)
    names = told.stderr.strip().splitlines()[0].partition("one of ")[2].split()
    assert "forecast" in names
    for name in names:
        tree = ast.parse((ROOT / "benchmarks" / f"{name}.py").read_text(encoding="utf-8"))
        assert "measure" in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_a_planned_row_keeps_its_bar_when_it_cannot_be_measured(capsys: pytest.CaptureFixture[str]) -> None:
    plans = {"a": plan.Plan("speed", ">= 2"), "b": plan.Plan("error", "<= 1", "OWA", "us")}
    whole = plan.attempt(plans, lambda: {"a": plan.Found(3.0, 10, 2, "warm"), "b": plan.Found(float("nan"))})
    assert (whole[0].figure, whole[0].ok, whole[0].n, whole[0].rounds) == (3.0, True, 10, 2)
    assert whole[1].figure is None

    def missing() -> dict[str, plan.Found]:
        raise client.PeerMissing("no statsforecast here")

    rows = plan.attempt(plans, missing)
    assert [(r.figure, r.bar, r.note) for r in rows] == [
        (None, ">= 2", "no statsforecast here"),
        (None, "<= 1", "no statsforecast here"),
    ]
    assert plan.attempt(plans, lambda: {"a": plan.Found(1 / 0)})[0].note.startswith("ZeroDivisionError")
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_the_slow_peer_runs_once_between_the_rounds_of_ours() -> None:
    order: list[str] = []
    found = plan.beside(lambda: order.append("ours"), lambda: order.append("theirs") or 7.0, rounds=3)
    assert order == ["ours", "ours", "theirs", "ours", "ours"]  # the first one warms up
    assert found.theirs == 7.0


def test_where_the_peer_fails_the_share_counts_as_ours() -> None:
    ours = np.array([-10.0, -10.0, -10.0, np.nan, np.nan])
    theirs = np.array([-9.995, -9.9, -np.inf, -5.0, np.nan])
    assert likelihood.share_as_good(ours, theirs) == (0.5, 4)
    assert likelihood.numbers([1.0, None]).tolist()[0] == 1.0


def test_the_score_of_coefficients_is_the_likelihood_that_statsmodels_states() -> None:
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    order = likelihood.Order(data.YEARLY, (1, 1, 2))
    model = SARIMAX(Y, order=(1, 1, 2), simple_differencing=True)
    values = np.array([0.3, -0.4, 0.2])
    at_best = max(model.loglike(np.array([*values, s])) for s in np.linspace(0.2, 6, 3000))
    assert likelihood.score(Y, order, 1, values[:1], values[1:]) == pytest.approx(at_best, abs=1e-4)
    assert likelihood.score(Y, order, 1, [1.2], [0.0, 0.0]) == -np.inf
    assert likelihood.score(Y, order, 1, None, None) == -np.inf


def test_seasonal_coefficients_are_scored_multiplied_out() -> None:
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    y = np.tile(Y, 2)
    order = likelihood.Order(data.QUARTERLY, (0, 1, 1), (0, 1, 1))
    model = SARIMAX(
        y, order=(0, 1, 1), seasonal_order=(0, 1, 1, 4), simple_differencing=True, concentrate_scale=True
    )  # fmt: skip
    multiplied = [-0.4, 0.0, 0.0, -0.5, 0.2]
    assert likelihood.score(y, order, 4, [], multiplied) == pytest.approx(model.loglike(np.array([-0.4, -0.5])))


def part(n: int = 6) -> data.Group:
    rng = np.random.default_rng(1)
    histories = [50 + rng.standard_normal(20 + i).cumsum() for i in range(n)]
    futures = [50 + rng.standard_normal(4) for _ in range(n)]
    return data.Group(("M3", "Quarterly"), list(range(n)), histories, futures, 4, 4)


def test_a_group_keeps_its_parts_together() -> None:
    whole = part()
    few = whole.only(3)
    assert few.ids == whole.only(3).ids
    assert all(few.histories[k] is whole.histories[i] for k, i in enumerate(few.ids))
    table = data.end_aligned(few.histories)
    assert table.shape == (max(map(len, few.histories)), 3)
    assert table[-1].tolist() == [y[-1] for y in few.histories]


def test_owa_of_naive2_is_one_and_of_the_truth_zero() -> None:
    from finlab.forecast.methods import run_named

    whole = part()
    naive2 = run_named("naive2", whole.histories, whole.horizon, whole.period).mean
    assert data.owa(naive2, whole) == pytest.approx(1)
    assert data.owa(np.stack(whole.futures, axis=1), whole) == 0
    naive2[1, 2] = np.nan
    assert compare.filled(naive2, whole)[1, 2] == whole.histories[2][-1]


def test_coverage_by_third() -> None:
    inside = np.zeros((18, 4), dtype=bool)
    inside[:6], inside[12:, :2] = True, True
    assert intervals.by_third(inside) == [1.0, 0.0, 0.5]
    assert intervals.ends_of(80) == pytest.approx((0.1, 0.9))
    assert {kind: intervals.plans(kind)["95 off"].bar for kind in intervals.KINDS} == {
        "default (combination)": "<= 0.03", "analytic": "", "simulated": "", "conformal": "",
    }  # fmt: skip


def test_a_kernel_that_is_not_there_is_an_import_error() -> None:
    with pytest.raises(ImportError, match="no fit_nothing in ets or nowhere"):
        methods.kernel("fit_nothing", "ets", "nowhere")
    assert methods.kernel("forecast_ets", "nowhere", "ets").__name__ == "forecast_ets"


def test_no_environment_of_the_peer_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("FINLAB_PEER_PYTHON", raising=False)
    monkeypatch.setattr(client, "MADE_HERE", tmp_path / "python")
    with pytest.raises(client.PeerMissing, match="make bench-peer"):
        client.find_python()
    monkeypatch.setenv("FINLAB_PEER_PYTHON", str(tmp_path / "nowhere"))
    with pytest.raises(client.PeerMissing, match="nowhere"):
        client.find_python()


def test_the_worker_is_asked_once_unless_measured_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    worker = tmp_path / "serve.py"
    worker.write_text(
        "import json, sys\n"
        "for number, line in enumerate(sys.stdin):\n"
        "    asked = json.loads(line)\n"
        "    if asked['do'] == 'die':\n"
        "        sys.exit('out of memory')\n"
        "    reply = {'error': 'KeyError: it'} if asked['do'] == 'fail' else {'number': number, 'ids': asked['ids']}\n"
        "    print(json.dumps(reply), flush=True)\n"
    )
    monkeypatch.setattr(client, "SERVE", worker)
    monkeypatch.setenv("FINLAB_PEER_PYTHON", sys.executable)
    with client.Peer(tmp_path / "series.parquet") as peer:
        first = peer.ask("ets", data.MONTHLY, [np.int64(3)])
        assert first == {"number": 0, "ids": [3]}
        assert peer.ask("ets", data.MONTHLY, [3]) is first
        assert peer.ask("ets", data.MONTHLY, [3], again=True)["number"] == 1
        with pytest.raises(client.PeerFailed, match="KeyError: it"):
            peer.ask("fail", data.MONTHLY, [3])
        with pytest.raises(client.PeerFailed, match="out of memory"):
            peer.ask("die", data.MONTHLY, [3])

"""The page of a panel: what it says of many series, and any of them looked up in a browser with the network off."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import finlab
from finlab.core.errors import InputError
from finlab.forecast import forecast
from finlab.reports.forecasts import Studies, study_all
from finlab.reports.labels import label, use_language
from finlab.reports.lookup import LOOK_UP, write_look_up
from finlab.reports.panels import PanelStudy, count_notes

QUICK = ["naive2", "seasonal_naive", "drift"]
HOSTILE = "</script><img src=x onerror=alert(1)>"


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    use_language("en")
    yield
    use_language("en")


def panel(count: int, months: int = 60, **more: Any) -> pd.DataFrame:
    """Series with a season and noise; every second one rises."""
    random, steps = np.random.default_rng(1), np.arange(months)
    wave = 20 * np.sin(steps * np.pi / 6)
    days = pd.date_range(end="2026-10-31", periods=months, freq="ME")
    series = {f"shop {k}": 100 + 3 * k + (k % 2) * steps + wave + random.normal(size=months) for k in range(count)}
    return pd.DataFrame({**series, **more}, index=days)


def studied(frame: pd.DataFrame, **options: Any) -> PanelStudy:
    study = study_all(frame, **{"horizon": 6, "methods": QUICK, **options})
    assert isinstance(study, PanelStudy)
    return study


def words(parts: Any) -> str:
    return "\n".join(str(part) for part in parts)


@pytest.fixture(scope="module")
def fifteen() -> PanelStudy:
    return studied(panel(15))


def test_a_dozen_series_have_the_page_of_old_and_thirteen_that_of_a_panel() -> None:
    assert isinstance(study_all(panel(2), horizon=2, methods=["naive"]), Studies)
    assert isinstance(study_all(panel(13), horizon=2, methods=["naive"], series=["shop 3"]), Studies)
    assert isinstance(study_all(panel(13), horizon=2, methods=["naive"]), PanelStudy)


def test_the_answer_says_who_forecasts_whether_it_is_proven_and_how_sure(fifteen: PanelStudy) -> None:
    told = words(fifteen.answer())
    assert f"**15 of 15 series** are forecast by {fifteen.model}" in told
    assert "so naive2 is what we use" in told and "beat" not in told.replace("any method beats", "")
    assert re.search(r"80% intervals held (only )?\d+% of the values that came, its 95% intervals \d+%", told)
    assert "of the series are expected to rise" in told and "For a decision" in told
    assert "not added up, as no unit is known" in told


def test_a_line_proves_drift_and_a_walk_proves_nothing() -> None:
    random, steps = np.random.default_rng(2), np.arange(60)
    days = pd.date_range(end="2026-10-31", periods=60, freq="ME")
    lines = {f"s{k}": 100 + (2 + k) * steps + random.normal(0, 2, 60) for k in range(14)}
    study = studied(pd.DataFrame(lines, index=days))
    assert study.back is not None and study.model == study.back.best == "drift"
    row, told = study.back.table.loc["drift"], words(study.answer())
    assert "Over the last 10 steps drift" in told and "over 14 series replayed from 3 dates each" in told
    assert f"MASE {row['MASE']:.3g} against" in told and f"saves **{row['skill']:.0%}**" in told
    assert f"better on {row['win_rate']:.0%} of the series" in told and "these forecasts are the better plan" in told
    walks = {f"s{k}": 100 + random.normal(0, 2, 60).cumsum() for k in range(14)}
    study = studied(pd.DataFrame(walks, index=days))
    assert study.model == "naive2" and "these forecasts are the better plan" not in words(study.answer())


def test_cut_offs_lie_apart_and_only_series_that_are_long_enough_are_drawn() -> None:
    from finlab.reports.panel_figures import draw_sample, long_enough, span_of, step_of

    assert [(step_of(h), span_of(h)) for h in (1, 6, 12)] == [(1, 3), (2, 10), (4, 20)]
    study = studied(panel(14))
    assert study.back is not None and np.unique(np.diff(study.back.replay.folds.cut[:3])).tolist() == [2]
    months = panel(14).assign(young=panel(1)["shop 0"].where(np.arange(60) >= 60 - 22))
    series = studied(months).series
    assert "young" not in [one.name for one in long_enough(series, 6)] and len(draw_sample(series, 6)) == 14


def test_losses_have_a_change_without_percent() -> None:
    study = studied(panel(14) - 1000)
    study.changes["strength"] += 0.5  # seasonal naive expects no change at all
    told = words(study.forecast())
    assert "Largest rises" in told
    assert "nan%" not in told


def test_years_are_compared_with_as_many_years_or_not_at_all() -> None:
    from finlab.reports.panel_figures import season_change

    assert season_change(np.arange(20.0), 1, np.ones(12), np.ones(12)) == (sum(range(8, 20)), 12, 12)
    assert np.isnan(season_change(np.arange(8.0), 1, np.ones(12), np.ones(12))[0])


def test_a_forecast_of_zero_keeps_its_interval_in_the_look_up() -> None:
    from finlab.reports.lookup import power_and_distances

    power, (mean, down) = power_and_distances(0.0, -0.4, 0.4)
    assert mean == [0] and np.isclose(down[0] * 10.0**power, 0.4)


def test_the_shares_that_rise_and_fall_are_counted(fifteen: PanelStudy) -> None:
    moved = fifteen.changes["next"] - fifteen.changes["last"]
    assert f"**{(moved > 0).mean():.0%} of the series are expected to rise" in words(fifteen.answer())
    frame = forecast(panel(15), 6, models=fifteen.model)
    next_season = frame.groupby("unique_id", sort=False)["mean"].sum()
    last_season = panel(15).iloc[-12:-6].sum()
    np.testing.assert_allclose(fifteen.changes["next"], next_season[fifteen.changes.index])
    np.testing.assert_allclose(fifteen.changes["last"], last_season[fifteen.changes.index])


def test_series_of_one_unit_and_one_end_are_added_up_and_others_are_not() -> None:
    told = words(studied(panel(14), unit="kEUR").answer())
    assert re.search(r"All series together: \*\*[\d,.]+ ?kEUR\*\* expected for 2026-11 to 2027-04", told)
    shifted = panel(14)
    shifted.iloc[-1:, 3] = np.nan
    assert "they do not end at the same date" in words(studied(shifted, unit="kEUR").answer())


def test_one_bad_series_does_not_stop_the_page() -> None:
    holed = panel(1)["shop 0"].where(np.arange(60) != 30)
    new = panel(1)["shop 0"].where(np.arange(60) >= 57)
    study = studied(panel(14, holed=holed, new=new, flat=7.0, empty=np.nan))
    told = words(study.data())
    assert "2 more series could not be used" in told and "holed" in told and "the value is missing" in told
    assert len(study.series) == 16 and np.isfinite(study.ahead.mean).all()
    assert study.ahead.models.count(study.model) >= 15  # the new series of three values may have to do with another
    assert LOOK_UP in str(study.forecast().parts[-2]._repr_mimebundle_())


def test_few_series_are_still_told_about_a_bad_one() -> None:
    with pytest.raises(InputError, match=r"holed, row 31 .*: the value is missing"):
        study_all(panel(2, holed=panel(1)["shop 0"].where(np.arange(60) != 30)))


def test_a_panel_too_short_for_a_replay_has_no_evidence() -> None:
    study = studied(panel(13, months=8))
    assert "There is **no evidence**" in words(study.answer()) and "There is **no evidence**" in words(study.split())
    assert "nothing here shows how far these forecasts" in words(study.answer())


def test_constant_series_are_not_called_short() -> None:
    flat = pd.DataFrame({f"s{k}": 5.0 + k for k in range(14)}, index=panel(1).index)
    assert "could be tested (too short, constant, or no forecast)" in words(studied(flat).answer())


def test_names_are_no_markup() -> None:
    study = studied(panel(13, **{"**loud**": np.nan, HOSTILE: 5.0}))
    assert r"\*\*loud\*\*" in words(study.data())
    page = write_look_up(study.forecast().parts[-2]._repr_mimebundle_()[LOOK_UP], 1, label)
    assert "<img" not in page and page.count("</script>") == 1


def test_the_packed_numbers_are_the_forecast(fifteen: PanelStudy) -> None:
    content = fifteen.forecast().parts[-2].content
    row = content["series"][4]
    power, (mean, down) = row[7], row[8]
    assert row[0] == "shop 4" and content["models"][row[3]] == fifteen.model
    np.testing.assert_allclose(np.array(mean) * 10.0**power, fifteen.ahead.mean[4], rtol=1e-4)
    low = (np.array(mean * 2) - np.array(down)) * 10.0**power
    np.testing.assert_allclose(low, fifteen.ahead.low[:, 4].ravel(), rtol=1e-3)
    assert len(json.dumps(content)) < 15 * 1500


def test_reasons_are_counted_whatever_numbers_they_hold() -> None:
    notes = [f"s{k}: {k + 2} values are too few" for k in range(5)] + ["s: 1: odd"]
    assert [(reason, len(names)) for reason, names in count_notes(notes, ["s0", "s1", "s2", "s3", "s4", "s: 1"])] == [
        ("2 values are too few", 5),
        ("odd", 1),
    ]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_section_speaks_the_language_of_the_page(fifteen: PanelStudy, lang: str) -> None:
    use_language(lang)
    names = ("title", "answer", "data", "split", "forecast", "notes", "reading")
    chinese = {name: bool(re.search("[\u4e00-\u9fff]", words(getattr(fifteen, name)()))) for name in names}
    assert chinese == dict.fromkeys(names, lang == "zh")


def test_the_command_for_the_whole_table_is_that_of_the_source(tmp_path: Path) -> None:
    path = tmp_path / "sales of all.csv"
    panel(13).rename_axis("day").reset_index().melt("day", var_name="shop").to_csv(path, index=False)
    study = studied(str(path), id="shop", date="day", value="value")  # pyright: ignore[reportArgumentType]
    assert f"finlab forecast '{path}' --id shop --date day --value value --horizon 6" in study.command


ARTEFACTS = Path(__file__).parents[2] / "test-artefacts"


@pytest.fixture(scope="module")
def thirty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of thirty series, one of them with a name that would like to be a script."""
    folder = tmp_path_factory.mktemp("panel")
    frame = panel(29, **{HOSTILE: panel(30)["shop 29"]})
    made = finlab.run("forecast", source=frame, horizon=6, methods=QUICK, unit="kEUR", output=folder / "panel.html")
    assert made.results["series"] == 30 and {"mase", "coverage-95"} <= set(made.results)
    return made.path


@pytest.mark.browser
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_a_series_is_looked_up_offline(thirty: Path, chromium: Any, scheme: str, width: int) -> None:
    said: list[str] = []
    asked: list[str] = []
    view: Any = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme, "offline": True}
    context = chromium.new_context(**view, reduced_motion="reduce")
    page = context.new_page()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.on("request", lambda request: asked.append(request.url[:100]))
    page.goto(thirty.as_uri())
    field = page.get_by_label("Name of a series")
    field.fill("shop 1")
    assert page.locator(".fl-look [role=status]").inner_text() == "Shown: shop 1."
    check_numbers(page, "shop 1")
    field.fill("SHOP 2")
    page.keyboard.press("Enter")
    assert page.locator(".fl-look h3").inner_text() == "shop 2 (kEUR)"
    field.fill("nowhere")
    assert "No series matches" in page.locator(".fl-look [role=status]").inner_text()
    field.fill("<img")
    page.keyboard.press("Enter")
    assert page.locator(".fl-look h3").inner_text() == f"{HOSTILE} (kEUR)"
    assert page.locator("img[src=x]").count() == 0
    check_numbers(page, HOSTILE)
    box = page.locator(".fl-look svg").bounding_box()
    assert box is not None and box["width"] > 250 and box["x"] + box["width"] <= width
    assert "is expected for 2027-04" in str(page.locator(".fl-look svg").get_attribute("aria-label"))
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    ARTEFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTEFACTS / f"panel-{scheme}-{width}.png", full_page=True)
    page.locator(".fl-look-link").first.click()
    assert page.locator(".fl-look h3").inner_text().startswith(page.locator(".fl-look-link").first.inner_text())
    page.emulate_media(media="print")
    assert not field.is_visible() and page.locator(".fl-look > .fl-note").is_visible()
    context.close()
    assert said == [] and [url for url in asked if not url.startswith(("file:", "data:"))] == []


def check_numbers(page: Any, name: str) -> None:
    """The table on the page says what the forecast says, as far as it is rounded."""
    model = page.locator(".fl-look-facts dd").first.inner_text()
    frame = panel(30).rename(columns={"shop 29": HOSTILE})[[name]]
    expected = forecast(frame, 6, models=model)[["mean", "lo-80", "hi-80", "lo-95", "hi-95"]].to_numpy()
    cells = "[...document.querySelectorAll('.fl-look tbody td')].map(e => +e.textContent.replaceAll(',', ''))"
    shown = np.array(page.evaluate(cells)).reshape(6, 5)
    np.testing.assert_allclose(shown, expected, atol=0.06)

"""Foundation models: what is missing is said, nothing is fetched unasked, and a wrapper joins a backtest by name.

The real weights are not to be had where the tests run; a module that looks like a wrapper, and one that looks like the
hub's library, stand in for them.
"""

import sys
import types
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from sktime.forecasting.naive import NaiveForecaster

from finlab.core.errors import InputError
from finlab.forecast import backtest_panel
from finlab.forecast.foundation import FOUNDATION, Wrapper, find_weights, foundation, no_network, wrapper_class

pytestmark = pytest.mark.filterwarnings("ignore:.*remember_data:FutureWarning")


class Pretend(NaiveForecaster):
    """Looks like a wrapper of sktime; notes whether the network was open while it was made and used."""

    seen: ClassVar[list[tuple[str, bool]]] = []
    _tags: ClassVar = {"python_dependencies": ["numpy"]}

    def __init__(self, model_path: str = "", seed: int = 1) -> None:
        self.model_path, self.seed = model_path, seed
        super().__init__()
        self._note("made")

    def _note(self, what: str) -> None:
        self.seen.append((what, sys.modules["huggingface_hub.constants"].HF_HUB_OFFLINE))

    def _fit(self, y, X, fh):
        self._note("fit")
        return super()._fit(y, X, fh)

    def _predict(self, fh, X):
        self._note("predict")
        return super()._predict(fh, X)


class Lacking(Pretend):
    _tags: ClassVar = {"python_dependencies": ["numpy", "nonsense-package>=2", "other-nonsense"]}


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A library of the hub whose cache is a folder; `fetched` lists what it was told to fetch."""
    library, constants = types.ModuleType("huggingface_hub"), types.ModuleType("huggingface_hub.constants")
    library.fetched, constants.HF_HUB_OFFLINE = [], False

    def snapshot_download(repository: str, local_files_only: bool = False, allow_patterns=None) -> str:
        folder = tmp_path / "cache" / repository
        if not local_files_only:
            library.fetched.append((repository, allow_patterns))
            whole(folder)
        if not folder.is_dir():
            raise FileNotFoundError(repository)
        return str(folder)

    library.snapshot_download, library.constants = snapshot_download, constants
    monkeypatch.setitem(sys.modules, "huggingface_hub", library)
    monkeypatch.setitem(sys.modules, "huggingface_hub.constants", constants)
    home = types.ModuleType("pretended")
    home.Pretend, home.Lacking = Pretend, Lacking
    monkeypatch.setitem(sys.modules, "pretended", home)
    pretend = Wrapper("pretended.Pretend", "model_path", "some/model", 70, "pretended", {"seed": 0})
    monkeypatch.setitem(FOUNDATION, "pretend", pretend)
    monkeypatch.setitem(FOUNDATION, "by id", pretend._replace(from_folder=False))
    lacking = pretend._replace(home="pretended.Lacking", remark="with care")
    monkeypatch.setitem(FOUNDATION, "lacking", lacking)
    Pretend.seen.clear()
    return library


def whole(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").touch()
    return folder


def test_every_name_belongs_to_a_wrapper_of_sktime_with_these_arguments():
    from importlib import import_module

    for wrapper in FOUNDATION.values():
        home, _, kind = wrapper.home.rpartition(".")
        names = getattr(import_module(home), kind).get_param_names()
        assert {wrapper.argument, *wrapper.options} <= set(names), wrapper.home


def test_packages_that_are_missing_are_named(hub):
    with pytest.raises(InputError) as caught:
        foundation("lacking")
    assert str(caught.value) == (
        "lacking needs packages that are not installed: nonsense-package>=2, other-nonsense; "
        "expected its packages, by: pip install pretended (with care)"
    )
    with pytest.raises(InputError, match="did you mean 'pretend'"):
        wrapper_class("pretnd")


def test_nothing_is_fetched_unasked(hub):
    with pytest.raises(InputError) as caught:
        foundation("pretend")
    assert str(caught.value) == (
        "weights is 'some/model'; expected weights on this machine: download=True, or in a shell: "
        "hf download some/model, about 70 MB"
    )
    with pytest.raises(InputError, match=r"hf download other/model$"):
        foundation("pretend", "other/model")
    assert hub.fetched == []


def test_download_fetches_once_and_the_cache_serves_from_then_on(hub):
    made = foundation("pretend", download=True)
    assert [name for name, _ in hub.fetched] == ["some/model"] and "*.safetensors" in hub.fetched[0][1]
    assert foundation("pretend").model_path == made.model_path and len(hub.fetched) == 1
    assert made.seed == 0 and foundation("pretend", seed=7).seed == 7


def test_half_a_download_is_none(hub, tmp_path):
    folder = tmp_path / "cache" / "some" / "model"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    for weights in (None, folder, str(folder)):
        with pytest.raises(InputError, match="weights is"):
            foundation("pretend", weights)
    assert foundation("pretend", whole(folder)).model_path == str(folder.resolve())


def test_the_network_is_shut_while_a_hub_id_is_in_use(hub):
    made = foundation("by id", download=True)
    assert made.model_path == "some/model"
    y = pd.Series(np.arange(12.0), index=pd.period_range("2024-01", periods=12, freq="M"))
    copy = made.clone().fit(y, fh=[1])
    assert copy.predict().iloc[0] == 11 and type(copy).__name__ == "Pretend"
    assert ("fit", True) in Pretend.seen and ("predict", True) in Pretend.seen and Pretend.seen[0] == ("made", True)
    assert sys.modules["huggingface_hub.constants"].HF_HUB_OFFLINE is False
    with pytest.raises(InputError, match="reads no folder"):
        foundation("by id", Path.cwd())
    with pytest.raises(RuntimeError), no_network():
        raise RuntimeError("the switch is put back all the same")
    assert sys.modules["huggingface_hub.constants"].HF_HUB_OFFLINE is False


def test_bad_weights_and_options(hub, tmp_path):
    for weights in ("no such/folder/at all", "one-word", str(tmp_path / "nothing" / "there")):
        with pytest.raises(InputError, match="expected a folder, or a hub id such as some/model"):
            find_weights("pretend", weights)
    with pytest.raises(InputError, match="refuses its options"):
        foundation("pretend", whole(tmp_path / "w"), colour="blue")


def test_without_the_hubs_library_a_folder_will_do(hub, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert find_weights("pretend", whole(tmp_path / "w")) == (tmp_path / "w").resolve()
    with pytest.raises(InputError, match="a folder, or huggingface_hub"):
        find_weights("pretend")


def test_it_joins_a_backtest_by_name(hub, tmp_path):
    rng = np.random.default_rng(0)
    dates = pd.date_range("2019-01-01", periods=48, freq="MS")
    wide = pd.DataFrame(rng.normal(100, 5, (48, 12)), index=dates).add_prefix("s")
    model = foundation("pretend", whole(tmp_path / "w"))
    result = backtest_panel(wide, {"big": model, "naive": "naive"}, horizon=3, cutoffs=2, benchmark="naive")
    np.testing.assert_allclose(result.losses["big"], result.losses["naive"])
    assert "big and naive made the same errors" in result.summary() and result.best == "naive"

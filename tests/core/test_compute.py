"""Kernels: double precision inside, NumPy outside, and nobody else's JAX is touched."""

import inspect
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from jaxtyping import Array, Float

from finlab.core import compute
from finlab.core.compute import enable_compile_cache, kernel, light_options, make_room
from finlab.core.errors import InputError

CENTS = 16_777_217.0  # the first whole number that single precision cannot hold


class Level(NamedTuple):
    mean: Any
    steps: Any
    rising: Any


@kernel(static=("window",))
def level(
    y: Float[Array | np.ndarray, "time series"], window: int, scale: float | Float[Array, ""] = 1.0
) -> dict[str, Level]:
    """Mean of the last `window` steps."""
    last = y[-window:]
    return {"last": Level(last.mean(axis=0) * scale, jnp.array(window), last[-1] > last[0])}


def snapshot() -> dict[str, Any]:
    return dict(jax.config.values)


@pytest.mark.parametrize(
    "y",
    [
        np.array([[1, 2], [3, 4]]),
        np.array([[1, 2], [3, 4]], dtype=np.float32),
        np.array([[1, 2], [3, 4]], dtype=np.int8),
        [[1, 2], [3, 4]],
        pd.DataFrame({"a": [1, 3], "b": [2, 4]}),
        jnp.array([[1, 2], [3, 4]]),
        jnp.array([[1, 2], [3, 4]], dtype=jnp.bfloat16),
    ],
)
def test_whatever_comes_in_float64_goes_out(y: Any) -> None:
    found = level(y, 2)["last"]
    assert isinstance(found, Level)
    for leaf, dtype in zip(found, (np.float64, np.int64, np.bool_), strict=True):
        assert type(leaf) is np.ndarray
        assert leaf.dtype == dtype
        assert leaf.flags.writeable
    assert found.mean.tolist() == [2.0, 3.0]
    assert found.rising.tolist() == [True, True]


def test_static_and_other_arguments_by_name_and_by_place() -> None:
    y = np.arange(8.0).reshape(4, 2)
    by_place, by_name, other = level(y, 3, 2.0), level(scale=2, window=np.int64(3), y=y), level(y, window=1)
    assert np.array_equal(by_place["last"].mean, by_name["last"].mean)
    assert other["last"].steps == 1


def test_double_precision_inside() -> None:
    kinds: list[Any] = []

    @kernel()
    def seen(y: Any, flags: Any, counts: Any, pair: Any) -> Any:
        kinds.extend([y.dtype, flags.dtype, counts.dtype, pair[0].dtype])
        return y + jnp.ones(1)

    assert seen([CENTS], np.array([True]), np.array([1], dtype=np.uint32), (np.int32(1), None))[0] == CENTS + 1
    assert kinds == [np.float64, np.bool_, np.uint32, np.float64]


def test_a_callers_jax_is_as_before_also_after_an_error() -> None:
    @kernel()
    def broken(y: Any) -> Any:
        assert y.dtype == np.float64
        raise ZeroDivisionError("inside")

    before = snapshot()
    level(np.ones((3, 1)), 2)
    assert snapshot() == before
    with pytest.raises(ZeroDivisionError):
        broken([1.0])
    assert snapshot() == before
    assert jnp.asarray(np.ones(1)).dtype == np.float32


def test_other_threads_keep_their_precision() -> None:
    inside, leave = threading.Event(), threading.Event()

    @kernel()
    def slow(y: Any) -> Any:
        inside.set()
        leave.wait(60)
        return y

    thread = threading.Thread(target=slow, args=([1.0],))
    thread.start()
    inside.wait(60)
    seen = jnp.asarray(np.ones(1)).dtype
    leave.set()
    thread.join()
    assert seen == np.float32


def test_a_kernel_in_a_kernel_is_one_program() -> None:
    @kernel()
    def outer(y: Any) -> Any:
        constant = level(np.full((2, 1), CENTS), 2)["last"].mean
        return level(y, 2)["last"].mean + constant

    assert outer([[CENTS], [CENTS]]).tolist() == [2 * CENTS]


def test_transformations_see_a_plain_function() -> None:
    def total(y: Any) -> Any:
        return level(y, 2)["last"].mean.sum()

    assert jax.grad(total)(jnp.ones((2, 1))).tolist() == [[0.5], [0.5]]
    assert jax.vmap(total)(jnp.ones((3, 2, 1))).shape == (3,)


def test_random_keys_pass_through() -> None:
    @kernel(static=("steps",))
    def draw(key: Any, steps: int) -> Any:
        return jax.random.normal(key, (steps,)), jax.random.split(key)

    for key in (jax.random.key(7), jax.random.PRNGKey(7)):
        drawn, keys = draw(key, 3)
        assert drawn.dtype == np.float64
        assert draw(key, 3)[0].tolist() == drawn.tolist()
        assert len(keys) == 2


def test_compiled_once_for_a_shape() -> None:
    traced: list[int] = []

    @kernel(static=("window",))
    def counted(y: Any, window: int, scale: float = 1.0) -> Any:
        traced.append(window)
        return y[-window:] * scale

    for scale in (1.0, 2, np.float32(3)):
        counted(np.ones(5), 2, scale)
        counted(np.ones(5, dtype=np.float32), np.int64(2), scale)
    assert len(traced) == 1
    counted(np.ones(5), 3, 1.0)
    assert traced[-1] == 3


@pytest.mark.parametrize("y", [["1.5"], np.array(["a"]), pd.date_range("2026-01-01", periods=2), [[1], [2, 3]], "text"])
def test_what_is_no_number_is_refused(y: Any) -> None:
    @kernel()
    def same(prices: Any) -> Any:
        return prices

    with pytest.raises(InputError, match=r"^prices holds texts, dates or lists of unequal length; expected numbers$"):
        same(y)


def test_check_sees_the_values_first() -> None:
    def positive(y: Any) -> None:
        if min(y) <= 0:
            raise InputError.of("y", min(y), "prices above 0")

    @kernel(check=positive)
    def logs(y: Any) -> Any:
        return jnp.log(y)

    assert logs([1.0]).tolist() == [0.0]
    with pytest.raises(InputError, match=r"y is -1.0; expected prices above 0"):
        logs([1.0, -1.0])


def test_an_unknown_static_name_is_refused_at_once() -> None:
    with pytest.raises(InputError, match="static is 'horizn'; expected an argument of f: y, horizon"):

        @kernel(static=("horizn",))
        def f(y: Any, horizon: int) -> Any:
            return y


def test_signature_and_docstring_stay_visible() -> None:
    assert list(inspect.signature(level).parameters) == ["y", "window", "scale"]
    assert level.__doc__ == "Mean of the last `window` steps."
    assert level.__name__ == "level"


def python(program: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a process of its own, where nobody has told JAX to keep programs."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")} | variables
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=kept)


def test_importing_starts_nothing() -> None:
    program = """
import sys
import finlab.core.compute as compute
assert "jax" not in sys.modules
f = compute.kernel(static=("n",))(lambda y, n: y)
assert "jax" not in sys.modules
import jax, jax.numpy
from jax._src import xla_bridge
assert not xla_bridge._backends
f([1.0], 2)
assert xla_bridge._backends
print("fine")
"""
    assert python(program).stdout == "fine\n"


CACHED = """
import sys, warnings
warnings.simplefilter("error")
import jax, numpy as np
from finlab.core import compute
from finlab.core.compute import enable_compile_cache, kernel, light_options, make_room
events = []
jax.monitoring.register_event_listener(lambda event, **_: events.append(event.rsplit("/", 1)[-1]))
mean = kernel()(lambda y: y.mean(axis=0))
if sys.argv[2] == "late":
    mean(np.ones((9, 9)))
enable_compile_cache(sys.argv[1])
enable_compile_cache(sys.argv[1])
answer = mean(np.arange(6.0).reshape(3, 2))
assert answer.tolist() == [2.0, 3.0] and answer.dtype == np.float64
print(events.count("cache_hits"), events.count("cache_misses"))
"""


@pytest.mark.parametrize("moment", ["early", "late"])
def test_a_second_process_finds_what_the_first_compiled(tmp_path: Path, moment: str) -> None:
    first = python(CACHED, str(tmp_path / "cache"), moment)
    kept = sorted(path.name for path in (tmp_path / "cache").iterdir())
    second = python(CACHED, str(tmp_path / "cache"), moment)
    assert first.stdout.split()[0] == "0"
    assert second.stdout.split() == ["1", "0"]
    assert any(name.endswith("-cache") for name in kept)
    assert first.stderr == second.stderr == ""


def test_a_damaged_program_is_compiled_again(tmp_path: Path) -> None:
    program = CACHED.replace('warnings.simplefilter("error")', "")
    python(program, str(tmp_path), "early")
    for path in tmp_path.glob("*-cache"):
        path.write_bytes(path.read_bytes()[:100])
    assert python(program, str(tmp_path), "early").stdout.startswith("0 ")  # no hit, and the answer was right


def test_the_folder_of_the_settings_is_the_default(workbench: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pointed: list[Path] = []
    monkeypatch.setattr("finlab.core.compute._point_jax_to", pointed.append)
    monkeypatch.setenv("FINLAB_COMPILE_CACHE", "programs")
    assert enable_compile_cache() == workbench / "programs"
    assert enable_compile_cache("~") == Path.home()
    assert pointed == [workbench / "programs", Path.home()]


KEPT = """
import jax
from finlab.core.compute import keep_programs
keep_programs()
print(jax.config.values["jax_compilation_cache_dir"])
"""


def test_the_engine_keeps_its_programs_unless_the_caller_says_otherwise(tmp_path: Path) -> None:
    folder, own = str(tmp_path / "kept"), str(tmp_path / "own")
    assert python(KEPT, FINLAB_COMPILE_CACHE=folder).stdout.strip() == folder
    assert python(KEPT, FINLAB_COMPILE_CACHE=folder, JAX_COMPILATION_CACHE_DIR=own).stdout.strip() == own
    assert python(KEPT, FINLAB_COMPILE_CACHE=folder, JAX_ENABLE_COMPILATION_CACHE="false").stdout.strip() == "None"


def test_a_folder_that_cannot_be_written_costs_one_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = snapshot()
    blocked = tmp_path / "a file"
    blocked.write_text("in the way")
    for place in (blocked, blocked / "below"):
        with pytest.warns(UserWarning, match=r"^no compile cache: .*a file.* cannot be written to \(.+\)$") as caught:
            assert enable_compile_cache(place) is None
        assert len(caught) == 1
    assert snapshot() == before


@pytest.mark.parametrize(
    "strict",
    [
        {"jax_debug_nans": True},
        {"jax_debug_infs": True},
        {"jax_numpy_rank_promotion": "raise"},
        {"jax_numpy_dtype_promotion": "strict"},
        {"jax_transfer_guard": "disallow"},
    ],
    ids=lambda strict: next(iter(strict)),
)
def test_a_kernel_computes_under_a_strict_caller_and_leaves_its_rules(strict):
    import jax

    from finlab.forecast.kernels.naive import naive2

    y = np.r_[np.nan, np.arange(1.0, 40)][:, None]
    name, value = next(iter(strict.items()))
    before = jax.config.values[name]
    plain = naive2(y, 3, 4)
    jax.config.update(name, value)
    try:
        np.testing.assert_array_equal(naive2(y, 3, 4).mean, plain.mean)
        assert jax.config.values[name] == value
    finally:
        jax.config.update(name, before)


def test_programs_are_forgotten_before_the_process_is_full(monkeypatch):
    double = jax.jit(lambda x: 2 * x)
    assert double(3.0) == 6 and double._cache_size() == 1
    assert not make_room() and double._cache_size() == 1
    monkeypatch.setattr(compute, "FULL", 0.0)
    assert make_room() and double._cache_size() == 0 and double(3.0) == 6


def test_a_system_that_does_not_say_how_full_it_is_changes_nothing(monkeypatch):
    monkeypatch.setattr(compute, "Path", lambda name: Path("/nowhere"))
    assert compute._pieces() == (0, 1) and not make_room()


def test_options_that_the_compiler_does_not_know_are_not_used(monkeypatch):
    assert light_options() == compute._LIGHT  # with the compiler that is locked
    monkeypatch.setattr(compute, "_LIGHT", {"no_such_option": True})
    light_options.cache_clear()
    assert light_options() is None
    light_options.cache_clear()

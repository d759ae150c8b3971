"""What is shipped: the lock, environment.yml and pyproject.toml agree; a wheel is whole; importing finlab is light."""

import ast
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import nbformat
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import finlab

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


# Extras whose packages are not pinned: each is asked for by name, and a message says how to install it.
UNPINNED = {"yahoo", "akshare", "calendars", "peers"}


def pinned() -> dict[str, str]:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in pairs}


def declared() -> list[Requirement]:
    unpinned = {"all", *UNPINNED}
    extras = [
        text for name, texts in PROJECT["optional-dependencies"].items() if name not in unpinned for text in texts
    ]
    return [Requirement(text) for text in PROJECT["dependencies"] + extras]


@pytest.mark.parametrize("requirement", declared(), ids=str)
def test_the_lock_satisfies_what_is_declared(requirement: Requirement) -> None:
    version = pinned().get(canonicalize_name(requirement.name))
    assert version is not None, f"{requirement} is not in requirements.lock: run `make lock`"
    assert requirement.specifier.contains(version), (
        f"requirements.lock has {requirement.name}=={version}, outside {requirement}"
    )


def test_the_lock_is_one_pin_a_line_without_local_versions() -> None:
    lines = [line for line in (ROOT / "requirements.lock").read_text().splitlines() if not line.startswith("#")]
    wrong = [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", line)]
    assert not wrong
    assert len(lines) == len(pinned())
    assert {"setuptools", "wheel"} <= set(pinned())


def test_the_lock_is_what_runs_here() -> None:
    """Where make made the environment, each pin is what is installed: what was tested is what is locked."""
    if Path(sys.prefix) != ROOT / ".venv":
        pytest.skip("not running in the environment that make made from the lock")
    wrong = {name: version for name, version in pinned().items() if metadata.version(name).split("+")[0] != version}
    assert not wrong


def test_the_lock_holds_what_every_package_in_it_needs() -> None:
    """Nothing is pulled in unpinned: each requirement of each pinned package that applies here is pinned as well."""
    pins = pinned()
    missing = []
    for name in pins:
        for text in metadata.requires(name) or []:
            needed = Requirement(text)
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                version = pins.get(canonicalize_name(needed.name))
                if version is None or not needed.specifier.contains(version, prereleases=True):
                    missing.append(f"{name} needs {needed}, the lock has {version}")
    assert not missing


def test_environment_yml_is_python_pip_and_the_lock() -> None:
    text = (ROOT / "environment.yml").read_text()
    assert re.findall(r"^\s+- (.+)$", text.split("dependencies:")[1], re.MULTILINE) == [
        "python=3.11",
        "pip",
        "pip:",
        "-r requirements.lock",
        "-e .",
    ]
    assert "3.11" in Requirement(f"python{PROJECT['requires-python']}").specifier


def test_extras_are_all_in_all() -> None:
    extras = set(PROJECT["optional-dependencies"]) - {"all", *UNPINNED}
    (everything,) = [Requirement(text) for text in PROJECT["optional-dependencies"]["all"]]
    assert everything.extras == extras == {"torch", "lab", "postgres", "contracts", "charts", "dev", "bench", "docs"}


def test_every_file_that_the_readme_names_is_there() -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", (ROOT / "README.md").read_text())
    assert targets
    assert [target for target in targets if "://" not in target and not (ROOT / target).exists()] == []


def imported(path: Path) -> set[str]:
    """The top-level modules that a module imports anywhere, its own package left out."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found.add(node.module.partition(".")[0])
    return found - {"finlab"} - set(sys.stdlib_module_names)


OPTIONAL = {"holidays", "pandera", "pg8000", "typing_inspect", "yfinance", "akshare", "vl_convert"}


def test_every_package_that_finlab_imports_is_declared() -> None:
    """What is there only because another package brings it goes away when that package changes its mind."""
    core = {canonicalize_name(Requirement(text).name) for text in PROJECT["dependencies"]}
    brought_by = metadata.packages_distributions()
    modules = {name for path in (ROOT / "finlab").rglob("*.py") for name in imported(path)} - OPTIONAL
    undeclared = [name for name in modules if not {canonicalize_name(dist) for dist in brought_by.get(name, [])} & core]
    assert not undeclared


def fresh_python(code: str, **env: str) -> str:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, **env}).stdout


def test_importing_finlab_imports_nothing_heavy() -> None:
    heavy = {"torch", "jax", "sktime", "matplotlib", "pandas", "numpy", "duckdb", "papermill", "IPython"}
    loaded = set(fresh_python("import sys, finlab; print(*sys.modules)").split())
    assert not heavy & loaded


def test_the_command_line_starts_light() -> None:
    code = "import sys\nfrom finlab.cli import app\nprint(*sys.modules)"
    assert not {"torch", "jax", "sktime", "matplotlib", "pandas", "papermill", "duckdb"} & set(
        fresh_python(code).split()
    )


def test_nothing_imports_torch() -> None:
    code = "import sys, finlab, finlab.forecast.study, finlab.reports.run, finlab.data.store\nprint(*sys.modules)"
    assert "torch" not in fresh_python(code).split()


def test_every_public_name_of_the_package_is_there() -> None:
    for name in finlab.__all__:
        assert getattr(finlab, name) is not None
    assert set(finlab.__all__) <= set(dir(finlab))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        finlab.nothing


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy of the tree's tracked and new files."""
    copy, out = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("dist")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((ROOT / name).read_bytes())
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(copy)]
    subprocess.run(build, check=True, capture_output=True)
    return next(out.glob("*.whl"))


def test_the_wheel_holds_every_room_and_what_pages_need(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    sources = {str(path.relative_to(ROOT)) for path in (ROOT / "finlab").rglob("*") if path.is_file()}
    wanted = {name for name in sources if "__pycache__" not in name and ".ipynb_checkpoints" not in name}
    assert wanted <= names
    assert not {name for name in names if name.startswith(("tests/", "nbs/", "data/", "reports/"))}


@pytest.mark.slow
def test_the_installed_wheel_makes_a_workbench_and_runs_the_report_from_an_empty_folder(
    wheel: Path, workbench: Path
) -> None:
    """In an environment of its own that has the dependencies but not the checkout."""
    environment = workbench / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    packages = next((environment / "lib").glob("python3*/site-packages"))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    # The dependencies are those of this environment; its `finlab` (the checkout) comes after the wheel's own.
    (packages / "dependencies.pth").write_text(next(path for path in sys.path if path.endswith("site-packages")) + "\n")
    python, folder = environment / "bin" / "python", workbench / "empty"
    folder.mkdir()

    def finlab_command(*arguments: str) -> str:
        command = [str(python), "-m", "finlab", *arguments]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout

    where = [str(python), "-c", "import finlab, finlab.forecast; print(finlab.__file__)"]
    assert str(packages) in subprocess.run(where, cwd=folder, capture_output=True, text=True, check=True).stdout
    finlab_command("init")
    assert {path.name for path in folder.iterdir()} == {"settings.ini", "quickstart.ipynb", "schedule.cron"}
    page = Path(finlab_command("run", "forecast").strip().splitlines()[-1])
    assert page == folder / "reports" / "forecast.html"
    assert "<svg" in page.read_text() or "data:image" in page.read_text()
    cells = [nbformat.v4.new_code_cell("import os; print(os.getenv('TMPDIR', ''))")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "in.ipynb")
    engine = [str(python), "-m", "papermill", "--engine", "finlab", "-k", "python3", "in.ipynb", "out.ipynb"]
    subprocess.run(engine, cwd=folder, capture_output=True, text=True, check=True)
    assert "finlab-" in nbformat.read(folder / "out.ipynb", 4).cells[0].outputs[0].text  # a folder of its own

"""`finlab init` and `finlab lab`: a folder to work in, and JupyterLab in it."""

import os
import shlex
import sys
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from finlab.cli.console import say
from finlab.core.errors import FinlabError, InputError
from finlab.core.settings import settings, settings_template

QUICKSTART = "quickstart.ipynb"
SCHEDULE = "schedule.cron"
SCRIPT = "finlab"


def packaged(name: str) -> str:
    """The text of a file that ships with finlab for new workbenches."""
    return resources.files("finlab.cli").joinpath("workbench", name).read_text(encoding="utf-8")


def finlab_command() -> list[str]:
    """The words that start this very finlab from anywhere: the script beside this Python, else `python -m finlab`."""
    script = Path(sys.executable).with_name(SCRIPT)
    return [str(script)] if os.access(script, os.X_OK) else [sys.executable, "-m", "finlab"]


def cron_words(words: list[str]) -> str:
    """Words as cron and its shell read them: quoted, and each % escaped, which cron takes for the end of the line."""
    return shlex.join(words).replace("%", r"\%")


def files_of(folder: Path) -> dict[Path, str]:
    """What a new workbench in `folder` holds."""
    schedule = packaged(SCHEDULE)
    schedule = schedule.replace("{folder}", cron_words([str(folder)])).replace("{finlab}", cron_words(finlab_command()))
    return {
        folder / "settings.ini": settings_template(),
        folder / QUICKSTART: packaged(QUICKSTART),
        folder / SCHEDULE: schedule,
    }


def init(folder: Annotated[Path, typer.Argument(help="where; made if it is not there")] = Path()) -> None:
    """Make a workbench: settings.ini, a quickstart notebook, an example schedule. Nothing that exists is overwritten.

    Example:  finlab init analysis && cd analysis && finlab run
    """
    folder = folder.expanduser().absolute()
    if folder.exists() and not folder.is_dir():
        raise InputError(f"folder={str(folder)!r} is a file; expected a folder, or a name that is free")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in files_of(folder).items():
            if path.exists():
                say(f"{path} is there already: left as it is")
                continue
            path.write_text(text, encoding="utf-8")
            print(path)
    except OSError as error:
        raise InputError(f"folder={str(folder)!r}: cannot be written ({error.strerror})") from error
    say(f"next: cd {shlex.quote(str(folder))} && finlab run")


def lab(
    browser: Annotated[bool, typer.Option(help="open a browser; --no-browser prints the address only")] = True,
) -> None:
    """Start JupyterLab in the workbench, opening the quickstart (which is made if it is not there).

    Example:  finlab lab
    """
    from importlib.util import find_spec

    if find_spec("jupyterlab") is None:
        raise FinlabError("JupyterLab is not installed: pip install 'finlab-workbench[lab]'")
    root = settings().root
    quickstart = root / QUICKSTART
    if not quickstart.exists():
        try:
            quickstart.write_text(packaged(QUICKSTART), encoding="utf-8")
        except OSError as error:
            raise InputError(
                f"{quickstart} cannot be written ({error.strerror}); start in a folder of yours"
            ) from error
    options = [f"--ServerApp.root_dir={root}", f"--LabApp.default_url=/lab/tree/{QUICKSTART}"]
    options += [] if browser else ["--no-browser"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.append("--allow-root")
    os.execv(sys.executable, [sys.executable, "-m", "jupyterlab", *options])

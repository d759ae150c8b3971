"""finlab as an engine of papermill: `papermill --engine finlab in.ipynb out.ipynb`.

A plain module, not a notebook: it adapts one interface to another. Cells run in a fork of a template process, as those
of `finlab run`; a notebook that needs a kernel of its own (widgets, another language) goes to papermill's own engine.
A process that was killed is an error here, never a notebook whose cells all say "completed".
"""

import os
from pathlib import Path
from typing import Any

from papermill.engines import Engine, NBClientEngine
from papermill.log import logger

from finlab.core.errors import InputError
from finlab.reports.parameters import read_parameters
from finlab.reports.running.ends import Failure
from finlab.reports.running.engine import imports_of, needs_kernel, new_seed, run_in_fork, template_env
from finlab.reports.running.forks import Impure, Template
from finlab.reports.running.watch import Limits, Plan
from finlab.reports.running.workplace import workplace


class FinlabEngine(Engine):
    """Runs a notebook as `finlab run` does, under papermill's management."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> Any:
        """Run the notebook of the manager `nb_man`; what papermill's own engine takes may be given as options."""
        refuse_secrets(nb_man.nb)
        why = needs_kernel(nb_man.nb, kernel_name)
        if not why:
            try:
                template = Template(template_env(os.environ), imports_of(nb_man.nb))
            except (Impure, OSError) as problem:
                why = str(problem)
            else:
                with template:
                    why = _run(template, nb_man, options)
        if why:
            logger.info("finlab: the notebook runs in a kernel: %s", why)
            return NBClientEngine.execute_managed_notebook(nb_man, kernel_name, **options)
        return nb_man.nb


def refuse_secrets(notebook: Any) -> None:
    """InputError if a secret parameter is a reference: papermill hands its letters over, and nobody follows it."""
    try:
        parameters = read_parameters(notebook)
    except InputError:  # none that finlab could read: as papermill has it
        return
    given = notebook.metadata.get("papermill", {}).get("parameters", {})
    for one in parameters:
        value = given.get(one.name, one.default)
        if one.kind.base == "Secret" and isinstance(value, str) and value.startswith(("env:", "file:")):
            told = f"parameter {one.name} is a secret, given as {value!r}, which papermill does not fetch"
            raise InputError(f"{told}; expected `finlab run`, which does (--notebook keeps the executed notebook)")


def _run(template: Template, nb_man: Any, options: dict[str, Any]) -> str:
    """Run the notebook in a fork; says what it needs if only a kernel can give it."""
    seconds = options.get("execution_timeout") or options.get("timeout") or None
    with workplace(Path.cwd(), linked=False) as place:
        plan = Plan(place, dict(os.environ), Path.cwd(), Limits(None, seconds), new_seed(), "png")
        outcome = run_in_fork(template, nb_man.nb, plan, _Told(nb_man, options))
    failure = outcome.failure
    if failure is not None and failure.kind == "needs":
        _forget(nb_man)
        return failure.message
    if failure is not None:
        _leave_pending(nb_man.nb, failure)
        if failure.cell is None:  # of a cell papermill tells by itself
            raise RuntimeError(str(failure))
    return ""


class _Told:
    """Tells papermill's manager how far its notebook has come, and writes its log."""

    def __init__(self, manager: Any, options: dict[str, Any]) -> None:
        self.manager = manager
        self.log = bool(options.get("log_output"))
        self.files = {"stdout": options.get("stdout_file"), "stderr": options.get("stderr_file")}

    def start(self, cell: int) -> None:
        """A cell begins."""
        self.manager.cell_start(self.manager.nb.cells[cell], cell)

    def change(self) -> None:
        """Something was printed or shown: the notebook is saved now and then."""
        self.manager.autosave_cell()

    def end(self, cell: int, failed: bool) -> None:
        """A cell has ended."""
        ended = self.manager.nb.cells[cell]
        for output in ended.get("outputs", []):
            if output["output_type"] == "stream":
                self._print(output["name"], output["text"])
        if failed:
            self.manager.cell_exception(ended, cell)
        self.manager.cell_complete(ended, cell)

    def _print(self, name: str, text: str) -> None:
        if self.log:
            (logger.warning if name == "stderr" else logger.info)(text)
        if (file := self.files[name]) is not None:
            file.write(text)
            file.flush()


def _forget(nb_man: Any) -> None:
    """Take back what a run that could not go on has written into the notebook."""
    for cell in nb_man.nb.cells:
        cell.metadata.pop("execution", None)
    nb_man.notebook_start()


def _leave_pending(notebook: Any, failure: Failure) -> None:
    """Say of the notebook that it failed, so that papermill does not call the cells behind the failure completed."""
    notebook.metadata.papermill["exception"] = True
    if failure.cell is not None:
        notebook.cells[failure.cell].metadata.papermill.update(status="failed", exception=True)

"""Write requirements.lock and environment.yml from what is installed in this environment: `lock.py --write`.

`pip freeze` alone would leave out setuptools and wheel, name a CPU build's local version, and name the checkout.
Make the environment with the oldest Python that is supported (Debian 12's 3.11.2), so that every pin installs there.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEADER = (
    "# Every package of `finlab-workbench[all]`, pinned. Written by `make lock`; tests hold it to pyproject.toml.\n"
)


def pins() -> list[str]:
    """`name==version` of every package installed here but finlab itself, sorted by name."""
    command = [sys.executable, "-m", "pip", "list", "--format=freeze", "--disable-pip-version-check"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    kept = [
        re.sub(r"\+.*$", "", line)
        for line in listed
        if not line.startswith(("finlab-workbench", "finlab_workbench", "pip=="))
    ]
    return sorted(kept, key=str.lower)


def environment(lock: str) -> str:
    """conda's view of the same environment: Python, pip, and the lock."""
    return (
        "# conda env create -f environment.yml\n"
        "name: finlab\n"
        "channels:\n  - conda-forge\n  - nodefaults\n"
        "dependencies:\n  - python=3.11\n  - pip\n  - pip:\n"
        f"      - -r {lock}\n"
        "      - -e .\n"
    )


def main() -> None:
    """Write both files."""
    (ROOT / "requirements.lock").write_text(HEADER + "\n".join(pins()) + "\n", encoding="utf-8")
    (ROOT / "environment.yml").write_text(environment("requirements.lock"), encoding="utf-8")


if __name__ == "__main__":
    main()

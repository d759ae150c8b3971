#!/usr/bin/env bash
# Make .venv, once, and fill it from requirements.lock: `setup.sh core` for the package alone, `setup.sh all` for everything.
# Called by the Makefile; done again when the lock changes. PYTHON names the interpreter (default python3).
set -euo pipefail
cd "$(dirname "$0")/.."
what=${1:?core or all}
stamp=${2:?the file that says it was done}
python=${PYTHON:-python3}
venv=.venv

say() { printf 'finlab: %s\n' "$*" >&2; }
stop() { say "$*"; exit 2; }

check_python() {
    command -v "$python" >/dev/null || stop "PYTHON=$python: no such command; expected Python 3.11 to 3.13 (on Debian: apt install python3 python3-venv)"
    "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' ||
        stop "PYTHON=$python is $("$python" --version 2>&1); expected Python 3.11 to 3.13 (make PYTHON=python3.11 ...)"
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        stop "$python has no venv: install it first (on Debian: apt install python3-venv)"
}

make_venv() {
    if [ -x "$venv/bin/python" ] && "$venv/bin/python" -m pip --version >/dev/null 2>&1; then return; fi
    check_python
    say "making $venv with $("$python" --version)"
    "$python" -m venv --clear "$venv"
}

# One line a package while pip collects; the whole of pip's words stay in .venv/setup.log.
follow() {
    awk -v total="$1" -v tty="$2" '
        /^Collecting |^Requirement already satisfied: / {
            name = ($1 == "Collecting") ? $2 : $4; sub(/[=<>!~;\[].*/, "", name)
            if (!(name in seen)) {
                seen[name] = 1; n++
                if (tty) printf "\r\033[Kfinlab: [%d of %d] %s", n, total, name
                else if (n % 25 == 0) printf "finlab: [%d of %d] %s\n", n, total, name
                fflush()
            }
        }
        /^Installing collected packages/ {
            if (tty) printf "\r\033[K"
            print "finlab: unpacking (one or two minutes the first time)"; fflush()
        }
        END { if (tty) printf "\r\033[K" }' >&2
}

pip_install() {
    local tty=0
    [ -t 2 ] && tty=1
    if ! "$venv/bin/python" -m pip install --disable-pip-version-check --no-input "$@" 2>&1 |
        tee -a "$venv/setup.log" | follow "$total" "$tty"; then
        tail -n 15 "$venv/setup.log" >&2
        stop "pip could not install; its words are in $venv/setup.log. Run the same command again to go on."
    fi
}

make_venv
: >"$venv/setup.log"
before=$SECONDS
total=2
pip_install -c requirements.lock setuptools wheel
if [ "$what" = core ]; then
    say "installing the core into $venv (a few minutes the first time)"
    total=90
    pip_install -c requirements.lock --no-build-isolation -e .
else
    total=$(grep -c == requirements.lock)
    say "installing everything in requirements.lock into $venv: $total packages (several minutes the first time)"
    pip_install -r requirements.lock
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . >&2
fi
rm -f "$venv"/.core-* "$venv"/.all-*
[ "$what" = all ] && touch "${stamp/.all-/.core-}"
touch "$stamp"
say "$venv is ready ($what, $((SECONDS - before)) s, $(du -sh "$venv" | cut -f1))"

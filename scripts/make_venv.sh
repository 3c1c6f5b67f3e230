#!/bin/sh
# Makes the folder $1 a virtual environment with this project and its development tools in it. Safe to run twice.
# PYTHON, if set, is the interpreter; else the first of the usual names that is new enough.
set -eu
venv=$1

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        is_new_enough "$PYTHON" && echo "$PYTHON" && return
        echo "PYTHON=$PYTHON is not a Python 3.11 or newer." >&2
        exit 1
    fi
    for name in python3.11 python3.12 python3.13 python3.14 python3; do
        if is_new_enough "$name"; then
            echo "$name"
            return
        fi
    done
    found=$(python3 --version 2>/dev/null || echo "no python3")
    echo "Python 3.11 or newer is needed; here is: $found. Install one, or name it: make venv PYTHON=/path/to/python3.11" >&2
    exit 1
}

if ! is_new_enough "$venv/bin/python" || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    python=$(find_python)
    if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
        echo "$python cannot make virtual environments: its venv module is missing." >&2
        echo "On Debian or Ubuntu: apt-get install python3-venv" >&2
        exit 1
    fi
    echo "Making $venv with $("$python" --version)"
    "$python" -m venv --clear "$venv"
fi
echo "Installing the packages into $venv (a few minutes the first time)"
if ! "$venv/bin/python" -m pip install --disable-pip-version-check -e '.[dev]'; then
    echo "The packages could not be installed; pip's words are above. Run the same make again to go on." >&2
    exit 1
fi

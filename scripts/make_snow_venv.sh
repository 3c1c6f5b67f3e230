#!/bin/sh
# Makes the folder $1 a virtual environment with Snowflake's own command line, `snow`, and nothing else. Safe to run twice.
# PYTHON, if set, is the interpreter; else the product environment's.
set -eu
venv=$1

python=${PYTHON:-}
for name in .venv/bin/python python3.11 python3.12 python3.13 python3; do
    [ -n "$python" ] && break
    command -v "$name" >/dev/null 2>&1 && python=$name
done
if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    echo "Making $venv with $("$python" --version)"
    "$python" -m venv --clear "$venv"
fi
echo "Installing the Snowflake CLI into $venv"
"$venv/bin/python" -m pip --disable-pip-version-check install --quiet "snowflake-cli==3.30.0"

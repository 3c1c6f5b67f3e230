#!/bin/sh
# Makes the folder $1 a virtual environment for the tests' Snowflake server (tests/fake_snowflake): fakesnow with the sqlglot and the
# connector it needs, which are older than the latest. Its own pins, never resolved together with the product's. Safe to run twice.
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
echo "Installing fakesnow into $venv"
"$venv/bin/python" -m pip --disable-pip-version-check install --quiet "fakesnow[server]==0.12.1" "sqlglot==30.22.0" \
    "duckdb==2.0.1" "snowflake-connector-python==4.8.1" "pyarrow>=21,<27" "PyYAML>=6.0.3,<7"

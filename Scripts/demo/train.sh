#!/usr/bin/env bash
# Trains models of the demonstration herd (Demo/train.py; --help tells more) in an environment of its own,
# .venv/training, which holds torch and is made at the first run.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
environment=$root/.venv/training
requirements=$root/Demo/models/requirements.txt
wanted=$(sha256sum <"$requirements")
if [ "$(cat "$environment/requirements.sha256" 2>/dev/null)" != "$wanted" ]; then
    echo "Installing torch and its company into .venv/training"
    "$root/Scripts/demo/with-python.sh" -m venv --clear "$environment"
    "$environment/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$requirements"
    echo "$wanted" >"$environment/requirements.sha256"
fi
exec "$environment/bin/python" "$root/Demo/train.py" "$@"

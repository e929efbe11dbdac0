#!/usr/bin/env bash
# Installs what a Debian 12 with the Swift toolchain lacks for building, testing and running Herd:
# system packages by apt, and the pinned Python packages of Scripts/requirements.txt into .venv.
# Safe to repeat: what is there is left alone, and then nothing is downloaded and no root is needed.
# With --bench also gRPC C++, which Herd is measured against by make bench and which nothing else needs.
set -euo pipefail

bench=
case "${1:-}" in
"") ;;
--bench) bench=yes ;;
-h | --help)
    sed -n '2,5s/^# //p' "$0"
    exit 0
    ;;
*)
    echo "install.sh: unknown argument '$1'; it takes --bench or --help" >&2
    exit 64
    ;;
esac

cd "$(dirname "$0")/.."

packages=(
    build-essential ca-certificates git make pkg-config
    libcurl4-openssl-dev liblmdb-dev libpcre2-dev libprotobuf-c-dev zlib1g-dev
    protobuf-c-compiler protobuf-compiler
    libgomp1 python3 python3-venv valgrind
)
[ -z "$bench" ] || packages+=(libgrpc++-dev libprotobuf-dev protobuf-compiler-grpc)

# Prints the packages that are not installed.
missing_packages() {
    local package
    for package in "${packages[@]}"; do
        if [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" != installed ]; then
            echo "$package"
        fi
    done
}

install_packages() {
    local -a missing as_root=()
    if ! command -v dpkg-query >/dev/null; then
        echo "install.sh: not a Debian: make sure that you have the equivalents of ${packages[*]}" >&2
        return
    fi
    mapfile -t missing < <(missing_packages)
    [ "${#missing[@]}" -gt 0 ] || return 0
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || {
            echo "install.sh: run as root, or install first: ${missing[*]}" >&2
            exit 1
        }
        as_root=(sudo)
    fi
    echo "Installing ${missing[*]}"
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# The environment is made anew when the requirements change or the Python it was made with is gone. Where PyPI cannot be
# reached there is none: Herd builds and runs without; the demonstration then shows recorded answers.
install_python_packages() {
    local stamp wanted
    stamp=.venv/requirements.sha256
    wanted=$(sha256sum <Scripts/requirements.txt)
    if [ -x .venv/bin/python ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && .venv/bin/python -c '' 2>/dev/null; then
        return
    fi
    echo "Installing the Python packages of Scripts/requirements.txt into .venv"
    python3 -m venv --clear .venv
    if ! .venv/bin/python -m pip install --quiet --disable-pip-version-check --retries 2 --timeout 10 \
        --only-binary :all: --requirement Scripts/requirements.txt; then
        rm -rf .venv
        echo "install.sh: the Python packages could not be installed (see above). Herd works without them, but the" >&2
        echo "demonstration's models cannot be served and some tests do not run. Repeat it when PyPI can be reached." >&2
        return
    fi
    echo "$wanted" >"$stamp"
}

install_packages
install_python_packages

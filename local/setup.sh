#!/bin/sh
# Make .venv with what the gateway, the runtime and the command line need (`make setup`).
set -eu
cd "$(dirname "$0")/.."
python="${PYTHON:-python3}"

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "Postroom needs Python 3.11 or newer; '$python' is not. Try: make PYTHON=python3.11 setup" >&2
    exit 1
fi
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq && apt-get install -y -qq python3-venv
    else
        echo "Python's venv module is missing. On Debian: apt-get install python3-venv" >&2
        exit 1
    fi
fi

echo "Installing into .venv (about a minute)…"
"$python" -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
    -r requirements/gateway.txt

# The three source roots are put on the path as they stand: no build step, edits take effect.
site=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
printf '%s\n' "$PWD/layers/postroom" "$PWD/edge-smtp" "$PWD" > "$site/postroom.pth"
printf '#!%s\nfrom local.cli.main import run\n\nrun()\n' "$PWD/.venv/bin/python" > .venv/bin/postroom
chmod +x .venv/bin/postroom

#!/bin/sh
# Install the tools of tests/aws: AWS SAM in .venv-sam, a Lambda runtime in .venv-emulator.
set -eu
cd "$(dirname "$0")/../.."
install="install --quiet --disable-pip-version-check --require-hashes --no-deps"

if [ ! -x .venv-sam/bin/sam ]; then
    echo "Installing AWS SAM into .venv-sam…"
    .venv/bin/python -m venv .venv-sam
fi
# Every dependency is pinned already: --no-deps keeps pip from choosing extras anew.
# shellcheck disable=SC2086  # a list of words
.venv-sam/bin/python -m pip $install -r requirements/sam.txt

if python=$(sh tests/aws/python.sh); then
    [ -x .venv-emulator/bin/python ] || "$python" -m venv .venv-emulator
    # shellcheck disable=SC2086
    .venv-emulator/bin/python -m pip $install -r requirements/emulator.txt
fi

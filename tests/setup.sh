#!/bin/sh
# Install what the tests need above `make setup`: Python packages, Debian's mail clients and
# servers when we are root, and the tools of AWS SAM in environments of their own.
set -eu
cd "$(dirname "$0")/.."

debian="swaks isync curl msmtp neomutt fetchmail getmail6 offlineimap3 postfix dovecot-imapd
    dovecot-pop3d dovecot-lmtpd dovecot-sieve sieve-connect bind9 bind9-utils unbound opendkim
    thunderbird"
missing=""
for package in $debian; do
    dpkg -s "$package" >/dev/null 2>&1 || missing="$missing $package"
done
if [ -n "$missing" ]; then
    if [ "$(id -u)" = 0 ]; then
        echo "Installing from Debian:$missing"
        export DEBIAN_FRONTEND=noninteractive
        apt-get update -qq
        # shellcheck disable=SC2086  # a list of words
        apt-get install -y -qq --no-install-recommends $missing >/dev/null
    else
        echo "Some tests need these Debian packages: apt-get install$missing" >&2
        exit 1
    fi
fi

echo "Installing the tests' Python packages into .venv…"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
    -r requirements/development.txt
sh tests/peers/setup.sh
sh tests/aws/setup.sh

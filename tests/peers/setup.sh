#!/bin/sh
# Debian's Exim, unpacked beside Postfix: as packages the two exclude each other. Without root or
# apt there is none, and the tests that need it are skipped.
set -eu
cd "$(dirname "$0")/../.."

exim=.cache/exim
[ -x "$exim/usr/sbin/exim4" ] && id Debian-exim >/dev/null 2>&1 && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "No root, or no apt: tests with Exim will be skipped." >&2
    exit 0
fi

unpack() {
    rm -rf "$exim" && mkdir -p "$exim" || return
    apt-get update -qq || return
    (cd "$exim" && apt-get download -qq exim4-daemon-light) || return
    needed=$(dpkg-deb -f "$exim"/*.deb Depends | tr ',' '\n' | sed -n 's/^ *\(lib[^ |]*\).*/\1/p')
    # shellcheck disable=SC2086  # a list of words
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $needed \
        >/dev/null || return
    dpkg-deb -x "$exim"/*.deb "$exim" || return
    # Its name is compiled in: Exim does nothing without.
    id Debian-exim >/dev/null 2>&1 ||
        useradd --system --no-create-home --home-dir /var/spool/exim4 \
            --shell /usr/sbin/nologin Debian-exim
}

echo "Unpacking Debian's Exim into $exim…"
if ! unpack 2>"${TMPDIR:-/tmp}/postroom-exim.$$"; then
    cat "${TMPDIR:-/tmp}/postroom-exim.$$" >&2
    echo "Exim could not be had: tests with it will be skipped." >&2
fi
rm -f "${TMPDIR:-/tmp}/postroom-exim.$$"

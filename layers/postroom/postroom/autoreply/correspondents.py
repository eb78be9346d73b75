"""Who a reverse-path stands for: forwarders and signatures write it anew each day."""

import re

from postroom.directory.addresses import BadAddress, canonical, outside

# SRS0=hash=day=domain=local, SRS1=hash=forwarder==hash=day=domain=local
_SRS0 = re.compile(r"srs0[=+-][^=]+=[^=]+=([^=@]+)=(.+)", re.IGNORECASE)
_SRS1 = re.compile(r"srs1[=+-][^=]+=[^=@]+=[=+-][^=]+=[^=]+=([^=@]+)=(.+)", re.IGNORECASE)
# BATV: prvs=tag=local, and the older prvs=local/tag
_PRVS = re.compile(r"prvs=(?:[0-9a-f]{4,10}=(.+)|([^/=]+)/[0-9a-f]{4,10})", re.IGNORECASE)


def correspondent(reverse_path: str) -> str:
    """Who is behind a reverse-path, under the same name whatever was wrapped around it.

    Without this, somebody whose mail is forwarded (SRS) or signed (BATV) would be another person
    every day. For remembering only: the answer goes to the reverse-path itself.
    """
    local, _, domain = reverse_path.rpartition("@")
    for pattern in (_SRS1, _SRS0):
        if found := pattern.fullmatch(local):
            domain, local = found.groups()
            break
    if found := _PRVS.fullmatch(local):
        local = found[1] or found[2]
    return spelled(f"{local}@{domain}" if local else domain)


def spelled(address: str) -> str:
    """One spelling of an address, for comparing: case and quotes do not count."""
    try:
        return str(canonical(address))
    except BadAddress:
        pass
    try:
        return outside(address).lower()
    except BadAddress:
        return address.lower()


def without_detail(address: str) -> str:
    """alice@example.test of alice+shop@example.test, for comparing spelled addresses."""
    local, _, domain = address.rpartition("@")
    return address if local.startswith('"') else f"{local.partition('+')[0] or local}@{domain}"

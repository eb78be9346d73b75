"""Who is at the other end of the connection."""

import ipaddress
from dataclasses import dataclass


@dataclass(slots=True)
class Client:
    address: str  # IP address, IPv4 never written as an IPv6 one
    name: str = ""  # verified reverse DNS name, "" when unknown or not looked up yet
    tls: str = ""  # "TLSv1.3 TLS_AES_256_GCM_SHA384", "" in the clear


def is_public(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_global
    except ValueError:
        return False

"""The setting that says which name servers are asked."""

import ipaddress
from dataclasses import dataclass

from postroom.errors import BadSetting

_PORT = 53
_TRUST = "trust-ad"  # glibc's word for it (resolv.conf(5))


@dataclass(frozen=True, slots=True)
class NameServers:
    """None: those of ``/etc/resolv.conf``. ``trust_ad``: what they say about DNSSEC counts although
    they are not on this machine."""

    addresses: tuple[tuple[str, int], ...] = ()  # IP address and port
    trust_ad: bool = False

    @classmethod
    def parse(cls, variable: str, text: str) -> "NameServers":
        """``127.0.0.1:5353``, ``10.0.0.53 10.0.1.53 trust-ad``. Raises BadSetting."""
        words = text.replace(",", " ").split()
        addresses = tuple(_address(variable, word) for word in words if word != _TRUST)
        if _TRUST in words and not addresses:
            raise BadSetting(f"{variable} has {_TRUST!r}, but no address of a name server")
        return cls(addresses, _TRUST in words)


RESOLV_CONF = NameServers()


def _address(variable: str, word: str) -> tuple[str, int]:
    host, port = word, str(_PORT)
    if word.startswith("["):
        host, _, port = word[1:].partition("]")
        port = str(_PORT) if word.endswith("]") else port[1:] if port.startswith(":") else ""
    elif word.count(":") == 1:
        host, _, port = word.partition(":")
    try:
        address = str(ipaddress.ip_address(host))
        if not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65_536):
            raise ValueError(port)
    except ValueError:
        raise BadSetting(
            f"{variable} has {word!r}; it lists IP addresses, each with :port if that is not "
            f"{_PORT}, and perhaps the word {_TRUST!r}"
        ) from None
    return address, int(port)

"""The variables of a script, and those that it shares with other scripts (RFC 6609 section 3.4)."""

GLOBAL = "global."  # the namespace (RFC 6609 section 3.4.2)


class Variables:
    """Names are in lower case (RFC 5229 section 3), with their namespace."""

    def __init__(self, shared: dict[str, str]) -> None:
        self.shared = shared
        self._own: dict[str, str] = {}
        self._declared: set[str] = set()

    def __len__(self) -> int:
        return len(self._own) + len(self.shared)

    def __setitem__(self, name: str, value: str) -> None:
        if name in self._declared:
            self.shared[name] = value
        elif name.startswith(GLOBAL):
            self.shared[name.removeprefix(GLOBAL)] = value
        else:
            self._own[name] = value

    def get(self, name: str, default: str = "") -> str:
        if name in self._declared:
            return self.shared.get(name, default)
        if name.startswith(GLOBAL):
            return self.shared.get(name.removeprefix(GLOBAL), default)
        return self._own.get(name, default)

    def declare(self, name: str) -> None:
        """From now on it is the global one of that name."""
        self._declared.add(name)

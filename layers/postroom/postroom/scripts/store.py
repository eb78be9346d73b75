"""The scripts of accounts and domains over the Table port: `scripts.catalogue` tells of records."""

from postroom.scripts.domains import DomainScripts
from postroom.scripts.personal import Listed, PersonalScripts
from postroom.scripts.running import RunningScripts

__all__ = ["Listed", "Scripts"]


class Scripts(PersonalScripts, DomainScripts, RunningScripts):
    """All that is kept of scripts: changed by their owners, run by deliveries.

    Calls that change something are durable on return. All of them raise StoreUnavailable, and
    NotThere when the account or the domain has gone.
    """

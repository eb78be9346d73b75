"""What can be wrong with a request to the mailboxes."""

from postroom.errors import PostroomError


class MailboxMissing(PostroomError):
    """There is no such mailbox (RFC 5530 NONEXISTENT). *mailbox*: what it was looked for by, its
    name or id."""

    def __init__(self, account: str, mailbox: str) -> None:
        self.mailbox = mailbox
        super().__init__(f"account {account} has no mailbox {mailbox!r}")


class NotPermitted(PostroomError):
    """The owner has not given the right to who asks (RFC 5530 NOPERM)."""

    def __init__(self, account: str, rights: str) -> None:
        super().__init__(f"account {account} has not granted the right {rights}")


class TooManyIdentifiers(PostroomError):
    def __init__(self, most: int) -> None:
        super().__init__(f"at most {most} users and groups can be named: groups may have any size")


class MailboxExists(PostroomError):
    """The name is taken (RFC 5530 ALREADYEXISTS)."""

    def __init__(self, account: str, name: str) -> None:
        super().__init__(f"account {account} has a mailbox {name!r} already")


class BadMailboxName(PostroomError):
    """The name can never be a mailbox, or not by this command (RFC 5530 CANNOT)."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name[:100]!r} cannot be a mailbox name: {reason}")


class BadFlag(PostroomError):
    """The flag or keyword cannot be kept (RFC 9051 section 2.3.2)."""

    def __init__(self, flag: str, reason: str) -> None:
        super().__init__(f"flag {flag[:100]!r} cannot be kept: {reason}")


class OverQuota(PostroomError):
    """The account would hold more than it may (RFC 5530 OVERQUOTA)."""

    def __init__(self, account: str, wanted: int, quota: int) -> None:
        self.wanted = wanted
        self.quota = quota
        super().__init__(f"account {account} would hold {wanted} octets, its quota is {quota}")

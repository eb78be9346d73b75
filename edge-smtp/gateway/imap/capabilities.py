"""What we can do, as CAPABILITY lists it (RFC 9051 section 7.2.2)."""

_ALWAYS = ("IMAP4rev2", "IMAP4rev1", "LITERAL+", "SASL-IR", "ID", "ENABLE", "IDLE")
_LOGGED_IN = (
    *("NAMESPACE", "UNSELECT", "UIDPLUS", "MOVE", "CHILDREN", "CONDSTORE", "QRESYNC"),
    *("ESEARCH", "SEARCHRES", "WITHIN", "BINARY", "UTF8=ACCEPT", "STATUS=SIZE"),
    *("SORT", "SORT=DISPLAY", "ESORT", "THREAD=ORDEREDSUBJECT", "THREAD=REFERENCES"),
    *("I18NLEVEL=1", "PARTIAL", "CONTEXT=SEARCH", "CONTEXT=SORT", "MULTISEARCH"),
    *("PREVIEW", "SAVEDATE", "OBJECTID"),
    *("LIST-EXTENDED", "LIST-STATUS", "SPECIAL-USE", "CREATE-SPECIAL-USE"),
    "XLIST",  # of Gmail: without it Outlook does not find what SPECIAL-USE says
    *("MULTIAPPEND", "CATENATE", "REPLACE", "COMPRESS=DEFLATE", "UNAUTHENTICATE"),
    *(
        "ACL",
        "RIGHTS=kxte",
        "LIST-MYRIGHTS",
        "METADATA",
        "LIST-METADATA",
        "QUOTA",
        "QUOTA=RES-STORAGE",
    ),
    *("INPROGRESS", "UIDONLY", "NOTIFY"),
)
# ENABLE answers for these (RFC 9051 section 6.3.1); the rest need no enabling.
CAN_BE_ENABLED = ("IMAP4REV2", "CONDSTORE", "QRESYNC", "UTF8=ACCEPT", "UIDONLY")
SPELLED = {"IMAP4REV2": "IMAP4rev2"}


def capabilities(
    *, logged_in: bool, mechanisms: tuple[str, ...], may_start_tls: bool, append_limit: int
) -> tuple[str, ...]:
    """*mechanisms*: those of SASL, none when nobody may log in over this connection.
    *append_limit*: octets of a message (RFC 7889)."""
    if logged_in:
        return *_ALWAYS, *_LOGGED_IN, f"APPENDLIMIT={append_limit}"
    tls = ("STARTTLS",) if may_start_tls else ()
    login = tuple(f"AUTH={name}" for name in mechanisms) or ("LOGINDISABLED",)
    return *_ALWAYS, *tls, *login

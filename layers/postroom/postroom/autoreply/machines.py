"""Addresses behind which nobody reads an answer (RFC 5230 section 4.6, RFC 3834 section 2)."""

import re

# "no-reply", "do_not_reply", "noreply+id", "shop.noreply", "never-answer7": a word of its own.
_NO_REPLY = re.compile(
    r"(?:^|[-_.+=])(?:no|do[-_.]?not|dont|never|auto|automatic)[-_.]?"
    r"(?:reply|replies|respond|response|responder|answer)(?:$|[-_.+=0-9])"
)
# Programs by their usual names. Not postmaster, abuse and the like: people read those (RFC 2142).
_PROGRAMS = re.compile(
    r"(?:mailer-?daemon|double-bounce|listserv|listproc|lyris|majordomo|mailman|mdaemon|ecartis"
    r"|sympa|nobody)(?:$|[-_.+=].*)"
)
# Lists, and the return paths that they and mailing services make for each recipient (VERP).
_LISTS = re.compile(
    r"owner-.*|.*-owner|.*-request|.*-(?:bounces?|errors?|return)(?:$|[-+=.].*)"
    r"|(?:bounces?|return|errors?)(?:$|[-+=.].*)|.*[+.]bounces?(?:$|[-+=.].*)|msprvs1=.*"
)


def is_machine(local_part: str) -> bool:
    """Whether mail from this local part needs no answer: no-reply, daemons, lists, VERP."""
    local = local_part.strip('"').lower()
    return bool(_NO_REPLY.search(local) or _PROGRAMS.fullmatch(local) or _LISTS.fullmatch(local))

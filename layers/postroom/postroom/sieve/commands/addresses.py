"""The test address (RFC 5228 section 5.1), with ``:index`` (RFC 5260) and ``:mime`` (RFC 5703)."""

from postroom.sieve.commands.fields import INDEX_TAGS, MIME_TAGS, Choose, choice, headers, names
from postroom.sieve.language.definitions import Call, Definition, Shape, Test
from postroom.sieve.matching.address_parts import PART_TAGS, address_part
from postroom.sieve.matching.match_types import MATCH_TAGS, matcher
from postroom.sieve.run import Run

# Fields that hold addresses: RFC 5322 section 3.6, and those in use beside it.
_NAMES = """
    from to cc bcc sender reply-to resent-from resent-to resent-cc resent-bcc resent-sender
    resent-reply-to return-path delivered-to envelope-to apparently-to errors-to x-original-to
    x-original-from original-from x-envelope-to x-envelope-from x-sender x-admin x-beenthere
    disposition-notification-to return-receipt-to read-receipt-to x-confirm-reading-to
    return-receipt-requested registered-mail-reply-requested-by
    mail-followup-to mail-reply-to for-approval for-comment for-handling
    abuse-reports-to x-complaints-to x-report-abuse-to
"""
_FIELDS = frozenset(_NAMES.split())


def _address(call: Call) -> Test:
    match = matcher(call, 1)
    named = names(call, 0)
    for name in call.constants(0) or ():
        if name.lower() not in _FIELDS:
            call.wrong(f'the field "{name}" does not hold addresses: use the test "header"', 0)
    read = headers(call)
    part = address_part(call)
    choose: Choose[tuple[str, ...]] = choice(call)
    counts = call.chosen("match") == "count"

    def test(run: Run) -> bool:
        wanted = [name for name in named(run) if name in _FIELDS]
        found = [
            field for header in read(run) for name in wanted for field in header.addresses(name)
        ]
        return match(
            run,
            [
                text
                for field in choose(found)
                for address in field
                if (address or not counts) and (text := part(run, address)) is not None
            ],
        )

    return test


DEFINITIONS = (
    Definition(
        "address",
        "test",
        _address,
        takes=(Shape.STRINGS, Shape.STRINGS),
        tags=(*MATCH_TAGS, *PART_TAGS, *INDEX_TAGS, *MIME_TAGS),
    ),
)

"""Notifications (RFC 5435) by mail (RFC 5436): notify, valid_notify_method,
notify_method_capability; and the modifier ``:encodeurl`` of ``set``."""

import re
from collections.abc import Callable
from urllib.parse import quote

from postroom.sieve.actions import Notify
from postroom.sieve.commands.destinations import FCC_TAGS, fcc
from postroom.sieve.commands.mailto import SCHEME, BadMailto, parse_mailto
from postroom.sieve.commands.outbound import parse_outbound
from postroom.sieve.language.definitions import Call, Definition, Shape, Step, Tag, Test
from postroom.sieve.matching.match_types import MATCH_TAGS, matcher
from postroom.sieve.outcome import decide
from postroom.sieve.run import Run

EXTENSIONS = ("enotify",)

_USUAL_IMPORTANCE = "2"
_IMPORTANCES = frozenset({"1", "2", "3"})
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")  # RFC 3986 section 3.1
_OPTION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*=[^\x00\r\n]*")  # RFC 5435 section 3.5

# The names after ``notify :method`` in the capabilities of ManageSieve (RFC 5804 section 1.7).
METHODS = ("mailto",)


def encode_url(text: str) -> str:
    """All but unreserved octets percent-encoded (RFC 5435 section 6)."""
    return quote(text.encode("utf-8", "replace"), safe="")  # keeps -._~ and alphanumerics


def _notify(call: Call) -> Step:
    method = call.text(0)
    sender = _checked(call, "from", _from_problem)
    importance = _checked(call, "importance", _importance_problem)
    message = call.text("message") if call.has("message") else None
    options = call.texts("options") if call.has("options") else None
    copy = fcc(call)
    _check_constants(call)

    def step(run: Run) -> None:
        uri = method(run)
        given = tuple(options(run)) if options else ()
        problem = _method_problem(uri) or next(filter(None, map(_option_problem, given)), "")
        if problem:
            raise run.failure(problem)
        action = Notify(
            method=uri,
            message=message(run) if message else "",
            from_address=sender(run),
            importance=int(importance(run) or _USUAL_IMPORTANCE),
            options=given,
            fcc=copy(run),
        )
        decide(run, action)

    return step


def _check_constants(call: Call) -> None:
    uri = call.constant(0)
    if uri is not None and (problem := _method_problem(uri)):
        if _SCHEME.match(uri) and not _is_mailto(uri):
            # A script may ask valid_notify_method first: an error only when it comes to it
            # (RFC 5435 section 3.2).
            call.warn(problem)
        else:
            call.wrong(problem, 0)
    elif uri is not None and not parse_mailto(uri).to:
        call.warn(f'"{uri}" names nobody to notify')
    if call.has("options"):
        for option in call.constants("options") or ():
            if problem := _option_problem(option):
                call.wrong(problem, "options")


def _checked(call: Call, name: str, problem_of: Callable[[str], str]) -> Callable[[Run], str]:
    """Compile the string of a tag, "" when it was not given."""
    if not call.has(name):
        return lambda run: ""
    constant = call.constant(name)
    if constant is not None and (problem := problem_of(constant)):
        call.wrong(problem, name)
    text = call.text(name)

    def at_run(run: Run) -> str:
        found = text(run)
        if problem := problem_of(found):
            raise run.failure(problem)
        return found

    return at_run


def _method_problem(uri: str) -> str:
    """Why nobody can be notified so, or ""."""
    if not _is_mailto(uri):
        match = _SCHEME.match(uri)
        if match is None:
            return f'"{uri[:80]}" is not a URI: write it like "mailto:bob@example.com"'
        return f'"{match[0]}" is not a way to notify here: use "mailto:"'
    try:
        parse_mailto(uri)
    except BadMailto as error:
        return str(error)
    return ""


def _is_mailto(uri: str) -> bool:
    return uri[: len(SCHEME)].lower() == SCHEME


def _from_problem(text: str) -> str:
    if parse_outbound(text) is not None:
        return ""
    return f'"{text[:320]}" cannot be the :from of a notification: write it like "bob@example.com"'


def _importance_problem(text: str) -> str:
    return "" if text in _IMPORTANCES else f'"{text[:80]}" is no :importance: use "1", "2" or "3"'


def _option_problem(text: str) -> str:
    if _OPTION.fullmatch(text):
        return ""
    return f'"{text[:80]}" cannot be one of the :options: write it like "name=value"'


def _valid_notify_method(call: Call) -> Test:
    uris = call.texts(0)
    return lambda run: not any(_method_problem(uri) for uri in uris(run))


def _notify_method_capability(call: Call) -> Test:
    uri = call.text(0)
    capability = call.text(1)
    match = matcher(call, 2)

    def test(run: Run) -> bool:
        if _method_problem(uri(run)) or capability(run).lower() != "online":
            return False
        return match(run, ("maybe",))  # who is to say, of mail (RFC 5436 section 2.2)

    return test


DEFINITIONS = (
    Definition(
        "notify",
        "action",
        _notify,
        takes=(Shape.STRING,),
        tags=(
            Tag("from", Shape.STRING),
            Tag("importance", Shape.STRING),
            Tag("options", Shape.STRINGS),
            Tag("message", Shape.STRING),
            *FCC_TAGS,
        ),
        extension="enotify",
    ),
    Definition(
        "valid_notify_method",
        "test",
        _valid_notify_method,
        takes=(Shape.STRINGS,),
        extension="enotify",
    ),
    Definition(
        "notify_method_capability",
        "test",
        _notify_method_capability,
        takes=(Shape.STRING, Shape.STRING, Shape.STRINGS),
        tags=MATCH_TAGS,
        extension="enotify",
    ),
)

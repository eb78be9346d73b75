"""The script that a form becomes: the same engine runs it as any script of the user's."""

from collections.abc import Iterable, Iterator, Sequence

from postroom.autoreply.entity import text_entity
from postroom.autoreply.form import Away, BadForm, Form, Reply, check, window
from postroom.autoreply.known import LIST
from postroom.sieve.limits import LIMITS

_HEAD = "# Made of the settings of this account: change it there, not here."
_END = "\r\n"


def script_of(form: Form, domains: Iterable[str] = ()) -> str:
    """The Sieve script of a form, "" when it asks for nothing. CRLF line ends. Raises BadForm.

    *domains*: the user's own and its alias domains, as senders *inside* write them.
    """
    check(form)
    blocks: list[str] = []
    needed: set[str] = set()
    if form.away is not None and form.away.enabled:
        _away(form.away, sorted(set(domains)), blocks, needed)
    if not blocks:
        return ""
    require = [f"require {_strings(sorted(needed))};", ""] if needed else []
    return _END.join([_HEAD, *require, *blocks, ""])


def _away(away: Away, domains: Sequence[str], blocks: list[str], needed: set[str]) -> None:
    outside = _answer(away, away.outside)
    inside = outside if away.inside == "same" else _answer(away, away.inside)
    if inside != outside and domains:
        needed.add("envelope")
        is_inside = f'envelope :domain "from" {_strings(domains)}'
        answer = _if(is_inside, inside, outside) if inside else _if(f"not {is_inside}", outside)
    else:
        answer = outside
    if not answer:
        return
    needed.add("vacation-seconds")  # and with it vacation (RFC 6131 section 2)
    tests = list(_tests(away, needed))
    blocks.append(_if(f"allof ({', '.join(tests)})", answer) if tests else answer)


def _if(test: str, block: str, otherwise: str = "") -> str:
    rest = f" else {{{_END}{otherwise}{_END}}}" if otherwise else ""
    return f"if {test} {{{_END}{block}{_END}}}{rest}"


def _tests(away: Away, needed: set[str]) -> Iterator[str]:
    # Compared in UTC: an offset, which is all that :zone can be (RFC 5260 section 4.1), changes
    # with summer time. As text, because dates of this form sort in their order.
    for sign, moment in zip(("ge", "lt"), window(away), strict=True):
        if moment is not None:
            needed |= {"date", "relational"}
            text = quoted(moment.strftime("%Y-%m-%dT%H:%M:%S"))
            yield f'currentdate :zone "+0000" :value "{sign}" "iso8601" {text}'
    if away.only_known:
        needed |= {"envelope", "extlists"}
        yield f'envelope :list "from" "{LIST}"'


def _answer(away: Away, reply: Reply | None) -> str:
    if reply is None:
        return ""
    words = [f"vacation :seconds {away.interval}"]
    if reply.subject:
        words.append(f":subject {quoted(' '.join(reply.subject.split()))}")
    if away.addresses:
        words.append(f":addresses {_strings(away.addresses)}")
    text = reply.text
    if reply.html:
        words.append(":mime")
        text = text_entity(reply.text, reply.html).decode("ascii")
    if len(text) > LIMITS.reason:
        raise BadForm("text and HTML are too long to be sent together")
    return " ".join([*words, quoted(text)]) + ";"


def _strings(texts: Iterable[str]) -> str:
    return f"[{', '.join(map(quoted, texts))}]"


def quoted(text: str) -> str:
    """A Sieve string that stands for the text (RFC 5228 section 8.1, rule quoted-string).

    Line ends become CRLF. NUL and halves of surrogate pairs, which no script can hold, are left
    out. Nothing else needs care: neither variables nor encoded characters are required.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n").replace("\0", "")
    text = text.encode("utf-8", "ignore").decode()
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'

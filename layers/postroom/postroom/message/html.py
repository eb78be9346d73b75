"""HTML as plain text, for search and previews: linear, simple, not for display."""

import html
import re

# What is not shown. Each alternative ends at its end mark, or with the text: both are linear.
_FLAGS = re.IGNORECASE | re.ASCII  # without ASCII, a long s would begin a "script" too
_HIDDEN_START = re.compile(r"<(?:(!--)|(script|style|head|title|template)\b[^<>]*>?)", _FLAGS)
_HIDDEN_END = {
    name: re.compile(rf"</{name}\s*>", _FLAGS)
    for name in ("script", "style", "head", "title", "template")
}
_TAG = re.compile(r"<(/?[A-Za-z][A-Za-z0-9]*)[^<>]*>|<[!?][^<>]*>")
_BLOCKS = re.compile(
    r"</?(?:p|br|div|tr|td|th|li|ul|ol|table|h[1-6]|hr|blockquote|pre|section|article)\b",
    _FLAGS,
)
_SPACE = re.compile(r"[ \t\r\n\f\xa0]+")


def html_to_text(text: str) -> str:
    """Return the text of a piece of HTML, white space as single spaces and block ends as lines."""
    shown = _TAG.sub(_mark, _without_hidden(text))
    lines = [_SPACE.sub(" ", html.unescape(line)).strip() for line in shown.split("\x00")]
    return "\n".join([line for line in lines if line])


def _mark(tag: "re.Match[str]") -> str:
    return "\x00" if _BLOCKS.match(tag[0]) else ""


def _without_hidden(text: str) -> str:
    text = text.replace("\x00", "")
    kept = []
    position = 0
    unclosed = False
    while match := _HIDDEN_START.search(text, position):
        kept.append(text[position : match.start()])
        position = match.end()
        name = "!--" if match[1] else match[2].lower()
        if name == "head" and unclosed:
            continue
        if name == "!--":
            end = text.find("-->", position)
            position = end + 3 if end >= 0 else len(text)
            continue
        closing = _HIDDEN_END[name].search(text, position)
        if closing is not None:
            position = closing.end()
        elif name == "head":  # the text comes without an end of the head: it is looked for once
            unclosed = True
        else:
            position = len(text)
    kept.append(text[position:])
    return "".join(kept)

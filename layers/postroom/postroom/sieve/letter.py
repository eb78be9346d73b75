"""The message as a script sees it: its header, its parts, and what the script made of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property

from postroom.message.headers import end_of_header
from postroom.sieve.header import Header
from postroom.sieve.parts import LONGEST, MimePart


class Letter:
    """A message, immutable: an edit returns another letter, which shares what was read so far.

    Several runs may use one letter, one after the other or at once. The text is the message as it
    came, header first; line ends are CRLF. Nothing is parsed before a test asks for it.
    """

    def __init__(self, text: bytes) -> None:
        self.original = text
        self.added = 0  # octets that edits put in
        self._source = _Source(text)
        self._header: Header | None = None  # when it was edited
        self._replaced: Mapping[MimePart, MimePart] = {}
        self._enclosed: Letter | None = None

    # What tests ask for.

    @property
    def size(self) -> int:
        """Octets, edits included (RFC 5228 section 5.9, RFC 5293 section 7)."""
        if self._replaced or "text" in self.__dict__:
            return len(self.text)
        source = self._source
        return len(source.text) + len(self.header.octets) - len(source.header.octets)

    def values(self, name: str) -> Sequence[str]:
        """Values of every field of that name (lower case), in order: unfolded, trimmed, with
        encoded words decoded (RFC 5228 section 2.4.2.2)."""
        return self.header.values(name)

    @property
    def header(self) -> Header:
        return self._header or self._source.header

    @property
    def root(self) -> MimePart:
        """The message as a MIME part; `current` and the like tell what it has become."""
        return self._source.root

    def current(self, part: MimePart) -> MimePart:
        """What a part was replaced by, or itself."""
        while part in self._replaced:
            part = self._replaced[part]
        return part

    def header_of(self, part: MimePart) -> Header:
        part = self.current(part)
        return self.header if part is self.root else part.header

    def within(self, part: MimePart) -> Iterator[MimePart]:
        """A part and all within it as they are now, depth first."""
        waiting = [part]
        while waiting:
            part = self.current(waiting.pop())
            yield part
            waiting += reversed(part.children)

    @cached_property
    def body(self) -> str | None:
        """All after the empty line, undecoded; None when there is no empty line (RFC 5173
        section 4). Octets that are not UTF-8 become U+FFFD. Of a very long one, the beginning."""
        start = end_of_header(self.text)
        last = self.text[max(start - 3, 0) : start]
        if last.endswith((b"\n\r\n", b"\n\n")) or last in (b"\r\n", b"\n"):
            return self.text[start : start + LONGEST].decode("utf-8", "replace")
        return None

    # What becomes of the message.

    @cached_property
    def text(self) -> bytes:
        """The message as it is now."""
        source = self._source
        if not self._replaced:
            if self._header is None:
                return source.text
            return self._header.octets + source.text[len(source.header.octets) :]
        start = len(source.header.octets)
        return self.header.octets + b"".join(self._pieces(_laid_out(self.root, start)))

    def text_of(self, part: MimePart) -> bytes:
        """A part as it is now, its header and what was replaced in it included."""
        current = self.current(part)
        if current is self.current(self.root):
            return self.text
        return b"".join(self._pieces(_laid_out(current, current.part.header)))

    @property
    def edited(self) -> bytes | None:
        """The text as the script has made it, or None when it is as it came."""
        return None if self.text == self.original else self.text

    @property
    def redirected(self) -> bytes | None:
        """The same without what encloses it: `redirect` sends that (RFC 5703 section 6)."""
        return self.edited if self._enclosed is None else self._enclosed.redirected

    # Edits.

    def with_header(self, header: Header, added: int = 0) -> "Letter":
        """With another header; *added* octets count towards the limit."""
        other = self._copy(self._source, added)
        other._header = header
        return other

    def with_part(self, part: MimePart, replacement: MimePart, added: int = 0) -> "Letter":
        """With a part in place of another, which is not the root."""
        other = self._copy(self._source, added)
        other._header = self._header
        other._replaced = {**self._replaced, self.current(part): replacement}
        return other

    def with_text(self, text: bytes, added: int) -> "Letter":
        """Written anew. Who is at the old root is at the new one."""
        other = self._copy(_Source(text), added)
        other._replaced = {**self._replaced, self.current(self.root): other.root}
        return other

    def within_text(self, text: bytes, added: int) -> "Letter":
        """Enclosed in a message of which it is a part."""
        other = self.with_text(text, added)
        other._enclosed = self
        return other

    def _copy(self, source: "_Source", added: int) -> "Letter":
        other = Letter(self.original)
        other.added = self.added + added
        other._source = source
        other._replaced = self._replaced
        other._enclosed = self._enclosed
        return other

    def _pieces(self, layout: Iterable[bytes | MimePart]) -> Iterator[bytes]:
        """The octets, with the parts that were replaced."""
        waiting = [*layout][::-1]
        while waiting:
            piece = waiting.pop()
            if isinstance(piece, bytes):
                yield piece
                continue
            current = self.current(piece)
            if current is not piece and waiting and not _begins_line(waiting[-1]):
                # The part had no body: the line end before the boundary ended its header.
                waiting.append(b"\r\n")
            waiting += [*_laid_out(current, current.part.header)][::-1]


class _Source:
    """A text with what was read of it, shared by letters that came of one another."""

    def __init__(self, text: bytes) -> None:
        self.text = text

    @cached_property
    def header(self) -> Header:
        return Header.of(self.text)

    @cached_property
    def root(self) -> MimePart:
        return MimePart.read(self.text)


def _laid_out(part: MimePart, start: int) -> Iterator[bytes | MimePart]:
    """The octets of a part from an offset on, with its children between them."""
    for child in part.children:
        yield part.source[start : child.part.header]
        yield child
        start = child.part.end
    yield part.source[start : part.part.end]


def _begins_line(piece: bytes | MimePart) -> bool:
    return not isinstance(piece, bytes) or piece[:1] in b"\r\n"

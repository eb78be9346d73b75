"""Finding the parts of a message: one pass over its octets, in linear time, never an error.

RFC 2046 section 5.1.1 says what a boundary is. Each open multipart keeps the offset of its next
boundary line, found by ``bytes.find``; nothing is searched twice for one multipart, so that the
work is at most the depth limit times the size, at the speed of memory.

What broken mail means is decided as in Dovecot 2.3, so that clients see one truth:

* a line is a boundary when it begins with it (RFC 2046); of several, the longest one wins;
* the end of a message, or an outer boundary, ends all parts inside it;
* a multipart inside of which no boundary is found has no children;
* a boundary within a part's header ends that part.
"""

from postroom.message.entity import Entity
from postroom.message.headers import end_of_header
from postroom.message.structure import Part

DEEPEST = 100  # containers within each other; below that a part is opaque
MOST_PARTS = 10_000  # the last one reaches to the end of the message
_LONGEST_BOUNDARY = 80  # of which RFC 2046 allows 70; Dovecot compares as many


class _Multipart:
    """An open multipart: its delimiter line and where that is found next."""

    __slots__ = ("delimiter", "entity", "next", "searched")

    def __init__(self, entity: Entity, delimiter: bytes) -> None:
        self.entity = entity
        self.delimiter = delimiter
        self.next = -1
        self.searched = 0  # no boundary begins before this offset, but for the one at `next`


def scan(message: bytes) -> Part:
    """Return where the parts of a message lie. Never raises."""
    return scan_entity(message).as_part()


def scan_entity(message: bytes) -> Entity:
    """Return the tree of parts with their MIME fields, as ENVELOPE and BODYSTRUCTURE need it."""
    return _Scanner(message).run()


class _Scanner:
    def __init__(self, message: bytes) -> None:
        self._message = message
        self._size = len(message)
        self._open: list[_Multipart] = []  # the innermost is last
        self._path: list[Entity] = []  # every container that is still open
        self._parts = 0
        self._lines = 0  # line ends before _counted
        self._counted = 0

    def run(self) -> Entity:
        root = Entity("", 0)
        self._enter(root, False)
        position = root.body
        while self._open:
            # The empty line that ends a header is also the line end before a boundary.
            found = self._next_boundary(max(position - 1, 0))
            if found is None:
                break
            multipart, start = found
            entity = multipart.entity
            after = start + len(multipart.delimiter)
            is_last = self._message.startswith(b"--", after)
            if self._parts >= MOST_PARTS and not is_last:
                break
            self._close_to(multipart, start)
            if is_last:
                self._open.pop()
                position = after
                continue
            line_end = self._message.find(b"\n", after)
            if line_end < 0:
                break
            position = line_end + 1
            child = Entity(entity.number_of_child(), position)
            entity.children.append(child)
            self._enter(child, entity.is_digest)
            position = child.body
        self._close_all()
        return root

    def _enter(self, entity: Entity, in_digest: bool) -> None:
        """Read the header of a part that begins here, and of the message within it."""
        message = self._message
        while True:
            self._parts += 1
            start = entity.header
            found = self._next_boundary(max(start - 1, 0)) if self._open else None
            # A header may be cut by a boundary; its last line end is then still its own.
            limit = self._size if found is None else min(found[1] + 1, self._size)
            entity.body = end_of_header(message, start, limit)
            is_cut = found is not None and not message.endswith(
                (b"\n\n", b"\n\r\n"), start - 1, entity.body
            )
            entity.read_header(message, in_digest)
            entity.first_line = self._lines_before(entity.body)
            self._path.append(entity)
            in_digest = False
            if len(self._path) >= DEEPEST:
                if entity.is_multipart or entity.is_message:
                    entity.make_opaque()
                return
            if entity.is_multipart:
                delimiter = entity.boundary
                if delimiter is not None and not is_cut:
                    self._open.append(_Multipart(entity, b"\n--" + delimiter[:_LONGEST_BOUNDARY]))
                return
            if not entity.is_message or self._parts >= MOST_PARTS:
                return
            inner = Entity(entity.number, entity.body)
            entity.children.append(inner)
            entity = inner

    def _next_boundary(self, position: int) -> tuple[_Multipart, int] | None:
        """Return the multipart whose boundary comes next at or after *position*, and where.

        Where is the line end before the boundary, which belongs to it.
        """
        message = self._message
        best = None
        limit = self._size
        for multipart in self._open:
            at = multipart.next
            if at < position:
                start = max(position, multipart.searched)
                if start > limit:
                    continue
                at = message.find(multipart.delimiter, start, limit + len(multipart.delimiter))
                multipart.next = at
                if at < 0:
                    multipart.searched = limit + 1
                    continue
            # Of several at one place the longest wins, then the innermost.
            if at < limit or (
                best and len(multipart.delimiter) >= len(best.delimiter) and at == limit
            ):
                limit = at
                best = multipart
        return None if best is None else (best, limit)

    def _close_to(self, multipart: _Multipart, start: int) -> None:
        """A boundary of *multipart* at *start* ends every part within it."""
        while self._open[-1] is not multipart:
            self._open.pop()
        end = self._before(start)
        while (entity := self._path[-1]) is not multipart.entity:
            self._path.pop()
            self._finish(entity, end)

    def _close_all(self) -> None:
        while self._path:
            self._finish(self._path.pop(), self._size)

    def _finish(self, entity: Entity, end: int) -> None:
        entity.end = max(end, entity.body)
        if entity.children:
            entity.end = max(entity.end, entity.children[-1].end)
        entity.lines = self._lines_before(entity.end) - entity.first_line

    def _before(self, line_end: int) -> int:
        """Return where the CRLF, or the bare LF, at *line_end* begins."""
        return line_end - 1 if line_end and self._message[line_end - 1] == 13 else line_end

    def _lines_before(self, position: int) -> int:
        if position > self._counted:
            self._lines += self._message.count(b"\n", self._counted, position)
            self._counted = position
            return self._lines
        return self._lines - self._message.count(b"\n", position, self._counted)

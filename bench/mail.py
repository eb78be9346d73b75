"""Mail as people send it: every message another sender, subject and body; two parts."""

_WORDS = tuple(
    b"the report you asked for is attached please look at page four before Thursday and tell "
    b"everybody who has worked on it what you think of our new figures because we would like to "
    b"print them soon".decode().split()
)
_LINE = 12  # words

OCTETS = 4096  # of a usual message


def message(
    number: int, octets: int, recipient: str = "someone@example.test", author: str = ""
) -> bytes:
    """Return message *number*, of exactly *octets* octets (at least 1,500), lines under CRLF."""
    author = author or f"sender{number % 97}@example.org"
    boundary = f"=_part_{number:08x}_{number * 7919 % 65521:x}"
    day = f"{1 + number % 28:02} Nov 2026 {number // 60 % 24:02}:{number % 60:02}:07 +0100"
    head = (
        f"Received: from out{number % 9}.example.org (out{number % 9}.example.org [192.0.2.9])\r\n"
        f"\tby mx.example.net with ESMTPS id {number:08X}; {day}\r\n"
        f"From: =?utf-8?q?J=C3=BCrgen_{number % 97}?= <{author}>\r\n"
        f'To: "Team {number % 13}" <{recipient}>, Carol <carol@example.net>\r\n'
        f"Cc: dave{number % 31}@example.com\r\n"
        f"Subject: Re: figures {number} {_WORDS[number % len(_WORDS)]} of this quarter\r\n"
        f"Date: {day}\r\nMessage-ID: <{number}.{number * 31 % 99991}@example.org>\r\n"
        f"In-Reply-To: <{number - 1}.{(number - 1) * 31 % 99991}@example.org>\r\n"
        f"References: <{number - 2}.{(number - 2) * 31 % 99991}@example.org>\r\n"
        f"\t<{number - 1}.{(number - 1) * 31 % 99991}@example.org>\r\n"
        "MIME-Version: 1.0\r\nX-Mailer: Postbench 1.0\r\n"
        f'Content-Type: multipart/alternative; boundary="{boundary}"\r\n\r\n'
        f"--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    ).encode()
    between = (
        f"\r\n--{boundary}\r\nContent-Type: text/html; charset=utf-8\r\n"
        "Content-Transfer-Encoding: 7bit\r\n\r\n<p>\r\n"
    ).encode()
    end = f"\r\n--{boundary}--\r\n".encode()
    rest = octets - len(head) - len(between) - len(end)
    return head + _text(number, rest // 2) + between + _text(number + 1, rest - rest // 2) + end


def _text(number: int, octets: int) -> bytes:
    lines = [
        " ".join(_WORDS[(number + start + word) % len(_WORDS)] for word in range(_LINE))
        for start in range(0, 12 * 13, 13)
    ]
    block = ("\r\n".join(lines) + "\r\n").encode()
    text = (block * (octets // len(block) + 1))[:octets]
    # Cut anywhere, a line may end in half a CRLF.
    return text[:-1] + b"." if text.endswith(b"\r") else text

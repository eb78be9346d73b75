"""The messages that costs are counted with: of the usual kinds and sizes, always the same."""

import hashlib

_TEXT = (
    "Thank you for the draft. I went through it on the train and have three remarks: the second "
    "section could come first, the table lacks its units, and the last figure is still the old "
    "one. Otherwise it is ready to go out on Thursday. Shall we talk for a moment tomorrow?\r\n"
)
_HTML = '<html><body><p style="font-family: sans-serif">{}</p></body></html>\r\n'


def letter(number: int, address: str) -> bytes:
    """Six of ten are answers in plain text, three have text and HTML, one has an attachment."""
    name = hashlib.sha256(str(number).encode()).hexdigest()
    header = (
        "Received: from mail-ej1-f41.sender.example (mail-ej1-f41.sender.example [192.0.2.41])\r\n"
        "\tby mx.example.test (Postroom) with ESMTPS id 1m86t8k38g20812qy91d1q\r\n"
        f"\tfor <{address}>; Tue, 24 Nov 2026 12:00:00 +0000 (UTC)\r\n"
        "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=sender.example; s=s2026;\r\n"
        f"\th=from:to:subject:date:message-id; bh={name[:43]}=;\r\n"
        f"\tb={name * 5}==\r\n"
        f"From: Robert Sender <robert.sender{number}@sender.example>\r\n"
        f"To: Alice Receiver <{address}>\r\n"
        f"Subject: Re: Draft of the quarterly report, version {number}\r\n"
        "Date: Tue, 24 Nov 2026 12:59:58 +0100\r\n"
        f"Message-ID: <CA{name[:52]}@mail.sender.example>\r\n"
        f"In-Reply-To: <{name[8:40]}@example.test>\r\n"
        f"References: <{name[16:48]}@example.test> <{name[8:40]}@example.test>\r\n"
        "MIME-Version: 1.0\r\n"
    )
    kind = number % 10
    if kind < 6:
        plain = "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n"
        return (header + plain + _TEXT * (2 + kind)).encode()
    parts = [
        ("text/plain; charset=utf-8", _TEXT * 4),
        ("text/html; charset=utf-8", _HTML.format(_TEXT * 20)),
    ]
    if kind == 9:
        parts.append(('application/pdf; name="report.pdf"', f"{name}\r\n" * 1500))
    outer = "mixed" if kind == 9 else "alternative"
    body = "".join(f"--{name[:28]}\r\nContent-Type: {what}\r\n\r\n{text}" for what, text in parts)
    boundary = f'Content-Type: multipart/{outer}; boundary="{name[:28]}"\r\n\r\n'
    return (header + boundary + body + f"--{name[:28]}--\r\n").encode()

"""Messages that the scripts of this folder are tried on."""

_PLAIN = b"""\
Return-Path: <sender@example.org>
Received: from mx.example.org by mx.example.test; Mon, 23 Nov 2026 10:00:02 +0100
Received: from laptop by mx.example.org; Mon, 23 Nov 2026 09:59:58 +0100
From: "Coyote, Wile E." <coyote@Desert.example.org>
To: Road Runner <roadrunner+mail@acme.example.com>, "B" <b@example.test>
Cc: tim@example.com (Tim's comment), undisclosed: x@group.example, y@group.example;
Subject: Re: [acme-users] $$$ MAKE MONEY FAST!!!
Date: Mon, 23 Nov 2026 09:59:57 +0100
Message-ID: <1234@desert.example.org>
X-Priority: 3
X-Spam-Score: 4.5
X-Empty:
List-Id: Acme users <users.acme.example.com>
X-Folded: one
 two
\tthree
X-Many: alpha
X-Many: beta
X-Many: gamma
X-Spaces:   padded with spaces\x20\x20

Hello Road Runner,

this is the *body* of the message.
"""

_ENCODED = b"""\
From: =?utf-8?q?J=C3=BCrgen_M=C3=BCller?= <juergen@example.de>
To: =?iso-8859-1?q?Andr=E9?= <andre@example.fr>
Subject: =?utf-8?B?R3LDvMOfZSA=?= =?utf-8?Q?aus_K=C3=B6ln?=
X-Mixed: before =?utf-8?q?=E2=82=AC?= after
X-Broken: =?utf-8?q?unfinished
X-Lower: =?UTF-8?b?w6Q=?=
Date: 23 Nov 2026 23:30:00 -0500
Message-ID: <enc@example.de>
MIME-Version: 1.0
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

Sch=F6ne Gr=FC=
=DFe
"""

_MULTIPART = b"""\
From: multi@example.test
To: b@example.test
Subject: parts
Date: Tue, 24 Nov 2026 12:00:00 +0000
Message-ID: <multi@example.test>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="outer"

preamble text
--outer
Content-Type: multipart/alternative; boundary=inner

--inner
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: base64

UGxhaW4gYnV0dGVyZmx5
--inner
Content-Type: text/html; charset=us-ascii

<html><body><p>Html <b>moth</b></p></body></html>
--inner--
--outer
Content-Type: application/pdf; name="report.pdf"
Content-Disposition: attachment; filename="report.pdf"
Content-Transfer-Encoding: base64

JVBERi0xLjQK
--outer
Content-Type: message/rfc822

From: nested@example.test
Subject: nested subject
Content-Type: text/plain

Nested beetle
--outer
Content-Type: image/png
X-Part: yes

not really
--outer--
epilogue text
"""

_ODD = b"""\
From: first@example.test, second@example.test
From: third@example.test
To: "quoted local"@example.test, <@route.test:via@example.test>
To: not an address
Cc: MixedCase@EXAMPLE.TEST
Subject:
Reply-To: <>
Sender: "no angle" lonely
Resent-To: resent@example.test
X-Number: 42
X-Numbers: 7
X-Numbers: 0042
X-Numbers: 100 apples
X-Numbers: none
X-Glob: a*b?c\\d
Date: garbage

"""

_LIST = b"""\
From: owner-ietf-mta-filters@example.org
Sender: owner-ietf-mta-filters@example.org
To: ietf-mta-filters@example.org
Subject: [ietf] a list message
Date: Sat, 31 Oct 2026 23:59:60 +0000
List-Post: <mailto:ietf-mta-filters@example.org>
Precedence: list
Message-ID: <list-1@example.org>
Disposition-Notification-To: mel@example.com

x
"""

LETTERS = {
    name: text.replace(b"\n", b"\r\n")
    for name, text in {
        "plain": _PLAIN,
        "encoded": _ENCODED,
        "multipart": _MULTIPART,
        "odd": _ODD,
        "list": _LIST,
    }.items()
}

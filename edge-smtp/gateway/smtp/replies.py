"""Replies: code, enhanced code (RFC 2034, RFC 3463), sentence. Ready as octets, CRLF included."""

from postroom.errors import BadSyntax


def reply(code: int, enhanced: str, text: str) -> bytes:
    """One line. Greetings, EHLO and 354 carry no enhanced code (RFC 2034 section 4)."""
    return f"{code} {enhanced} {text}\r\n".encode() if enhanced else f"{code} {text}\r\n".encode()


def lines(code: int, texts: list[str]) -> bytes:
    """Several lines without enhanced codes, as EHLO answers (RFC 5321 section 4.2.1)."""
    head = "".join(f"{code}-{text}\r\n" for text in texts[:-1])
    return f"{head}{code} {texts[-1]}\r\n".encode()


def bad_parameter(error: BadSyntax) -> bytes:
    """Name the rule, not what was found: that is the client's text, and may be anything."""
    return reply(501, "5.5.4", f"Bad parameter, expected {error.rule} ({error.reference})")


def not_your_address(address: str, where: str) -> bytes:
    """*address* is the client's text, but parsed: it holds no line end."""
    shown = address.encode("ascii", "backslashreplace").decode()[:200]
    return reply(550, "5.7.1", f"You may not send as {shown} ({where}): no address of yours")


# While it goes well.
OK = reply(250, "2.0.0", "Ok")
SENDER_OK = reply(250, "2.1.0", "Ok")
RECIPIENT_OK = reply(250, "2.1.5", "Ok")
GO_AHEAD = reply(354, "", "End data with <CR><LF>.<CR><LF>")
START_TLS = reply(220, "2.0.0", "Ready to start TLS")
GOODBYE = reply(221, "2.0.0", "Bye")
CANNOT_VERIFY = reply(252, "2.5.0", "Cannot verify, send some mail and I will try my best")
AUTHENTICATED = reply(235, "2.7.0", "Authentication successful")

# Commands out of order, or wrong in themselves.
UNKNOWN_COMMAND = reply(500, "5.5.1", "Command not recognized")
NOT_IMPLEMENTED = reply(502, "5.5.1", "Command not implemented")
LINE_TOO_LONG = reply(500, "5.5.6", "Line too long")
BARE_CR = reply(500, "5.5.2", "Bare CR in a command, lines end in CRLF")
BARE_LF = reply(500, "5.5.2", "Bare LF in a command, lines end in CRLF; closing connection")
NUL_IN_COMMAND = reply(500, "5.5.2", "NUL in a command")
NO_ARGUMENT = reply(501, "5.5.4", "This command takes no argument")
BAD_HELLO = reply(501, "5.5.4", "Syntax: EHLO hostname")
BAD_MAIL = reply(501, "5.5.2", "Syntax: MAIL FROM:<address> [parameters]")
BAD_RCPT = reply(501, "5.5.2", "Syntax: RCPT TO:<address> [parameters]")
UNKNOWN_PARAMETER = reply(555, "5.5.4", "Parameter not recognized or not implemented")
BAD_BDAT = reply(501, "5.5.4", "Syntax: BDAT size [LAST]")
BAD_VRFY = reply(501, "5.5.4", "Syntax: VRFY address")
BAD_SENDER = reply(501, "5.1.7", "Bad sender address syntax")
BAD_RECIPIENT = reply(501, "5.1.3", "Bad recipient address syntax")
NEEDS_SMTPUTF8 = reply(553, "5.6.7", "Address is not ASCII and SMTPUTF8 was not asked for")
NEEDS_EHLO = reply(503, "5.5.1", "Send EHLO or HELO first")
NEEDS_MAIL = reply(503, "5.5.1", "Need MAIL first")
NEEDS_RCPT = reply(503, "5.5.1", "Need RCPT first")
NO_VALID_RECIPIENTS = reply(554, "5.5.1", "No valid recipients")
NESTED_MAIL = reply(503, "5.5.1", "Nested MAIL, send RSET first")
AFTER_BDAT = reply(503, "5.5.1", "A message is being sent by BDAT, end it with LAST or send RSET")
TLS_ACTIVE = reply(503, "5.5.1", "TLS is active already")
TLS_NOT_AVAILABLE = reply(454, "4.7.0", "TLS not available")
TLS_INJECTION = reply(554, "5.5.1", "Commands after STARTTLS before the handshake; closing")
EARLY_TALKER = reply(554, "5.5.1", "You spoke before the greeting")

# What we do not take.
UNKNOWN_RECIPIENT = reply(550, "5.1.1", "No such user here")
RELAYING_DENIED = reply(550, "5.7.1", "Relaying denied")
DISABLED_RECIPIENT = reply(550, "5.2.1", "Mailbox disabled")
MAILBOX_FULL = reply(452, "4.2.2", "Mailbox full")
TOO_MANY_RECIPIENTS = reply(452, "4.5.3", "Too many recipients")
TOO_LARGE = reply(552, "5.3.4", "Message is over the size limit")
BARE_LINE_ENDING = reply(550, "5.6.11", "Bare CR or LF in the message")
LINE_OF_TEXT_TOO_LONG = reply(550, "5.6.0", "A line of the message is too long")
MAIL_LOOP = reply(554, "5.4.6", "Too many hops, mail loop?")
STORE_DOWN = reply(451, "4.3.0", "Cannot store now, try again later")
DIRECTORY_DOWN = reply(451, "4.3.0", "Cannot look up the recipient now, try again later")
TOO_MANY_MESSAGES = reply(450, "4.7.1", "Too many messages from your address, try again later")

# Submission (RFC 6409, RFC 4954 section 6).
NEEDS_AUTH = reply(530, "5.7.0", "Authentication required")
NEEDS_TLS = reply(530, "5.7.0", "Must issue a STARTTLS command first")
AUTH_NEEDS_TLS = reply(538, "5.7.11", "Encryption required for requested authentication mechanism")
BAD_AUTH = reply(501, "5.5.4", "Syntax: AUTH mechanism [initial-response]")
UNKNOWN_MECHANISM = reply(504, "5.5.4", "Authentication mechanism not available")
AUTH_TWICE = reply(503, "5.5.1", "Already authenticated")
AUTH_CANCELLED = reply(501, "5.7.0", "Authentication cancelled")
AUTH_NOT_UNDERSTOOD = reply(501, "5.5.2", "Cannot understand the authentication response")
WRONG_CREDENTIALS = reply(535, "5.7.8", "Authentication credentials invalid")
AUTH_NOT_NOW = reply(454, "4.7.0", "Temporary authentication failure, try again later")
SENDER_LOOKUP_DOWN = reply(451, "4.3.0", "Cannot look up your sender rights now, try again later")
COUNTS_DOWN = reply(451, "4.3.0", "Cannot count your messages now, try again later")
ACCOUNT_GONE = reply(530, "5.7.0", "Your account is disabled")
NO_LITERALS = reply(550, "5.1.2", "Address literals are not supported, use a domain name")
NOT_QUALIFIED = reply(554, "5.1.2", "The domain of the address is not fully qualified")
UNREADABLE_FROM = reply(550, "5.7.1", "The From field names no address")
TOO_MANY_AUTHORS = reply(550, "5.7.1", "The From field names too many addresses")
HEADER_TOO_LARGE = reply(552, "5.3.4", "The header of the message is over the size limit")
HOLD_TOO_LONG = reply(501, "5.5.4", "Held for longer than FUTURERELEASE allows (RFC 4865)")
HELD_BEYOND_DEADLINE = reply(501, "5.5.4", "Held until after its BY deadline (RFC 4865, RFC 2852)")

# Before we hang up.
TOO_MANY_ERRORS = reply(421, "4.7.0", "Too many errors")
TIMED_OUT = reply(421, "4.4.2", "Timed out waiting for you")
SHUTTING_DOWN = reply(421, "4.3.2", "Shutting down, try again later")
INTERNAL_ERROR = reply(421, "4.3.0", "Internal error, try again later")
SESSION_FULL = reply(421, "4.7.0", "Enough messages for one connection, please reconnect")

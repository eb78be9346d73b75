"""Mail that leaves through the API of a service (Amazon SES) instead of SMTP."""

import logging
from collections.abc import Callable

from postroom.errors import PostroomError
from postroom.platform.mailer import Mailer, MailerRefused
from postroom.relay.entries import Entry
from postroom.relay.parcel import Delivered, Outcome
from postroom.relay.settling import is_returned_when_late, same_for_all

log = logging.getLogger(__name__)


def hand_to_service(service: Callable[[], Mailer], entry: Entry, content: bytes) -> Delivered:
    """Send one message through an API that takes whole ones; it has no DSN, no other options."""
    if (refused := _beyond_a_service(entry)) is not None:
        return Delivered(same_for_all(entry, refused))
    mailer = service()
    outcomes: dict[str, Outcome] = {}
    message = entry.prefix + content
    addresses = [goal.address for goal in entry.goals]
    for start in range(0, len(addresses), mailer.most_recipients):
        some = addresses[start : start + mailer.most_recipients]
        try:
            if len(message) > mailer.largest_message:
                raise MailerRefused(
                    f"The message has {len(message)} octets, the service takes "
                    f"{mailer.largest_message}.",
                    permanent=True,
                )
            name = mailer.send(entry.reverse_path, some, message)
            outcome = Outcome("relayed", "2.0.0", f"The mail service took it as {name}.")
        except MailerRefused as error:
            outcome = Outcome(
                "failed" if error.permanent else "deferred",
                "5.0.0" if error.permanent else "4.0.0",
                str(error),
            )
        except PostroomError as error:
            outcome = Outcome("deferred", "4.4.1", str(error))
        except Exception as error:  # the others of this message must not get it twice
            log.exception("call of the mail service failed")
            outcome = Outcome("deferred", "4.3.0", unforeseen(error))
        outcomes |= dict.fromkeys(some, outcome)
    return Delivered(outcomes)


def unforeseen(error: Exception) -> str:
    """What is said of an error that we did not raise on purpose."""
    return f"an error of this mail system: {type(error).__name__}"


def _beyond_a_service(entry: Entry) -> Outcome | None:
    """What such an API cannot promise: REQUIRETLS (RFC 8689 section 4.2.1), a deadline after
    which the message is returned (RFC 2852)."""
    if entry.requiretls and entry.reverse_path:
        return Outcome("failed", "5.7.30", "REQUIRETLS: the mail service does not offer it.")
    if is_returned_when_late(entry):
        return Outcome("failed", "5.3.3", "DELIVERBY: the mail service does not offer it.")
    return None

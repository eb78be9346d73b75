"""Actions keep, fileinto and discard (RFC 5228 section 4), with ``:copy`` (RFC 3894)."""

from postroom.sieve.actions import Discard, FileInto, Keep
from postroom.sieve.commands.destinations import DESTINATION_TAGS, destination
from postroom.sieve.commands.flags import FLAGS_TAG, flags_argument
from postroom.sieve.language.definitions import Call, Definition, Shape, Step, Tag
from postroom.sieve.outcome import decide
from postroom.sieve.run import Run

EXTENSIONS = ("fileinto", "copy")
COPY_TAG = Tag("copy", extension="copy")


def _keep(call: Call) -> Step:
    flags = flags_argument(call) if call.has("flags") else None

    def step(run: Run) -> None:
        given = flags(run) if flags else tuple(run.flags)
        decide(run, Keep(given, run.letter.edited), cancels_keep=True)

    return step


def _fileinto(call: Call) -> Step:
    where = destination(call, 0)
    has_flags = call.has("flags")
    cancels_keep = not call.has("copy")

    def step(run: Run) -> None:
        to = where(run)
        action = FileInto(
            mailbox=to.mailbox,
            flags=to.flags if has_flags else tuple(run.flags),
            message=run.letter.edited,
            create=to.create,
            special_use=to.special_use,
            mailbox_id=to.mailbox_id,
        )
        decide(run, action, cancels_keep=cancels_keep)

    return step


def _discard(call: Call) -> Step:
    return lambda run: decide(run, Discard(), cancels_keep=True)


DEFINITIONS = (
    Definition("keep", "action", _keep, tags=(FLAGS_TAG,)),
    Definition(
        "fileinto",
        "action",
        _fileinto,
        takes=(Shape.STRING,),
        tags=(COPY_TAG, *DESTINATION_TAGS),
        extension="fileinto",
    ),
    Definition("discard", "action", _discard),
)

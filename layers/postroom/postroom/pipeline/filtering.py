"""The step that decides what becomes of a message at each account: its scripts have the say."""

from postroom.errors import PostroomError
from postroom.pipeline.work import Fate, Filing, Rooms, Work
from postroom.platform.table import Key


def filter_mail(app: Rooms, works: list[Work]) -> None:
    """Without scripts a message goes to INBOX. With them, `pipeline.scripted` asks and acts."""
    under_way: set[Key] = set()
    for work in works:
        try:
            for account, target in work.targets.items():
                if target.scripts or target.domain_scripts:
                    # Most accounts have none: who meets none, loads no engine.
                    from postroom.pipeline.scripted import fate_by_scripts

                    work.fates[account] = fate_by_scripts(app, work, target, under_way)
                else:
                    work.fates[account] = Fate((Filing(app.mailboxes.inbox(account)),))
            if work.answering:
                _answer(app, work)
        except PostroomError as error:
            work.error = error
        else:
            under_way.update(put.key for fate in work.fates.values() for put in fate.noted)


def _answer(app: Rooms, work: Work) -> None:
    """For the addresses on the way that answer by themselves. Asking again does no harm."""
    from postroom.pipeline.answering import answer_for_address

    for address, recipients in work.answering.items():
        answer_for_address(app, work, address, recipients)

"""The table of commands: what runs each, in which states, and what news may come with it.

EXPUNGE responses change the numbers of messages, so they never come with FETCH, STORE or SEARCH by
number (RFC 9051 section 7.5.1); with their UID forms they may.
"""

from gateway.imap import (
    auth,
    commands,
    commands_acl,
    commands_append,
    commands_metadata,
    commands_notify,
    commands_search,
    execute_acl,
    execute_append,
    execute_contexts,
    execute_fetch,
    execute_list,
    execute_mailboxes,
    execute_messages,
    execute_metadata,
    execute_multisearch,
    execute_notify,
    execute_quota,
    execute_search,
    execute_state,
    execute_thread,
)
from gateway.imap.execution import Execution

EXECUTIONS: dict[type[commands.Command], Execution] = {
    # In any state.
    commands.Capability: Execution("CAPABILITY", execute_state.capability, anytime=True),
    commands.Noop: Execution("NOOP", execute_state.noop, anytime=True, always_looks=True),
    commands.Logout: Execution("LOGOUT", execute_state.logout, anytime=True, news=False),
    commands.Id: Execution("ID", execute_state.identify, anytime=True),
    # Before login.
    commands.StartTls: Execution("STARTTLS", auth.start_tls, before_login=True),
    commands.Authenticate: Execution("AUTHENTICATE", auth.authenticate, before_login=True),
    commands.Login: Execution("LOGIN", auth.login, before_login=True),
    # After login.
    commands.Enable: Execution("ENABLE", execute_state.enable),
    commands.Select: Execution("SELECT", execute_mailboxes.select, news=False),
    commands.Create: Execution("CREATE", execute_mailboxes.create),
    commands.Delete: Execution("DELETE", execute_mailboxes.delete),
    commands.Rename: Execution("RENAME", execute_mailboxes.rename),
    commands.Subscribe: Execution("SUBSCRIBE", execute_mailboxes.subscribe),
    commands.Unsubscribe: Execution("UNSUBSCRIBE", execute_mailboxes.subscribe),
    commands.List: Execution("LIST", execute_list.list_mailboxes),
    commands.Lsub: Execution("LSUB", execute_list.lsub),
    commands.Namespace: Execution("NAMESPACE", execute_state.namespace),
    commands.Status: Execution("STATUS", execute_mailboxes.status),
    commands_append.Append: Execution("APPEND", execute_append.append, always_looks=True),
    commands_metadata.GetMetadata: Execution("GETMETADATA", execute_metadata.get_metadata),
    commands_metadata.SetMetadata: Execution(
        "SETMETADATA", execute_metadata.set_metadata, always_looks=True
    ),
    commands_acl.SetAcl: Execution("SETACL", execute_acl.set_acl),
    commands_acl.DeleteAcl: Execution("DELETEACL", execute_acl.delete_acl),
    commands_acl.GetAcl: Execution("GETACL", execute_acl.get_acl),
    commands_acl.ListRights: Execution("LISTRIGHTS", execute_acl.list_rights),
    commands_acl.MyRights: Execution("MYRIGHTS", execute_acl.my_rights),
    commands_metadata.GetQuota: Execution("GETQUOTA", execute_quota.get_quota),
    commands_metadata.GetQuotaRoot: Execution("GETQUOTAROOT", execute_quota.get_quota_root),
    commands.Idle: Execution("IDLE", execute_state.idle, news=False),
    commands.Compress: Execution("COMPRESS", execute_state.compress, news=False),
    commands.Unauthenticate: Execution("UNAUTHENTICATE", execute_state.unauthenticate, news=False),
    commands_notify.Notify: Execution("NOTIFY", execute_notify.notify, news=False),
    # Its keys may hold numbers: these must not change meanwhile.
    commands_search.MultiSearch: Execution(
        "ESEARCH", execute_multisearch.multi_search, expunges=False
    ),
    # With a mailbox selected.
    commands.Check: Execution("CHECK", execute_state.noop, selected=True, always_looks=True),
    commands.Close: Execution("CLOSE", execute_mailboxes.close, selected=True, news=False),
    commands.Unselect: Execution("UNSELECT", execute_mailboxes.unselect, selected=True, news=False),
    commands.Expunge: Execution(
        "EXPUNGE", execute_messages.expunge, selected=True, always_looks=True
    ),
    commands.Copy: Execution("COPY", execute_messages.copy, selected=True, always_looks=True),
    commands.Move: Execution("MOVE", execute_messages.move, selected=True, always_looks=True),
    commands_append.Replace: Execution(
        "REPLACE", execute_append.replace, selected=True, always_looks=True
    ),
    # It has looked: what it wrote, or that there was nothing to write, says that the view is new.
    commands.Store: Execution("STORE", execute_messages.store, selected=True, expunges=False),
    commands.Fetch: Execution("FETCH", execute_fetch.fetch, selected=True, expunges=False),
    commands_search.Search: Execution(
        "SEARCH", execute_search.search, selected=True, expunges=False
    ),
    commands_search.Sort: Execution("SORT", execute_search.sort, selected=True, expunges=False),
    commands_search.Thread: Execution(
        "THREAD", execute_thread.thread, selected=True, expunges=False
    ),
    commands_search.CancelUpdate: Execution(
        "CANCELUPDATE", execute_contexts.cancel_update, selected=True
    ),
}

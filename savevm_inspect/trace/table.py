"""The table of QEMU's trace events: what each of them becomes. Drawn into ``docs/events.md``.

Names and arguments are those of migration/trace-events in QEMU 7.2 to 11.1; who logs an event, in which thread and
under which lock is read off QEMU 10.2 (migration/savevm.c, migration.c, ram.c, postcopy-ram.c). An event that is
not here becomes a ``log`` event under its own name.
"""

from collections.abc import Mapping
from functools import partial
from typing import Final

from ..rules.phases import Phase
from ..rules.threads import Side, Thread
from ..stream.events import EventKind
from .meaning import (
    Meaning,
    failing,
    named,
    pending_of_7_2,
    pending_of_11,
    plain,
    received_command,
    sent_command,
    sent_message,
)

_SECTION: Final = r"(?P<idstr>.*), section_id (?P<section_id>\d+)"
_PENDING: Final = r"(?:estimate|exact) pending size \d+ \(pre = (?P<must_precopy>\d+) post=(?P<can_postcopy>\d+)\)"
_RETURNED: Final = r"(?P<returned>-?\d+)"
_BLOCK: Final = r"(?P<name>.*): \d+d?"
_DOWNTIME: Final = r"type=\S+ idstr=(?P<idstr>.*) instance_id=(?P<instance_id>\d+) downtime=-?\d+"
_QUERY: Final = (
    r"exact=(?P<exact>\d), final=(?P<final>\d), precopy=(?P<precopy>\d+), stopcopy=(?P<stopcopy>\d+), "
    r"postcopy=(?P<postcopy>\d+), total=.*"
)

_own = partial(Meaning, read=plain)
_source = partial(Meaning, side=Side.SOURCE, read=plain)
_migration = partial(_source, thread=Thread.MIGRATION)
_source_main = partial(_source, thread=Thread.MAIN)
_return_path = partial(_source, thread=Thread.RETURN_PATH)
_destination = partial(Meaning, side=Side.DESTINATION, read=plain)
_loader = partial(_destination, loads=True)
_incoming = partial(_destination, thread=Thread.MAIN)
_listen = partial(_destination, thread=Thread.LISTEN)
_fault = partial(_destination, thread=Thread.FAULT)

_ROWS: Final = (
    # Both ends ---------------------------------------------------------------------------------------------------
    _own(
        name="migrate_set_state",
        kind=EventKind.STATE,
        summary="the migration's status changed",
        pattern=r"new state (?P<name>[\w-]+)",
    ),
    _own(name="migration_cancel", thread=Thread.MAIN, summary="somebody cancels, or QEMU is ended"),
    _own(name="migrate_error", summary="the first error is noted", pattern=r"error=(?P<error>.*)"),
    # Source: the walk --------------------------------------------------------------------------------------------
    _migration(name="savevm_state_header", bql=True, summary="magic, version and configuration are written"),
    _migration(name="savevm_state_setup", bql=True, summary="START sections and early devices are written"),
    _migration(name="savevm_state_iterate", idle=True, summary="each device gets its turn to write a PART section"),
    _migration(
        name="savevm_section_start",
        summary="a PART, END or FULL section begins; START sections are never traced",
        pattern=_SECTION,
    ),
    _migration(
        name="savevm_section_end",
        kind=EventKind.RECORD,
        summary="that section is written, and what its handler returned",
        pattern=rf"{_SECTION} -> {_RETURNED}",
    ),
    _migration(
        name="savevm_section_skip", summary="a device has nothing to save, and gets no section", pattern=_SECTION
    ),
    _migration(
        name="vmstate_save",
        summary="a device is saved at once, by its description or its save_state",
        pattern=r"(?P<idstr>.*), .*",
    ),
    _migration(
        name="vmstate_downtime_save", summary="how long saving one device took with the VM stopped", pattern=_DOWNTIME
    ),
    _own(
        name="vmstate_downtime_checkpoint",
        summary="a step of the downtime is reached, by its name",
        pattern=r"(?P<name>\S+)",
    ),
    _migration(
        name="savevm_state_complete_precopy",
        phase=Phase.COMPLETE,
        bql=True,
        summary="the VM has stopped, all that is left is written (up to 9.x)",
    ),
    _migration(
        name="migration_precopy_complete",
        phase=Phase.COMPLETE,
        bql=True,
        summary="the VM has stopped, all that is left is written (from 10.0 on)",
    ),
    _source_main(name="savevm_state_cleanup", phase=Phase.CLEANUP, summary="every device gives up its bookkeeping"),
    _migration(
        name="savevm_state_resume_prepare", summary="every device gets ready to go on after a broken connection"
    ),
    # Source: figures ---------------------------------------------------------------------------------------------
    _migration(
        name="migrate_pending",
        kind=EventKind.PENDING,
        idle=True,
        summary="what is left to send, and what fits into the downtime limit (7.2)",
        pattern=r"pending size \d+ max (?P<max>\d+) "
        r"\(pre = (?P<pre>\d+) compat=(?P<compat>\d+) post=(?P<post>\d+)\)",
        read=pending_of_7_2,
    ),
    _migration(
        name="migrate_pending_estimate",
        kind=EventKind.PENDING,
        idle=True,
        summary="what is left to send, guessed",
        pattern=_PENDING,
        read=named("estimate"),
    ),
    _migration(
        name="migrate_pending_exact",
        kind=EventKind.PENDING,
        summary="what is left to send, after a synchronisation",
        pattern=_PENDING,
        read=named("exact"),
    ),
    _migration(
        name="qemu_savevm_query_pending",
        kind=EventKind.PENDING,
        idle=True,
        summary="what is left to send, guessed, exact or for the last time (11.1)",
        pattern=_QUERY,
        read=pending_of_11,
    ),
    _migration(
        name="migrate_transferred", idle=True, summary="how fast bytes went in the last stretch", pattern=r".*"
    ),
    _migration(
        name="migration_thread_low_pending", summary="what is left fits into the downtime limit", pattern=r"\d+"
    ),
    _migration(name="migration_bitmap_sync_start", summary="RAM's dirty bitmap is brought up to date"),
    _migration(
        name="migration_bitmap_sync_end",
        summary="that is done; pages that became dirty in this period",
        pattern=r"dirty_pages \d+",
    ),
    _migration(
        name="ram_save_complete",
        summary="RAM writes all that is left: begins and ends, with the pages that are dirty",
        pattern=r"dirty=(?P<dirty_pages>\d+), done=\d",
    ),
    _migration(name="ram_state_resume_prepare", summary="pages that RAM must send again", pattern=r"\d+"),
    _migration(name="migration_rate_limit_pre", idle=True, summary="the rate limit makes it wait", pattern=r".*"),
    _migration(name="migration_rate_limit_post", idle=True, summary="the wait is over", pattern=r".*"),
    # Source: phases ----------------------------------------------------------------------------------------------
    _migration(name="migration_thread_setup_complete", bql=False, summary="setup is over, the loop begins"),
    _migration(
        name="migration_completion_vm_stop", bql=True, summary="the source's VM was stopped", pattern=r"ret -?\d+"
    ),
    _migration(name="postcopy_start", phase=Phase.SWITCHOVER, summary="the switch to postcopy begins"),
    _migration(
        name="postcopy_start_set_run", bql=True, summary="the source's VM is about to be stopped for postcopy"
    ),
    _migration(
        name="migration_completion_postcopy_end", bql=True, summary="in postcopy, all that is left is written"
    ),
    _migration(name="migration_completion_postcopy_end_after_complete", bql=False, summary="that is done"),
    _migration(name="migration_completion_file_err", summary="the connection failed at the completion"),
    _migration(name="migration_thread_file_err", summary="the connection failed"),
    _migration(
        name="migration_thread_after_loop", phase=Phase.CLEANUP, summary="the migration thread's loop is over"
    ),
    _source_main(
        name="migration_cleanup", phase=Phase.CLEANUP, summary="threads and files of the source are given up"
    ),
    _source(
        name="migration_call_notifiers", summary="the other parts of QEMU are notified (11.1)", pattern=r"type=\d+"
    ),
    _migration(name="postcopy_pause_continued", summary="the migration thread goes on after a pause"),
    # Source: commands --------------------------------------------------------------------------------------------
    _migration(
        name="savevm_command_send",
        kind=EventKind.COMMAND,
        summary="a command is written",
        pattern=r"com=(?P<command>0x[0-9a-f]+) len=\d+",
        read=sent_command,
    ),
    _migration(name="savevm_send_open_return_path", bql=False, summary="OPEN_RETURN_PATH is about to be sent"),
    _migration(
        name="savevm_send_ping", summary="a PING is about to be sent, with its number", pattern=r"0x[0-9a-f]+"
    ),
    _migration(name="qemu_savevm_send_postcopy_advise", bql=False, summary="ADVISE is about to be sent"),
    _migration(name="savevm_send_postcopy_listen", summary="LISTEN is about to be written into the package"),
    _migration(name="savevm_send_postcopy_run", summary="RUN is about to be written into the package"),
    _migration(name="savevm_send_postcopy_resume", summary="RESUME is about to be sent"),
    _migration(
        name="savevm_send_recv_bitmap",
        summary="the bitmap of received pages of a block is about to be asked for",
        pattern=r"(?P<name>.*)",
    ),
    _migration(name="savevm_send_switchover_start", summary="SWITCHOVER_START is about to be sent"),
    _migration(name="savevm_send_colo_enable", summary="ENABLE_COLO is about to be sent"),
    _migration(name="qemu_savevm_send_packaged", summary="PACKAGED is about to be sent, with the device state in it"),
    _migration(
        name="qemu_savevm_send_postcopy_ram_discard",
        summary="pages of a block are about to be declared stale",
        pattern=_BLOCK,
    ),
    # Source: multifd and return path -----------------------------------------------------------------------------
    _migration(
        name="multifd_send_sync_main", summary="all multifd channels are in line", pattern=r"packet num -?\d+"
    ),
    _migration(
        name="multifd_send_sync_main_signal", summary="a multifd channel is to send a SYNC", pattern=r"channel \d+"
    ),
    _migration(name="multifd_send_sync_main_wait", summary="its SYNC is waited for", pattern=r"channel \d+"),
    _source(
        name="multifd_send_thread_start",
        thread=Thread.MULTIFD_SEND,
        summary="a multifd sender starts",
        pattern=r"\d+",
    ),
    _source(
        name="multifd_send_thread_end", thread=Thread.MULTIFD_SEND, summary="a multifd sender ends", pattern=r".*"
    ),
    _source(name="multifd_send_fill", thread=Thread.MULTIFD_SEND, summary="a packet is sent", pattern=r".*"),
    _return_path(name="source_return_path_thread_entry", summary="the source begins to read the return path"),
    _return_path(name="source_return_path_thread_loop_top", summary="it waits for the next message"),
    _return_path(
        name="source_return_path_thread_pong",
        kind=EventKind.RECORD,
        summary="a PONG came back, with the PING's number",
        pattern=r"0x[0-9a-f]+",
        read=named("MIG_RP_MSG_PONG"),
    ),
    _return_path(
        name="source_return_path_thread_shut",
        kind=EventKind.RECORD,
        summary="the destination says that it is done",
        pattern=r"0x[0-9a-f]+",
        read=named("MIG_RP_MSG_SHUT"),
    ),
    _return_path(
        name="source_return_path_thread_resume_ack",
        kind=EventKind.RECORD,
        summary="the destination goes on after a pause",
        pattern=r"\d+",
        read=named("MIG_RP_MSG_RESUME_ACK"),
    ),
    _return_path(
        name="source_return_path_thread_switchover_acked",
        kind=EventKind.RECORD,
        summary="the destination consents to the switchover",
        read=named("MIG_RP_MSG_SWITCHOVER_ACK"),
    ),
    _return_path(
        name="source_return_path_thread_postcopy_package_loaded", summary="the package of device state is loaded"
    ),
    _return_path(name="source_return_path_thread_bad_end", summary="the return path ended in an error"),
    _return_path(name="source_return_path_thread_end", summary="the source reads the return path no more"),
    _return_path(
        name="migrate_handle_rp_req_pages",
        kind=EventKind.PAGE_REQUEST,
        summary="the destination asks for pages of a block, (null) for the block of the request before",
        pattern=r"in (?P<name>.*) at (?P<addr>0x[0-9a-f]+) len 0x[0-9a-f]+",
    ),
    _return_path(name="ram_dirty_bitmap_reload_begin", summary="a bitmap of received pages comes", pattern=r".*"),
    _return_path(name="ram_dirty_bitmap_reload_complete", summary="that bitmap is here", pattern=r".*"),
    # Destination: the walk ---------------------------------------------------------------------------------------
    _incoming(name="loadvm_state_setup", phase=Phase.SETUP, summary="every device gets ready to load"),
    _incoming(
        name="loadvm_state_switchover_ack_needed",
        summary="how many devices want to consent to the switchover",
        pattern=r".*=\d+",
    ),
    _loader(
        name="qemu_loadvm_state_section",
        summary="a record begins, by its type: 1 to 4 a section, 8 a command, 0 the end",
        pattern=r"(?P<name>\d+)",
    ),
    _loader(
        name="qemu_loadvm_state_section_startfull",
        kind=EventKind.RECORD,
        summary="it is a START or FULL section",
        pattern=r"(?P<section_id>\d+)\((?P<idstr>.*)\) (?P<instance_id>\d+) (?P<version_id>\d+)",
    ),
    _loader(
        name="qemu_loadvm_state_section_partend",
        kind=EventKind.RECORD,
        summary="it is a PART or END section",
        pattern=r"(?P<section_id>\d+)",
    ),
    _loader(name="qemu_loadvm_state_section_command", summary="a command is done", pattern=_RETURNED),
    _loader(
        name="vmstate_load",
        summary="a section is loaded, by its device's description or its load_state",
        pattern=r"(?P<idstr>.*), .*",
    ),
    _loader(name="vmstate_downtime_load", summary="how long loading one device took", pattern=_DOWNTIME),
    _loader(
        name="ram_load_complete",
        summary="RAM has loaded a section",
        pattern=rf"exit_code {_RETURNED} seq iteration \d+",
        read=failing,
    ),
    _incoming(name="qemu_loadvm_state_post_main", summary="the main thread has read all", pattern=_RETURNED),
    _incoming(name="process_incoming_migration_co_end", summary="the incoming side's coroutine ends", pattern=r".*"),
    _incoming(
        name="process_incoming_migration_co_postcopy_end_main", summary="in postcopy, it leaves the rest to others"
    ),
    _destination(name="loadvm_state_cleanup", phase=Phase.CLEANUP, summary="every device gives up its bookkeeping"),
    # Destination: commands ---------------------------------------------------------------------------------------
    _loader(
        name="loadvm_process_command",
        kind=EventKind.COMMAND,
        summary="a command is obeyed",
        pattern=r"com=(?P<command>\w+) len=\d+",
        read=received_command,
    ),
    _loader(name="loadvm_process_command_ping", summary="a PING's number", pattern=r"0x[0-9a-f]+"),
    _incoming(name="loadvm_postcopy_handle_advise", summary="postcopy may come"),
    _incoming(name="loadvm_postcopy_handle_listen", summary="a step of LISTEN, by its name", pattern=r".*"),
    _incoming(name="loadvm_postcopy_handle_run", summary="the VM may run"),
    _incoming(
        name="loadvm_postcopy_handle_run_bh",
        summary="a step towards running the VM, by its name (7.2)",
        pattern=r".*",
    ),
    _loader(name="loadvm_postcopy_handle_resume", summary="postcopy goes on after a pause"),
    _loader(name="loadvm_postcopy_ram_handle_discard", summary="pages are thrown away"),
    _loader(name="loadvm_postcopy_ram_handle_discard_header", summary="of this block", pattern=_BLOCK),
    _loader(name="loadvm_postcopy_ram_handle_discard_end", summary="they are thrown away"),
    _incoming(name="loadvm_handle_cmd_packaged", summary="a package comes, of this many bytes", pattern=r"\d+"),
    _incoming(name="loadvm_handle_cmd_packaged_received", summary="the package is here", pattern=r"-?\d+"),
    _incoming(name="loadvm_handle_cmd_packaged_main", summary="the package is loaded", pattern=_RETURNED),
    _loader(
        name="loadvm_handle_recv_bitmap",
        summary="a block's bitmap of received pages was sent",
        pattern=r"(?P<name>.*)",
    ),
    _incoming(name="loadvm_approve_switchover", summary="a device consents to the switchover", pattern=r".*"),
    # Destination: postcopy, multifd and return path --------------------------------------------------------------
    _destination(
        name="migrate_send_rp_message",
        kind=EventKind.RECORD,
        summary="a message is sent back; a `page_request` if it asks for pages",
        pattern=r"(?P<message>\d+): len \d+",
        read=sent_message,
    ),
    _destination(
        name="migrate_send_rp_recv_bitmap",
        summary="a bitmap of received pages is sent back",
        pattern=r"block '(?P<name>.*)' size .*",
    ),
    _listen(name="postcopy_ram_listen_thread_start", phase=Phase.POSTCOPY, summary="the listen thread starts"),
    _listen(name="postcopy_ram_listen_thread_exit", summary="the listen thread has read all"),
    _fault(name="postcopy_ram_fault_thread_entry", summary="the fault thread starts"),
    _fault(name="postcopy_ram_fault_thread_exit", summary="the fault thread ends"),
    _fault(
        name="postcopy_ram_fault_thread_request",
        summary="the guest touched a page that is not there",
        pattern=r"Request for HVA=0x[0-9a-f]+ rb=(?P<name>.*) offset=(?P<addr>0x[0-9a-f]+) pid=\d+",
    ),
    _fault(name="postcopy_pause_fault_thread", summary="the fault thread waits for a new connection"),
    _fault(name="postcopy_pause_fault_thread_continued", summary="the fault thread goes on"),
    _listen(name="postcopy_pause_incoming", summary="the listen thread waits for a new connection"),
    _listen(name="postcopy_pause_incoming_continued", summary="the listen thread goes on"),
    _destination(name="postcopy_preempt_thread_entry", thread=Thread.PREEMPT, summary="the fast load thread starts"),
    _destination(name="postcopy_preempt_thread_exit", thread=Thread.PREEMPT, summary="the fast load thread ends"),
    _destination(name="postcopy_pause_fast_load", thread=Thread.PREEMPT, summary="it waits for a new connection"),
    _destination(name="postcopy_pause_fast_load_continued", thread=Thread.PREEMPT, summary="it goes on"),
    _destination(name="postcopy_ram_incoming_cleanup_entry", summary="postcopy's threads are ended"),
    _destination(name="postcopy_ram_incoming_cleanup_join", summary="the fault thread is waited for"),
    _destination(name="postcopy_ram_incoming_cleanup_closeuf", summary="page faults are QEMU's business no more"),
    _destination(
        name="postcopy_ram_incoming_cleanup_blocktime", summary="how long the guest waited for pages", pattern=r".*"
    ),
    _destination(name="postcopy_ram_incoming_cleanup_exit", summary="postcopy's threads have ended"),
    _loader(name="multifd_recv_sync_main", summary="all multifd channels are in line", pattern=r"packet num -?\d+"),
    _loader(name="multifd_recv_sync_main_wait", summary="a channel's SYNC is waited for", pattern=r"\w+ \d+"),
    _loader(name="multifd_recv_sync_main_signal", summary="a channel may go on", pattern=r"channel \d+"),
    _destination(
        name="multifd_recv_thread_start",
        thread=Thread.MULTIFD_RECV,
        summary="a multifd receiver starts",
        pattern=r"\d+",
    ),
    _destination(
        name="multifd_recv_thread_end", thread=Thread.MULTIFD_RECV, summary="a multifd receiver ends", pattern=r".*"
    ),
    _destination(name="multifd_recv_unfill", thread=Thread.MULTIFD_RECV, summary="a packet has come", pattern=r".*"),
)

MEANINGS: Final[Mapping[str, Meaning]] = {row.name: row for row in _ROWS}
"""By QEMU's name of the trace event."""

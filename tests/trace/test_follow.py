"""What the rules derive, on logs that are put together for it."""

from savevm_inspect.rules.phases import Phase
from savevm_inspect.rules.threads import Side, Thread
from savevm_inspect.stream.events import Event, EventKind
from savevm_inspect.trace.facts import scan_log
from savevm_inspect.trace.follow import Follower
from savevm_inspect.trace.lines import parse_line

SOURCE = """\
migrate_set_state new state setup
savevm_state_header
savevm_state_setup
migration_bitmap_sync_start
migration_bitmap_sync_end dirty_pages 0
migrate_set_state new state active
migration_thread_setup_complete
migrate_pending_estimate estimate pending size 8192 (pre = 4096 post=4096)
savevm_state_iterate
savevm_section_start ram, section_id 1
savevm_section_end ram, section_id 1 -> 1
savevm_section_start dirty-bitmap, section_id 2
savevm_section_end dirty-bitmap, section_id 2 -> 0
"""

SWITCHOVER = """\
vmstate_downtime_checkpoint src-downtime-start
migration_completion_vm_stop ret 0
migrate_set_state new state device
migration_precopy_complete
savevm_section_start ram, section_id 1
savevm_section_end ram, section_id 1 -> 0
savevm_section_start dirty-bitmap, section_id 2
savevm_section_end dirty-bitmap, section_id 2 -> 0
savevm_section_start slirp, section_id 3
vmstate_save slirp, (old)
savevm_section_end slirp, section_id 3 -> 0
savevm_section_start a, with comma, section_id 4
vmstate_save a, with comma, cpu
savevm_section_end a, with comma, section_id 4 -> 0
migrate_set_state new state completed
savevm_state_cleanup
"""


def events_of(text: str, *, guest: bool = True, side: Side | None = None) -> list[Event]:
    lines = [parse_line(line) for line in text.splitlines()]
    facts = scan_log(lines, side)
    return list(Follower(facts, facts.start_us, guest=guest).follow(lines))


def calls(events: list[Event]) -> list[tuple[str | None, str | None]]:
    return [(event.handler, event.idstr) for event in events if event.event is EventKind.CALL]


def records(events: list[Event]) -> list[tuple[str | None, str | None]]:
    return [(event.name, event.idstr) for event in events if event.event is EventKind.RECORD]


def test_every_device_that_iterates_is_set_up_one_after_the_other() -> None:
    events = events_of(SOURCE + SWITCHOVER)
    assert calls(events)[:2] == [("save_setup", "ram"), ("save_setup", "dirty-bitmap")]
    assert records(events)[:2] == [("start", "ram"), ("start", "dirty-bitmap")]
    kinds = [event.event for event in events if event.handler == "save_setup"]
    assert kinds == [EventKind.CALL, EventKind.RETURN] * 2
    assert {event.phase for event in events if event.handler == "save_setup"} == {Phase.SETUP}


def test_each_section_is_of_the_handler_that_writes_it() -> None:
    events = events_of(SOURCE + SWITCHOVER)
    assert calls(events)[2:] == [
        ("state_pending_estimate", "ram"),
        ("state_pending_estimate", "dirty-bitmap"),
        ("save_live_iterate", "ram"),
        ("save_live_iterate", "dirty-bitmap"),
        ("save_complete", "ram"),
        ("save_complete", "dirty-bitmap"),
        ("save_state", "slirp"),
        ("save_cleanup", "ram"),
        ("save_cleanup", "dirty-bitmap"),
    ]
    assert records(events)[2:] == [
        ("part", "ram"),
        ("part", "dirty-bitmap"),
        ("end", "ram"),
        ("end", "dirty-bitmap"),
        ("full", "slirp"),
        ("full", "a, with comma"),
    ]


def test_figures_of_several_devices_are_nobodys_own() -> None:
    returned = [event for event in events_of(SOURCE) if event.event is EventKind.RETURN and event.handler]
    assert all(event.must_precopy is None for event in returned)
    alone = events_of("\n".join(line for line in SOURCE.splitlines() if "bitmap, " not in line))
    figures = [event.must_precopy for event in alone if event.handler == "state_pending_estimate"]
    assert figures == [None, 4096]


def test_the_lock_is_taken_for_setup_and_from_the_switchover_on() -> None:
    locks = [event for event in events_of(SOURCE + SWITCHOVER) if event.event is EventKind.LOCK]
    assert [event.name for event in locks] == ["bql_lock", "bql_unlock", "bql_lock", "bql_unlock"]
    assert {event.thread for event in locks} == {Thread.MIGRATION}
    held = {event.handler: event.bql for event in events_of(SOURCE + SWITCHOVER) if event.event is EventKind.CALL}
    assert held == {
        "save_setup": True,
        "state_pending_estimate": False,
        "save_live_iterate": False,
        "save_complete": True,
        "save_state": True,
        "save_cleanup": True,
    }


def test_the_guest_stops_unless_somebody_else_tells() -> None:
    stops = [event for event in events_of(SOURCE + SWITCHOVER) if event.event is EventKind.QMP]
    assert [(event.name, event.observed) for event in stops] == [("STOP", False)]
    assert not [e for e in events_of(SOURCE + SWITCHOVER, guest=False) if e.event is EventKind.QMP]


def test_a_handler_that_failed_is_an_error() -> None:
    failed = events_of(SOURCE.replace("section_id 2 -> 0", "section_id 2 -> -5"))
    (record,) = [event for event in failed if event.event is EventKind.RECORD and event.error]
    assert (record.idstr, record.returned, record.error) == ("dirty-bitmap", -5, "returned -5")
    (returned,) = [event for event in failed if event.event is EventKind.RETURN and event.error]
    assert (returned.handler, returned.returned) == ("save_live_iterate", -5)


def test_an_event_of_no_table_is_kept_under_its_own_name() -> None:
    events = events_of(
        SOURCE + "frobnicate_the_vm with 7 arguments\nsavevm_section_end ram -> what\nno event at all\n"
    )
    emitted = [(event.event, event.name, event.upstream) for event in events[-3:]]
    assert emitted == [
        (EventKind.LOG, "frobnicate_the_vm", "frobnicate_the_vm with 7 arguments"),
        (EventKind.LOG, "savevm_section_end", "savevm_section_end ram -> what"),
        (EventKind.LOG, "line", "no event at all"),
    ]


def test_errors_of_qemu_are_errors_and_warnings_are_not() -> None:
    text = SOURCE + (
        "qemu-system-x86_64: -trace x: warning: trace event 'x' does not exist\n"
        "qemu-system-x86_64: Unable to shutdown socket: Bad file descriptor\n"
    )
    warned, failed = events_of(text)[-2:]
    assert warned.error is None
    assert failed.error == "Unable to shutdown socket: Bad file descriptor"


def test_numbers_that_nobody_prints_make_a_log_event() -> None:
    huge = "migrate_pending_exact exact pending size 1 (pre = 99999999999999999999999 post=1)"
    (event,) = [event for event in events_of(SOURCE + huge + "\n") if event.upstream == huge]
    assert (event.event, event.must_precopy) == (EventKind.LOG, None)


def test_what_only_the_other_end_logs_means_nothing_here() -> None:
    events = events_of(SOURCE + "qemu_loadvm_state_section_startfull 9(ram) 0 4\n", side=Side.SOURCE)
    assert events[-1].event is EventKind.LOG
    assert events[-1].section_id is None


def test_a_log_that_begins_in_the_middle_is_told_as_far_as_it_goes() -> None:
    events = events_of("\n".join((SOURCE + SWITCHOVER).splitlines()[12:]))
    assert records(events)[0] == (None, "dirty-bitmap"), "its beginning is not there, so nothing shows its kind"
    assert events[-1].phase is Phase.CLEANUP


def test_passes_over_ram_are_counted_by_its_synchronisations() -> None:
    sync = "migration_bitmap_sync_start\nmigration_bitmap_sync_end dirty_pages 3\n"
    exact = "migrate_pending_exact exact pending size 4 (pre = 4 post=0)\n"
    events = events_of(SOURCE + sync + exact)
    emitted = [(event.name, event.iteration) for event in events if event.iteration is not None and event.observed]
    assert emitted == [
        ("migration_bitmap_sync_start", 1),
        ("estimate", 1),
        ("migration_bitmap_sync_start", 2),
        ("exact", 2),
    ]
    assert calls(events)[-2:] == [("state_pending_exact", "ram"), ("state_pending_exact", "dirty-bitmap")]


DESTINATION = """\
migrate_set_state new state active
loadvm_state_setup
qemu_loadvm_state_section 1
qemu_loadvm_state_section_startfull 1(ram) 0 4
vmstate_load ram, (old)
ram_load_complete exit_code 0 seq iteration 1
qemu_loadvm_state_section 4
qemu_loadvm_state_section_startfull 7(slirp) 2 4
vmstate_load slirp, (old)
qemu_loadvm_state_section 8
qemu_loadvm_state_section_startfull 8(timer) 0 2
vmstate_load timer, timer
"""


def test_a_device_with_handlers_loads_each_section_by_its_load_state() -> None:
    events = events_of(DESTINATION)
    emitted = [
        (event.event, event.idstr, event.instance_id, event.returned)
        for event in events
        if event.handler == "load_state"
    ]
    assert emitted == [
        (EventKind.CALL, "ram", 0, None),
        (EventKind.RETURN, "ram", 0, 0),
        (EventKind.CALL, "slirp", 2, None),
        (EventKind.RETURN, "slirp", 2, None),
    ]


def test_the_type_of_a_record_is_that_of_the_last_line_that_said_one() -> None:
    assert records(events_of(DESTINATION)) == [("start", "ram"), ("full", "slirp"), ("full", "timer")]
    assert records(events_of(DESTINATION.replace("section 4", "section 1")))[2] == ("full", "timer"), (
        "8 is no section"
    )


def test_after_the_package_everything_is_read_by_the_listen_thread() -> None:
    text = (
        DESTINATION
        + "loadvm_process_command com=POSTCOPY_LISTEN len=0\n"
        + "qemu_loadvm_state_section 8\nqemu_loadvm_state_post_main 1\nqemu_loadvm_state_section 8\n"
    )
    threads = [event.thread for event in events_of(text) if event.name == "qemu_loadvm_state_section"]
    assert threads == [Thread.MAIN, Thread.MAIN, Thread.MAIN, None, Thread.LISTEN]


def test_what_needs_the_source_stopped_must_be_sent_in_precopy() -> None:
    query = "exact=1, final=0, precopy=3, stopcopy=4, postcopy=5, total=12, collected switchover ack pending=0"
    (event,) = [
        e
        for e in events_of(SOURCE + f"qemu_savevm_query_pending {query}\n")
        if "stopcopy" in (e.upstream or "") and e.event is EventKind.PENDING
    ]
    assert (event.name, event.must_precopy, event.can_postcopy, event.stopcopy_bytes) == ("exact", 7, 5, 4)

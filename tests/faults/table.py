"""Which test shows which fault on which rung: the faults of the verification plan, by their numbers.

Redis 6.2 and a Cluster are rungs of their own where what differs from one Valkey may matter. `ELSEWHERE` says why a
fault does not apply to a rung, or is the same there as on another.
"""

from __future__ import annotations

SQLITE, POSTGRES, VALKEY, REDIS, CLUSTER = RUNGS = ("sqlite", "postgres", "valkey", "redis62", "cluster")
SERVERS = (POSTGRES, VALKEY, REDIS, CLUSTER)
SINGLE = (POSTGRES, VALKEY, REDIS)
BOTH = (VALKEY, REDIS)
CLAIMED = (POSTGRES, VALKEY, CLUSTER)

Shown = dict[str, dict[str, tuple[str, ...]]]
"""File below tests/ -> name of a test without `test_` -> the rungs on which it runs."""

FAULTS: dict[int, tuple[str, Shown]] = {
    1: ("client retries, reply lost", {
        "faults/test_network.py": {
            "a_client_that_asks_again_after_its_answer_was_lost_has_the_same_decision_and_hold": SINGLE,
            "answers_that_are_lost_again_and_again_under_two_writers_and_a_settler_double_nothing": SINGLE,
        },
        "valkey/test_lost.py": {
            "a_call_whose_answer_is_lost_is_applied_once_and_answered": BOTH,
        },
        "crash/test_matrix.py": {
            "a_process_killed_at_some_steps_leaves_books_as_if_it_had_lived": RUNGS,
        },
    }),
    2: ("same key, other request", {
        "faults/test_network.py": {
            "the_same_key_with_any_field_changed_is_an_error_and_changes_nothing": RUNGS,
        },
    }),
    3: ("duplicate, reordered delivery", {
        "faults/test_stream.py": {
            "a_stream_delivered_twice_and_in_any_order_is_booked_once": RUNGS,
        },
        "ledger/test_settlement.py": {
            "any_order_any_cut_and_any_repetition_end_in_the_same_books": (SQLITE,),
        },
    }),
    4: ("worker dies between any two steps", {
        "crash/test_matrix.py": {
            "a_process_killed_at_some_steps_leaves_books_as_if_it_had_lived": RUNGS,
            "a_process_killed_at_any_step_leaves_books_as_if_it_had_lived": RUNGS,
        },
        "faults/test_killed.py": {
            "a_settler_killed_under_load_books_nothing_twice_and_leaves_nothing_out": RUNGS,
            "an_engine_killed_under_load_has_told_nobody_what_is_not_booked": RUNGS,
        },
        "conformance/test_hot_killed.py": {
            "a_process_killed_at_any_message_leaves_its_items_whole_and_their_keys_decide": SINGLE,
        },
        "ledger/test_killed.py": {
            "settlement_killed_at_any_statement_is_completed_by_the_next": (SQLITE,),
        },
        "rebuild/test_killed.py": {
            "a_rebuild_killed_at_any_statement_is_ended_by_a_worker": (SQLITE,),
        },
        "rebuild/test_killed_servers.py": {
            "on_postgresql": (POSTGRES,),
            "on_valkey": (VALKEY,),
        },
    }),
    5: ("zombie worker", {
        "faults/test_zombies.py": {
            "a_settler_that_was_stopped_beyond_its_claim_books_nothing_twice_when_it_goes_on": CLAIMED,
            "an_engine_that_remembers_an_old_epoch_is_put_right_and_loses_nothing": RUNGS,
            "a_commit_of_an_old_epoch_changes_nothing": RUNGS,
        },
        "valkey/test_lost.py": {
            "a_call_that_was_given_up_is_not_done_after_a_later_one_was_answered": BOTH,
        },
        "ledger/test_epochs.py": {
            "what_an_older_epoch_still_says_reaches_no_balance": (SQLITE,),
        },
    }),
    6: ("hot store killed", {
        "faults/test_killed.py": {
            "a_hot_store_killed_under_load_has_lost_nothing_that_was_answered": BOTH,
            "a_postgresql_stopped_at_once_under_load_has_lost_nothing_that_was_answered": (POSTGRES, VALKEY),
        },
        "valkey/test_cluster.py": {
            "a_node_that_is_down_is_an_error_in_time_and_the_others_serve_on": (CLUSTER,),
        },
        "faults/test_sqlite_processes.py": {
            "a_killed_process_loses_nothing_answered_and_leaves_nothing_half_written": (SQLITE,),
        },
    }),
    7: ("hot store loses its tail (power, failover)", {
        "faults/test_failover.py": {
            "in_strict_a_failover_under_load_has_lost_nothing_that_was_answered": (VALKEY,),
            "in_strict_nothing_is_booked_that_no_replica_has": (VALKEY,),
            "in_fast_what_a_failover_loses_is_noticed_rebuilt_counted_and_billed_once": (VALKEY,),
            "in_fast_the_tail_that_a_log_lost_is_noticed_rebuilt_counted_and_billed_once": (VALKEY,),
            "what_nobody_saw_lost_is_found_by_reconciliation_and_what_took_its_place_is_shown": (VALKEY,),
        },
        "valkey/test_replicas.py": {
            "what_was_answered_is_on_the_replica": BOTH,
        },
        "valkey/test_cluster.py": {
            "after_a_failover_the_new_primary_is_found_and_knows_every_answer": (CLUSTER,),
        },
        "faults/test_sqlite_disk.py": {
            "fast_loses_at_most_whole_groups_off_the_end_when_the_power_goes": (SQLITE,),
        },
    }),
    8: ("old master still alive", {
        "faults/test_failover.py": {
            "what_an_old_master_still_answers_after_its_epoch_ended_reaches_no_balance": (VALKEY,),
        },
        "ledger/test_quarantine.py": {
            "an_older_epoch_is_fenced_and_never_reaches_a_balance": (SQLITE,),
        },
    }),
    9: ("PostgreSQL crash, deadlock, commit outcome unknown", {
        "faults/test_killed.py": {
            "a_postgresql_stopped_at_once_under_load_has_lost_nothing_that_was_answered": (POSTGRES, VALKEY),
        },
        "faults/test_network.py": {
            "books_whose_commits_are_not_answered_have_every_event_once": (VALKEY,),
        },
        "postgres/test_lost.py": {
            "a_commit_whose_answer_is_lost_is_tried_again_and_its_keys_decide": (POSTGRES,),
            "a_deadlock_is_tried_again": (POSTGRES,),
        },
    }),
    10: ("clocks off, or going back", {
        "faults/test_clocks.py": {
            "a_clock_that_goes_back_over_the_edge_of_a_window_opens_no_second_one": RUNGS,
            "a_machine_whose_clock_is_ahead_of_the_servers_decides_nothing_and_expires_no_hold_early": SERVERS,
            "a_machine_whose_clock_is_ahead_of_the_servers_ends_no_lot_early": SERVERS,
            "a_settler_on_a_machine_whose_clock_is_ahead_ends_no_hold_and_no_lot_early_and_says_so": SERVERS,
        },
        "conformance/test_hot_clock.py": {
            "what_was_decided_ahead_of_the_servers_clock_is_refused_and_nothing_changes": SERVERS,
        },
    }),
    11: ("hold expires as it is committed", {
        "faults/test_hold_races.py": {
            "a_hold_that_expires_as_it_is_committed_or_released_ends_once": RUNGS,
        },
    }),
    12: ("lot expires, is revoked, or a price or plan changes during a hold", {
        "faults/test_hold_races.py": {
            "what_changes_during_a_hold_leaves_its_price_and_no_negative_lot": RUNGS,
        },
    }),
    13: ("top-up beside a debit; refund of a partly spent lot; refund twice", {
        "faults/test_orders_beside.py": {
            "a_top_up_beside_a_debit_is_applied_and_so_is_the_debit": RUNGS,
            "a_refund_twice_gives_back_no_more_than_was_paid": RUNGS,
        },
    }),
    14: ("overflow, huge or odd numbers, NaN, unicode, nulls, 10 MB", {
        "fuzz/test_verbs.py": {
            "each_odd_value_in_each_parameter_is_taken_as_it_is_or_refused_before_any_write": ("memory",),
            "ten_megabytes_in_each_parameter_are_refused_before_any_write": ("memory",),
            "in_a_file": (SQLITE,),
            "any_values_in_several_parameters_in_a_file": (SQLITE,),
            "on_every_server": RUNGS,
            "every_odd_value_and_many_more_on_every_rung": RUNGS,
        },
        "ledger/test_nuls.py": {
            "a_key_with_a_nul_is_poison_that_is_shown_and_its_neighbours_go_on": (SQLITE, POSTGRES),
        },
        "conformance/test_hot_keys.py": {
            "keys_are_compared_exactly": RUNGS,
        },
        "conformance/test_hot_box.py": {
            "names_of_cells_are_kept_exactly": RUNGS,
        },
    }),
    15: ("poison event", {
        "faults/test_stream.py": {
            "poison_events_are_in_quarantine_and_shown_and_their_neighbours_are_booked": RUNGS,
        },
        "ledger/test_quarantine.py": {
            "poison_takes_its_sequence_and_its_neighbours_go_on": (SQLITE,),
        },
    }),
    16: ("settler stopped for long", {
        "faults/test_stream.py": {
            "a_settler_that_was_away_for_long_leaves_admission_exact_its_lag_shown_and_catches_up": RUNGS,
        },
    }),
    17: ("Valkey out of memory, slow script, slot migration, script cache lost", {
        "faults/test_valkey_under_load.py": {
            "a_full_server_takes_nothing_by_halves_and_all_goes_on_when_there_is_room": BOTH,
            "forgotten_scripts_under_load_change_nothing": BOTH,
            "a_slow_script_of_another_under_load_only_delays": BOTH,
            "slots_that_move_under_load_lose_nothing": (CLUSTER,),
        },
        "valkey/test_full.py": {
            "a_full_server_takes_all_of_a_call_or_nothing": BOTH,
        },
        "valkey/test_cluster.py": {
            "a_half_moved_slot_takes_nothing_by_halves_and_goes_on_when_it_is_moved": (CLUSTER,),
        },
    }),
    18: ("SQLite disk full, SIGKILL, fsync error, power loss", {
        "faults/test_sqlite_disk.py": {
            "a_failing_disk_applies_nothing_and_the_store_goes_on_when_it_works_again": (SQLITE,),
            "a_full_file_system_says_so_and_takes_up_again_when_there_is_room": (SQLITE,),
            "strict_loses_nothing_answered_when_the_power_goes": (SQLITE,),
        },
        "faults/test_sqlite_processes.py": {
            "many_killed_processes_lose_nothing": (SQLITE,),
        },
    }),
    19: ("a row edited in the database, a flipped bit", {
        "audit/test_planted.py": {
            "what_is_planted_is_found_by_name": (SQLITE,),
        },
        "audit/test_damage.py": {
            "bytes_of_an_event_are_flipped_and_every_flip_is_found": (SQLITE,),
        },
        "audit/test_postgres.py": {
            "what_is_planted_is_found_alike": (POSTGRES,),
        },
        "audit/test_postgres_damage.py": {
            "a_page_that_cannot_be_read_hides_its_accounts_only": (POSTGRES,),
        },
        "audit/test_elsewhere.py": {
            "a_hot_state_elsewhere_that_differs_is_found": (VALKEY,),
        },
    }),
    20: ("hot store unreachable", {
        "outage/test_admitted.py": {
            "just_as_many_units_are_admitted_as_the_plan_says_and_then_it_is_closed": (SQLITE,),
        },
        "outage/test_recorded.py": {
            "what_was_admitted_is_recorded_in_its_own_time_and_paid_by_the_ordinary_rules": (SQLITE,),
        },
        "outage/test_servers.py": {
            "postgresql_that_cannot_be_reached_closes_no_plan_that_is_open": (POSTGRES,),
            "a_valkey_that_was_killed_closes_no_plan_that_is_open": (VALKEY,),
        },
    }),
}  # fmt: skip

NO_SUCH = "this rung has no such thing"
LIKE_VALKEY = "the same adapter, and nothing in it that the kind of server changes"
ELSEWHERE: dict[int, dict[str, str]] = {
    1: {SQLITE: "no network: see the crash matrix"},
    5: {REDIS: LIKE_VALKEY},
    7: {POSTGRES: "without a standby it loses what `synchronous_commit` off bounds; the books lie in the same server"},
    8: {POSTGRES: "hot state and books are one server: whoever is cut off writes neither", REDIS: LIKE_VALKEY,
        CLUSTER: "a node that is cut off for its timeout takes no writes; else as one Valkey"},
    9: {SQLITE: NO_SUCH, REDIS: LIKE_VALKEY, CLUSTER: LIKE_VALKEY},
    17: {SQLITE: NO_SUCH, POSTGRES: NO_SUCH},
    18: dict.fromkeys(SERVERS, NO_SUCH),
    19: {REDIS: LIKE_VALKEY, CLUSTER: LIKE_VALKEY},
    20: {REDIS: LIKE_VALKEY, CLUSTER: LIKE_VALKEY},
}  # fmt: skip

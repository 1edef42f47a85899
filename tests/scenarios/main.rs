//! End to end: the loop under test, the official SDK, the simulated AWS on the wire.
//!
//! Each scenario is written once over [`rig::LoopUnderTest`]. All are told over the standalone shell, and over Kubernetes
//! those in which it has a part.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod controller;
mod kubernetes;
mod monitoring;

use evenkeel_test_support::{ROOT, child, rig, standalone, worlds};

mod aws_rights;
mod balanced;
mod crashes;
mod failback;
mod hands_off;
mod identity;
mod other_actors;
mod rough_network;
mod settings;
mod unwilling_aws;
mod who_may_act;
mod zone_outage;

/// One scenario as a test of one shell: by itself, or once in each cluster mode that is named behind it.
macro_rules! scenario {
    ($shell:ty: $file:ident $name:ident) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            crate::$file::$name::<$shell>().await;
        }
    };
    ($shell:ty: $file:ident $name:ident $($mode:ident)+) => {
        mod $name {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $mode() {
                    crate::$file::$name::<$shell>(crate::worlds::$mode()).await;
                }
            )+
        }
    };
}

/// Every scenario: `NAME [in MODE [and MODE]]`, told over `evenkeel run`.
macro_rules! standalone {
    ($($file:ident { $($name:ident $(in $($mode:ident)and+)?),* $(,)? })*) => {
        /// `evenkeel run`.
        mod by_standalone {
            $(
                mod $file {
                    $(scenario! { crate::standalone::Standalone: $file $name $($($mode)+)? })*
                }
            )*
        }
    };
}

/// The scenarios in which Kubernetes has a part, `NAME [in MODE]: why`, told once more over `evenkeel controller`, against a
/// real API server.
macro_rules! on_kubernetes {
    ($($file:ident { $($name:ident $(in $($mode:ident)and+)?: $why:literal),* $(,)? })*) => {
        mod by_controller {
            $(
                mod $file {
                    $(scenario! { crate::controller::Controller: $file $name $($($mode)+)? })*
                }
            )*
        }

        /// As `docs/development/scenarios.md` lists them.
        const ON_KUBERNETES: &[(&str, &str)] = &[$($((stringify!($name), $why)),*),*];
    };
}

standalone! {
    crashes {
        killed_between_prepared_and_maybe_called in enabled and disabled,
        killed_before_the_call_arrived in enabled and disabled,
        killed_after_the_call_before_its_answer in enabled and disabled,
        killed_after_an_increase_before_its_answer in enabled and disabled,
        killed_while_settling in enabled and disabled,
        killed_after_the_answer_before_the_status in enabled and disabled,
        a_truncated_record_makes_no_second_failover,
        a_lost_record_makes_no_second_failover,
        a_lost_record_makes_no_second_increase in enabled and disabled,
        a_lost_record_means_not_ours_so_surplus_stays in enabled and disabled,
    }
    failback {
        after_aws_fails_over_primaries_return_once_it_has_been_quiet in enabled and disabled,
        after_a_person_fails_over_nothing_moves_until_acknowledged in enabled and disabled,
    }
    zone_outage {
        three_zones_lost_copies_are_replaced_then_tidied_up in enabled and disabled,
        three_zones_where_aws_refuses_the_increase_during_an_outage in enabled and disabled,
        three_zones_where_dead_nodes_keep_their_last_metric in enabled and disabled,
        two_zones_nothing_is_done_until_the_zone_is_back in enabled and disabled,
        a_zone_that_returns_after_the_quiet_period_is_not_failed_back_to_at_once in enabled and disabled,
    }
    settings {
        a_group_in_one_zone_is_spread_before_its_settings_are_turned_on in enabled and disabled,
    }
    balanced {
        a_balanced_stack_is_left_alone in enabled and disabled,
    }
    rough_network {
        half_of_all_calls_throttled_some_5xx_it_converges_within_its_budget in enabled and disabled,
        a_reset_after_the_change_is_never_sent_again in enabled and disabled,
        answers_cut_off_in_the_midst_are_told_and_are_no_absence in enabled and disabled,
        cloudwatch_blind_for_an_hour_nothing_is_impaired_and_nothing_done in enabled and disabled,
    }
    unwilling_aws {
        test_failover_blocked_is_a_hold_and_no_storm in enabled and disabled,
        the_failover_quota_used_up_is_a_hold_with_a_retry_time in enabled and disabled,
        what_others_used_of_the_failover_quota_counts in enabled and disabled,
        an_accepted_increase_that_is_rolled_back_stops_after_three_times in enabled and disabled,
        capacity_missing_in_one_zone_another_eligible_one_is_used in enabled and disabled,
        capacity_missing_in_every_eligible_zone_is_a_hold_with_a_retry_time in enabled and disabled,
        five_failed_actions_in_a_row_stop_all_acting,
        a_lone_dead_node_is_left_to_aws in enabled and disabled,
    }
    who_may_act {
        paused_judges_but_does_not_act in enabled and disabled,
        observe_plans_and_never_acts in enabled and disabled,
        approve_waits_for_the_plan_id_and_uses_it_once in enabled and disabled,
        an_approval_does_not_cover_a_plan_that_changed in enabled and disabled,
        policy_overrides_the_mode_for_one_action_type in enabled and disabled,
        a_deny_window_across_midnight_in_seoul_holds_until_it_ends in enabled and disabled,
        a_window_in_a_zone_with_summer_time_opens_on_its_own_clock in enabled and disabled,
        nothing_disruptive_in_or_just_before_the_maintenance_window in enabled and disabled,
        a_replica_that_lags_just_before_the_call_holds_it in enabled and disabled,
        stop_halts_all_acting_until_it_is_lifted in enabled and disabled,
        stop_in_the_middle_of_a_step_sends_nothing in enabled and disabled,
        sigterm_ends_it_cleanly_and_it_goes_on_later in enabled and disabled,
    }
    hands_off {
        a_missing_group_is_reported in enabled and disabled,
        a_group_being_created_is_waited_for in enabled and disabled,
        a_member_of_a_global_datastore_is_report_only in enabled and disabled,
        a_group_on_an_outpost_is_report_only in enabled and disabled,
        a_copy_in_a_local_zone_is_not_relied_on_and_replaced in enabled and disabled,
        access_denied_is_told_and_is_not_absence in enabled and disabled,
        an_aws_that_never_answered_is_not_ready_and_no_failure_either in enabled and disabled,
        unknown_roles_forbid_moving_primaries,
        without_the_owners_tag_it_prints_the_command_that_claims in enabled and disabled,
        anothers_tag_is_respected_and_named in enabled and disabled,
        of_two_stacks_that_name_one_group_the_elder_acts in enabled and disabled,
    }
    aws_rights {
        a_life_with_every_kind_of_step_uses_every_right_of_the_controller,
        the_mode_observe_needs_the_read_only_policy_and_all_of_it in enabled and disabled,
    }
    identity {
        a_group_made_anew_under_its_id_is_another_one in enabled and disabled,
        another_group_under_a_components_name_has_its_own_history in enabled and disabled,
        a_component_that_changes_its_name_keeps_its_memory in enabled and disabled,
        a_node_added_by_others_under_the_id_of_one_that_was_replaced_stays in disabled,
    }
    other_actors {
        replica_autoscaling_up_and_down_is_let_be in enabled and disabled,
        terraform_undoing_each_added_replica_is_not_fought_beyond_the_limit in enabled and disabled,
    }
}

on_kubernetes! {
    crashes {
        killed_between_prepared_and_maybe_called in enabled: "the ticket is in the object's status",
        killed_before_the_call_arrived in enabled: "the ticket is in the object's status, and a new process takes the lease",
        killed_after_the_call_before_its_answer in enabled: "the ticket is in the object's status, and a new process takes the lease",
        killed_after_an_increase_before_its_answer in disabled: "the ticket is in the object's status",
        killed_while_settling in enabled: "the ticket is in the object's status",
        killed_after_the_answer_before_the_status in disabled: "a status that was not written is written by the next process",
        a_truncated_record_makes_no_second_failover: "the record is a field that anybody with the right can write",
        a_lost_record_makes_no_second_failover: "the record is a field that anybody with the right can write",
        a_lost_record_makes_no_second_increase in enabled: "the record is a field that anybody with the right can write",
        a_lost_record_means_not_ours_so_surplus_stays in disabled: "the record is a field that anybody with the right can write",
    }
    failback {
        after_aws_fails_over_primaries_return_once_it_has_been_quiet in enabled: "status and Events of the story that the README tells",
        after_a_person_fails_over_nothing_moves_until_acknowledged in disabled: "an annotation acknowledges; the watch brings it",
    }
    zone_outage {
        three_zones_lost_copies_are_replaced_then_tidied_up in enabled: "a record that grows and shrinks over hours, under optimistic locking",
        two_zones_nothing_is_done_until_the_zone_is_back in disabled: "conditions through an outage and back, as GitOps reads them",
    }
    balanced {
        a_balanced_stack_is_left_alone in enabled: "no write of the object, its resourceVersion stays",
    }
    rough_network {
        half_of_all_calls_throttled_some_5xx_it_converges_within_its_budget in enabled: "long turns beside the lease's own clock",
    }
    unwilling_aws {
        an_accepted_increase_that_is_rolled_back_stops_after_three_times in enabled: "an annotation acknowledges; the watch brings it",
        five_failed_actions_in_a_row_stop_all_acting: "the breaker writes the stop switch, a ConfigMap",
    }
    who_may_act {
        paused_judges_but_does_not_act in enabled: "an annotation pauses; the watch brings it",
        observe_plans_and_never_acts in disabled: "the mode's default is the definition's",
        approve_waits_for_the_plan_id_and_uses_it_once in enabled: "an annotation approves; the record remembers",
        an_approval_does_not_cover_a_plan_that_changed in enabled: "an annotation approves; the record remembers",
        policy_overrides_the_mode_for_one_action_type in disabled: "the spec through the definition's schema",
        a_deny_window_across_midnight_in_seoul_holds_until_it_ends in enabled: "the spec through the definition's schema",
        stop_halts_all_acting_until_it_is_lifted in enabled: "the stop switch is a ConfigMap",
        stop_in_the_middle_of_a_step_sends_nothing in disabled: "the stop switch is a ConfigMap",
        sigterm_ends_it_cleanly_and_it_goes_on_later in enabled: "the lease is given back, and taken by the next process",
    }
    hands_off {
        a_missing_group_is_reported in enabled: "conditions of an object that is accepted and names nothing",
        an_aws_that_never_answered_is_not_ready_and_no_failure_either in disabled: "the conditions Ready and Stalled, as GitOps reads them",
        without_the_owners_tag_it_prints_the_command_that_claims in enabled: "the owner's tag names namespace and stack",
        of_two_stacks_that_name_one_group_the_elder_acts in enabled: "the API server says which is the elder",
    }
}

/// The table that says which scenarios are told over Kubernetes, too, and why.
#[test]
fn the_document_lists_what_is_told_over_kubernetes_and_why() {
    let document = std::fs::read_to_string(format!("{ROOT}/docs/development/scenarios.md")).unwrap();
    let rows = document.lines().filter_map(|line| line.strip_prefix("| `"));
    let listed: Vec<String> = rows.map(|row| format!("| `{row}")).collect();
    let told: Vec<String> = ON_KUBERNETES
        .iter()
        .map(|(name, why)| format!("| `{name}` | {why} |"))
        .collect();
    assert_eq!(listed, told);
}

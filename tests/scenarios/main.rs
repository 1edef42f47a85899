//! End to end: the loop under test, the official SDK, the simulated AWS on the wire.
//!
//! Each scenario is written once over [`rig::LoopUnderTest`]; the list at the end runs them all against each shell.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod rig;
mod standalone;
mod worlds;

mod balanced;
mod failback;
mod settings;
mod zone_outage;

macro_rules! run_all {
    ($shell:ty: $($file:ident { $($name:ident),* $(,)? })*) => {
        $(
            mod $file {
                $(
                    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                    async fn $name() {
                        super::super::$file::$name::<$shell>().await;
                    }
                )*
            }
        )*
    };
}

/// `evenkeel run`.
mod by_standalone {
    run_all! { super::super::standalone::Standalone:
        balanced { a_balanced_stack_is_left_alone_cluster_mode_enabled, a_balanced_stack_is_left_alone_cluster_mode_disabled }
        failback {
            after_aws_fails_over_primaries_return_once_it_has_been_quiet,
            after_a_person_fails_over_nothing_moves_until_acknowledged,
        }
        zone_outage {
            three_zones_lost_copies_are_replaced_then_tidied_up,
            three_zones_where_aws_refuses_the_increase_during_an_outage,
            three_zones_where_dead_nodes_keep_their_last_metric,
            two_zones_nothing_is_done_until_the_zone_is_back,
            a_zone_that_returns_after_the_quiet_period_is_not_failed_back_to_at_once,
        }
        settings { a_group_in_one_zone_is_spread_before_its_settings_are_turned_on }
    }
}

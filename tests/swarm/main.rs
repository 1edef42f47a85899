//! A swarm of seeded worlds: each seed is a world, what AWS is like where nobody could verify it, who else acts, what
//! goes wrong, and when the process dies. Whatever happens, nothing wrong is done ([`check`]), and once all is calm the
//! stack comes to what it wants.
//!
//! `make test` lives through a few seeds, `make swarm SEEDS=10000` through many, and `make swarm SEED=4711` tells one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::print_stdout, reason = "progress and stories are for people")]

mod check;
mod draw;
mod life;

use jiff::SignedDuration;
use life::{Life, live};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Those of `make test`.
const FEW: std::ops::RangeInclusive<u64> = 1..=40;

/// `EVENKEEL_SWARM`: `4711`, or `1..10000`.
#[expect(
    clippy::disallowed_methods,
    reason = "a setting of the tests, not of the product"
)]
fn seeds() -> std::ops::RangeInclusive<u64> {
    let Ok(text) = std::env::var("EVENKEEL_SWARM") else {
        return FEW;
    };
    let number = |text: &str| -> u64 {
        text.parse()
            .unwrap_or_else(|_| panic!("EVENKEEL_SWARM={text}: a seed is a number, several are 1..100"))
    };
    match text.split_once("..") {
        Some((first, last)) => number(first)..=number(last),
        None => number(&text)..=number(&text),
    }
}

/// A panic of the loop is a violation as any other.
fn lived(seed: u64) -> Life {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    catch_unwind(AssertUnwindSafe(|| runtime.block_on(live(seed)))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
        Life {
            violations: vec![format!("panic: {}", text.unwrap_or_default())],
            ..Life::default()
        }
    })
}

fn median(mut spans: Vec<SignedDuration>) -> SignedDuration {
    spans.sort_unstable();
    spans[spans.len() / 2]
}

#[test]
fn whatever_happens_nothing_wrong_is_done_and_in_the_end_the_stack_is_whole() {
    let seeds = seeds();
    let (first, last) = (*seeds.start(), *seeds.end());
    let one = first == last;
    let next = AtomicU64::new(first);
    let lives: Mutex<Vec<(u64, Life)>> = Mutex::default();
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..cores.min(usize::try_from(last - first + 1).unwrap()) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed > last {
                        return;
                    }
                    let life = lived(seed);
                    if one || !life.violations.is_empty() {
                        println!("{}", story(seed, &life, one));
                    }
                    let mut lives = lives.lock().unwrap_or_else(PoisonError::into_inner);
                    lives.push((seed, life));
                    if lives.len().is_multiple_of(100) {
                        println!("{} of {} seeds", lives.len(), last - first + 1);
                    }
                }
            });
        }
    });
    let lives = lives.into_inner().unwrap_or_else(PoisonError::into_inner);
    let steps: usize = lives.iter().map(|(_, life)| life.steps).sum();
    let flattering: Vec<SignedDuration> = lives.iter().map(|(_, l)| l.flattering).collect();
    let alarming: Vec<SignedDuration> = lives.iter().map(|(_, l)| l.alarming).collect();
    println!(
        "{} seeds, {steps} steps; flattering: median {:#}, worst {:#}; alarming: median {:#}, worst {:#}",
        lives.len(),
        median(flattering.clone()),
        flattering.iter().max().unwrap(),
        median(alarming.clone()),
        alarming.iter().max().unwrap(),
    );
    let mut bad: Vec<u64> = lives
        .iter()
        .filter(|(_, l)| !l.violations.is_empty())
        .map(|(seed, _)| *seed)
        .collect();
    bad.sort_unstable();
    assert!(
        bad.is_empty(),
        "{} of {} seeds: {bad:?}; make swarm SEED=… tells one",
        bad.len(),
        lives.len()
    );
    assert!(
        one || steps > lives.len() / 2,
        "a swarm in which nothing is done shows nothing"
    );
}

fn story(seed: u64, life: &Life, whole: bool) -> String {
    let mut text = format!("== seed {seed}\n");
    if whole {
        text += &draw::Story::of(seed).tell();
        text += &life.told;
    }
    for violation in life.violations.iter().take(5) {
        text += &format!("violation: {violation}\n");
    }
    text
}

//! AWSAccounts: seen, decided about, tried, reported on.
//!
//! [`watch`] keeps what the cluster says of accounts and namespaces; [`decide`] says (pure) what a stack gets of one;
//! [`resolve`] puts that into the loop's wishes, and keeps from the loop whatever may not call AWS; [`publish`] tries each
//! role and writes what came of it. Followers only watch.

mod cache;
mod decide;
mod publish;
mod resolve;
mod watch;

pub use cache::Accounts;
pub use decide::Refusal;
pub use publish::AccountPublisher;
pub use resolve::{Resolver, withdrawn};
pub use watch::{watch_accounts, watch_namespaces};

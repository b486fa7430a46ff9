//! How often somebody may try a password: for each account and for each address, in memory.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::http::ApiError;

/// Wrong tries of one account before it waits.
const PER_ACCOUNT: u32 = 10;
/// Wrong tries from one address before it waits: a whole office may sit behind one.
const PER_ADDRESS: u32 = 50;
/// How long wrong tries are remembered, and how long the wait is.
const WINDOW: Duration = Duration::from_secs(15 * 60);
/// Accounts and addresses that are remembered; beyond it the oldest is forgotten.
const REMEMBERED: usize = 10_000;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Of {
    Account(String),
    Address(IpAddr),
}

/// Wrong tries of late.
#[derive(Debug, Default)]
pub(crate) struct Tries(Mutex<HashMap<Of, (u32, Instant)>>);

impl Tries {
    /// Refuses who has to wait, and counts the try until it is known to be right.
    pub(crate) fn begin(&self, account: &str, address: Option<IpAddr>) -> Result<(), ApiError> {
        self.begin_at(account, address, Instant::now())
    }

    fn begin_at(&self, account: &str, address: Option<IpAddr>, now: Instant) -> Result<(), ApiError> {
        let account = [(Of::Account(account.to_owned()), PER_ACCOUNT)];
        let address = address.map(|address| (Of::Address(address), PER_ADDRESS));
        self.count(account.into_iter().chain(address).collect(), now)
    }

    /// The same where no account is named: a sign-in that a provider of identities decides.
    pub(crate) fn begin_from(&self, address: Option<IpAddr>) -> Result<(), ApiError> {
        let address = address.map(|address| (Of::Address(address), PER_ADDRESS));
        self.count(address.into_iter().collect(), Instant::now())
    }

    fn count(&self, all: Vec<(Of, u32)>, now: Instant) -> Result<(), ApiError> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, (_, since)| now.duration_since(*since) < WINDOW);
        if all
            .iter()
            .any(|(of, most)| known.get(of).is_some_and(|(count, _)| count >= most))
        {
            return Err(ApiError::Busy(
                "too many failed sign-ins of this account or from this address: wait a quarter of an hour".into(),
            ));
        }
        for (of, _) in all {
            if known.len() >= REMEMBERED
                && let Some(oldest) = known
                    .iter()
                    .min_by_key(|(_, (_, since))| *since)
                    .map(|(of, _)| of.clone())
            {
                known.remove(&oldest);
            }
            known.entry(of).or_insert((0, now)).0 += 1;
        }
        Ok(())
    }

    /// It was right: the account begins anew. The address does not, or one good account would open the way to others.
    pub(crate) fn succeeded(&self, account: &str, address: Option<IpAddr>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.remove(&Of::Account(account.to_owned()));
        drop(known);
        self.succeeded_from(address);
    }

    /// As [`Tries::succeeded`], where no account was named.
    pub(crate) fn succeeded_from(&self, address: Option<IpAddr>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((count, _)) = address.and_then(|address| known.get_mut(&Of::Address(address))) {
            *count = count.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::time::Instant;

    use super::{PER_ACCOUNT, PER_ADDRESS, Tries, WINDOW};

    #[test]
    fn sec_51_an_account_and_an_address_wait_after_too_many_wrong_tries() {
        let (tries, now) = (Tries::default(), Instant::now());
        let from = |last| Some(IpAddr::V4(Ipv4Addr::new(10, 0, 0, last)));
        for _ in 0..PER_ACCOUNT {
            tries.begin_at("ann", from(1), now).expect("a try");
        }
        tries
            .begin_at("ann", from(2), now)
            .expect_err("the account waits, wherever it is tried");
        tries.begin_at("bob", from(1), now).expect("another account does not");
        tries.begin_at("ann", from(2), now + WINDOW).expect("after the wait");
        for number in 0..PER_ADDRESS {
            tries
                .begin_at(&format!("user-{number}"), from(3), now + WINDOW)
                .expect("a try");
        }
        tries
            .begin_at("carl", from(3), now + WINDOW)
            .expect_err("the address waits");
        tries.begin_at("carl", from(4), now + WINDOW).expect("from elsewhere");
    }

    #[test]
    fn the_right_password_clears_the_account() {
        let (tries, now) = (Tries::default(), Instant::now());
        for _ in 0..PER_ACCOUNT * 3 {
            tries.begin_at("ann", None, now).expect("a try");
            tries.succeeded("ann", None);
        }
    }
}

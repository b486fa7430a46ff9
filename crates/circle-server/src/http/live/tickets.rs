//! What opens a live WebSocket in a browser: a ticket that works once, soon, for one run, from this server's own pages.
//!
//! A token in an address would end in histories and logs. A ticket there is worth nothing a moment later. A page of
//! another site can neither get one nor use one that leaked to it: the browser tells the page's origin, and it must be
//! ours.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use circle_api::worker::SecretValue;
use circle_core::ids::RunId;

use crate::auth::{Caller, mint};
use crate::http::ApiError;
use crate::limits::{LIVE_TICKET_TIME, LIVE_TICKETS};

const PREFIX: &str = "circle_live_";

/// What a ticket opens, and for whom.
#[derive(Debug)]
struct Issued {
    run: RunId,
    caller: Caller,
    at: Instant,
}

/// Tickets that were issued and not used, by their hash.
#[derive(Debug, Default)]
pub(crate) struct LiveTickets {
    issued: Mutex<HashMap<String, Issued>>,
}

impl LiveTickets {
    /// A new ticket for a run, for somebody who may follow it.
    pub(crate) fn issue(&self, run: RunId, caller: Caller) -> Result<SecretValue, ApiError> {
        let now = Instant::now();
        let mut issued = self.lock();
        issued.retain(|_, one| now.duration_since(one.at) < LIVE_TICKET_TIME);
        if issued.len() >= LIVE_TICKETS {
            return Err(ApiError::Busy(
                "too many tickets are unused: try again in a moment".into(),
            ));
        }
        let minted = mint(PREFIX);
        issued.insert(minted.hash, Issued { run, caller, at: now });
        Ok(minted.value)
    }

    /// Uses a ticket up and tells whose it was; of many who try, one succeeds.
    pub(super) fn redeem(&self, ticket: &str, run: RunId) -> Result<Caller, ApiError> {
        let issued = self.lock().remove(&crate::auth::hash_of(ticket));
        match issued {
            Some(one) if one.run == run && one.at.elapsed() < LIVE_TICKET_TIME => Ok(one.caller),
            _ => Err(ApiError::BadCredential),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Issued>> {
        self.issued.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use circle_core::ids::RunId;
    use uuid::Uuid;

    use super::LiveTickets;
    use crate::auth::Caller;

    fn caller() -> Caller {
        Caller::for_tests("somebody")
    }

    fn run(number: u128) -> RunId {
        RunId::from_uuid(Uuid::from_u128(number))
    }

    #[test]
    fn sec_46_a_ticket_opens_one_run_once() {
        let tickets = LiveTickets::default();
        let ticket = tickets.issue(run(1), caller()).expect("a ticket");
        tickets.redeem("circle_live_0000", run(1)).expect_err("an unknown one");
        tickets.redeem(ticket.expose(), run(1)).expect("the right one");
        tickets.redeem(ticket.expose(), run(1)).expect_err("used up");
        let ticket = tickets.issue(run(1), caller()).expect("a ticket");
        tickets.redeem(ticket.expose(), run(2)).expect_err("another run");
        tickets
            .redeem(ticket.expose(), run(1))
            .expect_err("a wrong try uses it up");
    }
}

//! The suite of [`Leases`](crate::leases::Leases).

use std::sync::Arc;

use tokio::task::JoinSet;

use super::{Case, Fixture, leases_restart as restart};
use crate::leases::{Acquire, Fence, Lease, LeaseError, Leases, MAX_TTL_MS};

/// What a fixture opens.
pub type Port = Arc<dyn Leases>;
type Place<'a> = &'a dyn Fixture<Port>;

/// Every case.
pub const CASES: &[Case<Port>] = &[
    Case {
        name: "a free name is given once",
        run: |place| Box::pin(a_free_name_is_given_once(place)),
    },
    Case {
        name: "a name past its time is given",
        run: |place| Box::pin(a_name_past_its_time_is_given(place)),
    },
    Case {
        name: "renewing keeps it",
        run: |place| Box::pin(renewing_keeps_it(place)),
    },
    Case {
        name: "a lost lease stays lost",
        run: |place| Box::pin(a_lost_lease_stays_lost(place)),
    },
    Case {
        name: "the same holder gets a new fence",
        run: |place| Box::pin(the_same_holder_gets_a_new_fence(place)),
    },
    Case {
        name: "fences grow over all names",
        run: |place| Box::pin(fences_grow_over_all_names(place)),
    },
    Case {
        name: "what is expired is listed",
        run: |place| Box::pin(what_is_expired_is_listed(place)),
    },
    Case {
        name: "what is held is counted by prefix",
        run: |place| Box::pin(what_is_held_is_counted(place)),
    },
    Case {
        name: "wrong wishes are refused",
        run: |place| Box::pin(wrong_wishes_are_refused(place)),
    },
    Case {
        name: "of many one gets it",
        run: |place| Box::pin(of_many_one_gets_it(place)),
    },
    Case {
        name: "fences grow over a restart",
        run: |place| Box::pin(restart::fences_grow(place)),
    },
    Case {
        name: "a restart gives time to come back",
        run: |place| Box::pin(restart::time_to_come_back(place)),
    },
    Case {
        name: "what was released stays released",
        run: |place| Box::pin(restart::released_stays_released(place)),
    },
];

pub(super) async fn take(leases: &dyn Leases, name: &str, holder: &str, now_ms: i64) -> Result<Lease, LeaseError> {
    leases
        .acquire(
            Acquire {
                name: name.to_owned(),
                holder: holder.to_owned(),
                ttl_ms: 100,
            },
            now_ms,
        )
        .await
}

async fn a_free_name_is_given_once(place: Place<'_>) {
    let leases = place.open().await;
    assert_eq!(leases.current("a").await.expect("an answer"), None);
    let lease = take(&*leases, "a", "one", 1000).await.expect("free");
    assert_eq!((lease.holder.as_str(), lease.until_ms), ("one", 1100));
    let error = take(&*leases, "a", "two", 1099).await.expect_err("held");
    assert_eq!(error, LeaseError::Held(Box::new(lease.clone())));
    assert_eq!(leases.current("a").await.expect("an answer"), Some(lease.clone()));
    take(&*leases, "b", "two", 1000).await.expect("another name");
    leases.release("a", lease.fence).await.expect("released");
    take(&*leases, "a", "two", 1000).await.expect("free again");
}

async fn a_name_past_its_time_is_given(place: Place<'_>) {
    let leases = place.open().await;
    let old = take(&*leases, "a", "one", 1000).await.expect("free");
    let new = take(&*leases, "a", "two", 1100)
        .await
        .expect("past its time at the very millisecond");
    assert!(new.fence > old.fence, "{} after {}", new.fence, old.fence);
}

async fn renewing_keeps_it(place: Place<'_>) {
    let leases = place.open().await;
    let lease = take(&*leases, "a", "one", 1000).await.expect("free");
    let renewed = leases.renew("a", lease.fence, 100, 1090).await.expect("renewed");
    assert_eq!((renewed.fence, renewed.until_ms), (lease.fence, 1190));
    take(&*leases, "a", "two", 1150).await.expect_err("renewed until 1190");
    let shorter = leases.renew("a", lease.fence, 1, 1100).await.expect("renewed");
    assert_eq!(shorter.until_ms, 1190, "a renewal never shortens");
    let late = leases
        .renew("a", lease.fence, 100, 5000)
        .await
        .expect("late, but nobody took it");
    assert_eq!(late.until_ms, 5100);
}

async fn a_lost_lease_stays_lost(place: Place<'_>) {
    let leases = place.open().await;
    let lost = LeaseError::Lost { name: "a".to_owned() };
    assert_eq!(
        leases.renew("a", Fence(1), 100, 1000).await,
        Err(lost.clone()),
        "never held"
    );
    let old = take(&*leases, "a", "one", 1000).await.expect("free");
    let new = take(&*leases, "a", "two", 2000).await.expect("past its time");
    assert_eq!(leases.renew("a", old.fence, 100, 2001).await, Err(lost.clone()));
    assert_eq!(leases.release("a", old.fence).await, Err(lost.clone()));
    assert_eq!(
        leases.current("a").await.expect("an answer"),
        Some(new.clone()),
        "the new holder keeps it"
    );
    leases.release("a", new.fence).await.expect("released");
    assert_eq!(leases.release("a", new.fence).await, Err(lost.clone()));
    assert_eq!(leases.renew("a", new.fence, 100, 2001).await, Err(lost));
}

async fn the_same_holder_gets_a_new_fence(place: Place<'_>) {
    let leases = place.open().await;
    let first = take(&*leases, "a", "one", 1000).await.expect("free");
    let second = take(&*leases, "a", "one", 1010).await.expect("its own");
    assert!(second.fence > first.fence);
    leases
        .renew("a", first.fence, 100, 1020)
        .await
        .expect_err("the older fence is lost");
    leases
        .renew("a", second.fence, 100, 1020)
        .await
        .expect("the newer one holds");
}

async fn fences_grow_over_all_names(place: Place<'_>) {
    let leases = place.open().await;
    let mut last = Fence(0);
    for round in 0..20 {
        let lease = take(&*leases, &format!("name {}", round % 3), "one", 1000)
            .await
            .expect("its own or free");
        assert!(lease.fence > last, "{} after {last}", lease.fence);
        last = lease.fence;
        if round % 4 == 0 {
            leases.release(&lease.name, lease.fence).await.expect("released");
        }
    }
}

async fn what_is_expired_is_listed(place: Place<'_>) {
    let leases = place.open().await;
    let early = take(&*leases, "early", "one", 1000).await.expect("free");
    let late = take(&*leases, "late", "one", 1050).await.expect("free");
    let kept = take(&*leases, "kept", "one", 1000).await.expect("free");
    leases.renew("kept", kept.fence, 1000, 1000).await.expect("renewed");
    assert_eq!(leases.expired(1099).await.expect("an answer"), []);
    assert_eq!(
        leases.expired(1100).await.expect("an answer"),
        std::slice::from_ref(&early)
    );
    assert_eq!(
        leases.expired(1500).await.expect("an answer"),
        [early.clone(), late.clone()]
    );
    take(&*leases, "early", "reaper", 1500)
        .await
        .expect("taken by who cleans up");
    assert_eq!(leases.expired(1500).await.expect("an answer"), [late]);
}

async fn what_is_held_is_counted(place: Place<'_>) {
    let leases = place.open().await;
    for name in ["run/2", "run/1", "runner", "deploy/1"] {
        take(&*leases, name, "one", 1000).await.expect("free");
    }
    let names = |held: Vec<Lease>| held.into_iter().map(|lease| lease.name).collect::<Vec<_>>();
    assert_eq!(names(leases.held("run/").await.expect("an answer")), ["run/1", "run/2"]);
    assert_eq!(leases.held("").await.expect("an answer").len(), 4);
    assert_eq!(leases.held("x").await.expect("an answer"), []);
}

async fn wrong_wishes_are_refused(place: Place<'_>) {
    let leases = place.open().await;
    let wish = |name: &str, holder: &str, ttl_ms| Acquire {
        name: name.to_owned(),
        holder: holder.to_owned(),
        ttl_ms,
    };
    let long = "x".repeat(1000);
    for wish in [
        wish("", "h", 1),
        wish("n", "", 1),
        wish("n", "h", 0),
        wish("n", "h", MAX_TTL_MS + 1),
        wish(&long, "h", 1),
    ] {
        let error = leases.acquire(wish.clone(), 0).await.expect_err("a wrong wish");
        assert!(matches!(error, LeaseError::Invalid { .. }), "{wish:?}: {error:?}");
    }
}

async fn of_many_one_gets_it(place: Place<'_>) {
    let leases = place.open().await;
    let mut tasks = JoinSet::new();
    for task in 0..16 {
        let leases = Arc::clone(&leases);
        tasks.spawn(async move { take(&*leases, "a", &format!("holder {task}"), 1000).await });
    }
    let outcomes = tasks.join_all().await;
    let won: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().ok()).collect();
    assert_eq!(won.len(), 1, "{outcomes:?}");
    for error in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
        assert_eq!(*error, LeaseError::Held(Box::new(won[0].clone())));
    }
}

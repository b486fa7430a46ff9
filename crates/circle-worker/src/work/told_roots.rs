//! Golden roots as the server is told of them.

use circle_api::resources::GoldenRootsPrune;
use circle_api::worker::RootReport;
use circle_cell::{CellProvider, KeptRoot, RootName, RootTally};
use circle_core::ids::ServiceId;

/// What is kept. A provider that keeps nothing, or cannot be asked, tells of nothing.
pub(super) async fn told(provider: &dyn CellProvider) -> Vec<RootReport> {
    kept(provider).await.into_iter().map(|(_, report)| report).collect()
}

/// Removes what is wished to go, and tells what it was. Cells that began from it keep what they have.
pub(super) async fn remove(provider: &dyn CellProvider, wish: &GoldenRootsPrune, now_s: i64) -> Vec<RootReport> {
    let mut removed = Vec::new();
    for (name, report) in kept(provider).await {
        if name.is_base() || !fits(&report, wish, now_s) {
            continue;
        }
        match provider.forget_root(&name).await {
            Ok(true) => removed.push(report),
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, root = %name, "a root could not be removed"),
        }
    }
    removed
}

async fn kept(provider: &dyn CellProvider) -> Vec<(RootName, RootReport)> {
    let tallies = provider.root_tallies().await.unwrap_or_default();
    let roots = provider.roots().await.unwrap_or_default();
    let report = |root: KeptRoot| {
        let name = root.stamp.name.clone();
        let tally = tallies.get(&name).copied().unwrap_or_default();
        (name, report(root, tally))
    };
    roots.into_iter().map(report).collect()
}

fn report(root: KeptRoot, tally: RootTally) -> RootReport {
    let seconds = |seconds: u64| i64::try_from(seconds).unwrap_or(i64::MAX);
    RootReport {
        service: service_of(&root.stamp.name),
        label: root.label,
        generation: root.stamp.generation,
        total_bytes: root.total_bytes,
        own_bytes: root.own_bytes,
        made_at: seconds(root.made_at),
        used_at: seconds(root.used_at),
        hits: tally.hits,
        misses: tally.misses,
    }
}

/// A service's root is called after it.
fn service_of(name: &RootName) -> Option<ServiceId> {
    name.as_str().split('.').next()?.parse().ok()
}

fn fits(report: &RootReport, wish: &GoldenRootsPrune, now_s: i64) -> bool {
    let of_service = wish.service.is_none_or(|service| report.service == Some(service));
    let unused_s = now_s.saturating_sub(report.used_at);
    of_service
        && wish
            .unused_s
            .is_none_or(|least| i64::try_from(least).is_ok_and(|least| unused_s >= least))
}

#[cfg(test)]
mod tests {
    use circle_api::resources::GoldenRootsPrune;
    use circle_api::worker::RootReport;
    use circle_core::ids::ServiceId;
    use uuid::Uuid;

    use super::fits;

    #[test]
    fn a_wish_names_a_service_and_a_time() {
        let [one, other] = [1, 2].map(|number| ServiceId::from_uuid(Uuid::from_u128(number)));
        let report = RootReport {
            service: Some(one),
            label: "shop refs/heads/main".to_owned(),
            generation: 1,
            total_bytes: 0,
            own_bytes: 0,
            made_at: 0,
            used_at: 1_000,
            hits: 0,
            misses: 0,
        };
        for (service, unused_s, expected) in [
            (None, None, true),
            (Some(one), Some(500), true),
            (Some(other), None, false),
            (None, Some(501), false),
            (None, Some(u64::MAX), false),
        ] {
            let wish = GoldenRootsPrune { service, unused_s };
            assert_eq!(fits(&report, &wish, 1_500), expected, "{wish:?}");
        }
    }
}

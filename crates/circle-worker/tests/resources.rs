//! The `resources` of one container, as its own control groups say them.

mod support;

use circle_core::run::FailureKind;
use support::{Bench, integration, job, pre_build};

/// The bounds of the container's own control groups, as it sees them itself: in version 2 or in version 1.
const OWN_BOUNDS: &str = "cd /sys/fs/cgroup
if test -e cpu.max; then echo cpus $(cat cpu.max) pids $(cat pids.max)
else echo cpus $(cat cpu/cpu.cfs_quota_us) $(cat cpu/cpu.cfs_period_us) pids $(cat pids/pids.max); fi";

#[tokio::test]
async fn a_container_has_the_processors_and_the_processes_that_its_resources_say() {
    let bench = Bench::new().await;
    bench.commit(&[("a", "b")]).await;
    let mut bounded = job(&[OWN_BOUNDS]);
    bounded.container.resources.cpu_millis = Some(1_500);
    bounded.container.resources.pids = Some(30);
    let mut greedy = job(&["for i in $(seq 60); do sleep 20 & done; test -n \"$no\""]);
    greedy.container.resources.pids = Some(30);
    let ran = bench
        .run(vec![integration(vec![], bounded), pre_build(greedy, vec![])])
        .await;
    let log = ran.sink.log("integration");
    assert!(log.contains("cpus 150000 100000 pids 30\n"), "{log}");
    let failure = ran.failure();
    assert_eq!(failure.kind, FailureKind::Bound, "{failure:?}");
    assert!(
        failure
            .message
            .ends_with("the container had reached the bound of its resources.pids on processes and threads, 30"),
        "{failure:?}"
    );
}

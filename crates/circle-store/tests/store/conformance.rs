//! The suites that every adapter passes.

use circle_store::conformance::{blobs, leases, logs, records, run};

use crate::fixtures::{Decorated, Folder};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn embedded_records_do_what_a_store_must() {
    run(records::CASES, Folder::new).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn embedded_leases_do_what_leases_must() {
    run(leases::CASES, Folder::new).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn embedded_logs_do_what_logs_must() {
    run(logs::CASES, Folder::new).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn embedded_logs_refuse_holes() {
    run(logs::HOLES, Folder::new).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn blobs_in_a_folder_do_what_blobs_must() {
    run(blobs::CASES, Folder::new).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn decorators_without_faults_change_nothing() {
    run(records::CASES, || Decorated(Folder::new())).await;
    run(leases::CASES, || Decorated(Folder::new())).await;
    run(logs::CASES, || Decorated(Folder::new())).await;
}

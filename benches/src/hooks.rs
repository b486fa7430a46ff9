//! Signed hooks at 500 a second: how fast they are answered, and whether each lies on the disk.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use circle_api::resources::DeliveryQuery;
use circle_api::routes::DEFAULT_WORKSPACE;
use circle_test::{Circle, Options};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio::task::JoinSet;

use crate::figures::{Report, ms, percentile};

/// Calls a second.
const RATE: u32 = 500;
/// For so many seconds.
const SECONDS: u32 = 10;

/// Prints p50 and p99, and what was stored.
pub(crate) async fn measure(report: &mut Report) -> Result<()> {
    let circle = Circle::start(Options::default()).await?;
    let shop = circle.service("shop").await?;
    let hook = circle
        .client()
        .renew_hook(DEFAULT_WORKSPACE, shop.name().as_str())
        .await?;
    let client = reqwest::Client::builder().build()?;
    let (mut answers, sent) = (JoinSet::new(), RATE * SECONDS);
    let mut clock = tokio::time::interval(Duration::from_secs(1) / RATE);
    for number in 0..sent {
        clock.tick().await;
        // A ref that is gone: stored like any other, and nothing else to do that would disturb the figure.
        let body = serde_json::json!({
            "ref": format!("refs/heads/gone-{number}"),
            "before": format!("{number:040x}"),
            "after": "0".repeat(40),
        })
        .to_string();
        let signature = sign(hook.secret.expose(), body.as_bytes())?;
        let call = client.post(&hook.url).header("circle-signature", signature).body(body);
        answers.spawn(async move {
            let start = Instant::now();
            let status = call.send().await?.status();
            ensure!(status.as_u16() == 202, "a hook was answered {status}");
            Ok(start.elapsed())
        });
    }
    let mut times = answers
        .join_all()
        .await
        .into_iter()
        .collect::<Result<Vec<Duration>>>()?;
    let stored = stored(&circle).await?;
    circle.stop().await?;
    let p99 = percentile(&mut times, 99);
    report.fact(
        &format!("hook answered at {RATE}/s, p50"),
        &ms(percentile(&mut times, 50)),
    );
    report.row(
        &format!("hook answered at {RATE}/s, p99"),
        &ms(p99),
        "< 50 ms",
        p99 < Duration::from_millis(50),
    );
    report.row(
        "… of them on disk",
        &format!("{stored} of {sent}"),
        "all",
        stored == u64::from(sent),
    );
    Ok(())
}

/// `sha256=` and the HMAC in hex.
pub(crate) fn sign(secret: &str, body: &[u8]) -> Result<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).context("any key will do")?;
    mac.update(body);
    Ok(format!("sha256={}", hex::encode(mac.finalize().into_bytes())))
}

async fn stored(circle: &Circle) -> Result<u64> {
    let (mut count, mut page) = (0, DeliveryQuery::default());
    loop {
        let answer = circle.client().deliveries(DEFAULT_WORKSPACE, &page).await?;
        count += answer.items.len() as u64;
        match answer.next {
            Some(next) => page.cursor = Some(next),
            None => return Ok(count),
        }
    }
}

//! Everything that a run would need, looked at before a host takes one.

use circle_api::worker::Trial;
use serde_json::Value;

use super::host::{DockerHost, meaning};
use crate::hosts::HostError;
use crate::records::{HostFinding, HostSettings};
use crate::time::now_ms;

/// The first version of the API whose daemon carries what Circle asks of it (Engine 20.10).
const OLDEST_API: (u32, u32) = (1, 41);
/// A token that works for minutes, a certificate and the times of a log bear no more, in milliseconds.
const MOST_CLOCK_MS: i64 = 30_000;
/// A run with a tool chain fills less than this only by luck.
const LEAST_DISK_BYTES: u64 = 2 << 30;

/// Looks; what is wrong stands in the finding.
pub(super) async fn inspect(host: &DockerHost) -> Result<HostFinding, HostError> {
    let version = host.get("/version").await.map_err(meaning)?;
    let asked = now_ms();
    let info = host.get("/info").await.map_err(meaning)?;
    let here = asked + (now_ms() - asked) / 2;
    let mut finding = read(&version, &info, here);
    judge(&host.settings, &version, &mut finding);
    if !finding.faults.is_empty() {
        // What is tried out would fail for the same reasons, with worse words.
        return Ok(finding);
    }
    match try_out(host).await {
        Ok(trial) => {
            finding.disk_free_bytes = trial.disk_free_bytes;
            finding.faults.extend(faults_of(&host.settings, &trial));
        }
        Err(HostError::Unable(why)) => finding.faults.push(why),
        Err(error) => return Err(error),
    }
    Ok(finding)
}

async fn try_out(host: &DockerHost) -> Result<Trial, HostError> {
    let image = host.program_image().await?;
    host.trial(&image).await
}

fn read(version: &Value, info: &Value, here_ms: i64) -> HostFinding {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let clock = info["SystemTime"]
        .as_str()
        .and_then(|text| text.parse::<jiff::Timestamp>().ok());
    HostFinding {
        version: text(&version["Version"]),
        kernel: text(&info["KernelVersion"]),
        arch: text(&info["Architecture"]),
        cpus: u32::try_from(info["NCPU"].as_u64().unwrap_or(0)).unwrap_or(u32::MAX),
        memory_bytes: info["MemTotal"].as_u64().unwrap_or(0),
        disk_free_bytes: 0,
        clock_ahead_ms: clock.map_or(0, |clock| clock.as_millisecond() - here_ms),
        faults: Vec::new(),
        at: now_ms(),
    }
}

fn judge(settings: &HostSettings, version: &Value, finding: &mut HostFinding) {
    let mut faults = Vec::new();
    let api = version["ApiVersion"].as_str().unwrap_or_default();
    if parsed(api).is_none_or(|api| api < OLDEST_API) {
        faults.push(format!(
            "it is Docker {} (API {api}): Circle needs Docker Engine 20.10 or newer",
            finding.version
        ));
    }
    if version["Os"].as_str() != Some("linux") {
        faults.push("its containers are not Linux's".to_owned());
    }
    if finding.arch != std::env::consts::ARCH {
        faults.push(format!(
            "its processors are {}, this server's are {}: its own program would not run there",
            finding.arch,
            std::env::consts::ARCH
        ));
    }
    if finding.clock_ahead_ms.abs() > MOST_CLOCK_MS {
        let way = if finding.clock_ahead_ms > 0 { "ahead" } else { "behind" };
        let seconds = finding.clock_ahead_ms.abs() / 1000;
        faults.push(format!(
            "its clock is {seconds} s {way}: set it, for example with an NTP client"
        ));
    }
    let wanted = settings.memory_mib.map(|mib| (mib << 20) * u64::from(settings.cells));
    if wanted.is_some_and(|wanted| wanted > finding.memory_bytes) {
        faults.push(format!(
            "{} runs of {} MiB are more than its {} MiB of memory",
            settings.cells,
            settings.memory_mib.unwrap_or(0),
            finding.memory_bytes >> 20
        ));
    }
    finding.faults = faults;
}

fn faults_of(settings: &HostSettings, trial: &Trial) -> Vec<String> {
    let mut faults = Vec::new();
    if trial.disk_free_bytes < LEAST_DISK_BYTES {
        faults.push(format!(
            "{} MiB are free on its disk: a run needs 2 GiB at least",
            trial.disk_free_bytes >> 20
        ));
    }
    if let Some(why) = &trial.server {
        faults.push(format!(
            "a worker there does not reach this server at {}: {why}; name an address that it reaches with --server-url",
            settings.server_url
        ));
    }
    if let Some(why) = &trial.cell {
        faults.push(format!("a worker there cannot make a cell: {why}"));
    }
    faults
}

fn parsed(version: &str) -> Option<(u32, u32)> {
    let (major, minor) = version.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use circle_api::worker::Trial;
    use serde_json::json;

    use super::{faults_of, judge, read};
    use crate::records::{HostFinding, HostSettings};

    fn settings() -> HostSettings {
        HostSettings {
            endpoint: "tcp://builder:2376".into(),
            cells: 4,
            memory_mib: Some(2048),
            cpu_millis: None,
            image: "circle/worker-base:12".into(),
            server_url: "https://ci.example.org".into(),
            worker_flags: Vec::new(),
        }
    }

    fn found(version: &str, api: &str, (clock, memory_gib, arch): (&str, u64, &str)) -> HostFinding {
        let version = json!({ "Version": version, "ApiVersion": api, "Os": "linux" });
        let info = json!({
            "KernelVersion": "6.1", "Architecture": arch, "NCPU": 8, "MemTotal": memory_gib << 30, "SystemTime": clock,
        });
        let here: jiff::Timestamp = "2026-01-01T12:00:00Z".parse().expect("a time");
        let mut finding = read(&version, &info, here.as_millisecond());
        judge(&settings(), &version, &mut finding);
        finding
    }

    #[test]
    fn what_speaks_against_a_host_is_said() {
        let (now, own) = ("2026-01-01T12:00:00.5Z", std::env::consts::ARCH);
        let good = found("24.0.7", "1.43", (now, 8, own));
        assert_eq!(good.faults, [""; 0]);
        assert_eq!((good.clock_ahead_ms, good.cpus), (500, 8));
        for (finding, words) in [
            (found("19.03.1", "1.40", (now, 8, own)), "Docker Engine 20.10 or newer"),
            (found("24.0.7", "odd", (now, 8, own)), "Docker Engine 20.10 or newer"),
            (
                found("24.0.7", "1.43", ("2026-01-01T12:01:00Z", 8, own)),
                "its clock is 60 s ahead",
            ),
            (
                found("24.0.7", "1.43", ("2026-01-01T11:59:00Z", 8, own)),
                "its clock is 60 s behind",
            ),
            (
                found("24.0.7", "1.43", (now, 4, own)),
                "4 runs of 2048 MiB are more than its 4096 MiB",
            ),
            (
                found("24.0.7", "1.43", (now, 8, "riscv64")),
                "its own program would not run there",
            ),
        ] {
            assert!(
                finding.faults.len() == 1 && finding.faults[0].contains(words),
                "{words}: {:?}",
                finding.faults
            );
        }
    }

    #[test]
    fn what_a_trial_found_is_said_with_what_to_do() {
        let good = Trial {
            disk_free_bytes: 3 << 30,
            server: None,
            cell: None,
        };
        assert_eq!(faults_of(&settings(), &good), [""; 0]);
        let bad = Trial {
            disk_free_bytes: 1 << 30,
            server: Some("no route".into()),
            cell: Some("no overlay".into()),
        };
        let faults = faults_of(&settings(), &bad);
        assert!(faults[0].contains("1024 MiB are free"), "{faults:?}");
        assert!(
            faults[1].contains("no route") && faults[1].contains("--server-url"),
            "{faults:?}"
        );
        assert!(faults[2].contains("no overlay"), "{faults:?}");
    }
}

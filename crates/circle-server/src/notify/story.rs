//! What there is to tell of a run, read when it is told.

use bytes::Bytes;
use circle_core::notice::Notice;
use circle_core::run::{Run, RunState, Verdict};
use circle_core::service::Service;
use circle_store::logs::{Place, Read};

use crate::http::{ApiError, newest};
use crate::server::Server;

/// Lines of the failing stage that a mail shows.
const LOG_LINES: u32 = 30;
/// Bytes of them: a line may be as long as a log.
const LOG_BYTES: usize = 16 * 1024;

/// A run, or none when somebody only tries.
#[derive(Debug, Clone)]
pub(crate) struct Story {
    pub(crate) service: Service,
    pub(crate) run: Option<Run>,
    /// The run's page, or the server's.
    pub(crate) page: String,
    /// The failing stage and its last lines, without colours and other terminal sequences.
    pub(crate) log: Option<(String, String)>,
}

impl Story {
    /// Reads it. `None`: the run or its service was removed meanwhile.
    pub(crate) async fn of(server: &Server, notice: &Notice) -> Result<Option<Self>, ApiError> {
        let service = match server.service_by_id(notice.service).await {
            Ok(service) => service,
            Err(ApiError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let Some(id) = notice.run else {
            let page = server.config.url.clone();
            return Ok(Some(Self {
                service,
                run: None,
                page,
                log: None,
            }));
        };
        let Some((run, _)) = server.run(id).await? else {
            return Ok(None);
        };
        let log = match failing_stage(&run) {
            Some(stage) => last_lines(server, &run, stage)
                .await?
                .map(|lines| (stage.to_owned(), lines)),
            None => None,
        };
        Ok(Some(Self {
            service,
            page: server.run_url(id),
            run: Some(run),
            log,
        }))
    }
}

fn failing_stage(run: &Run) -> Option<&str> {
    match &run.state {
        RunState::Ended {
            verdict: Verdict::Failed { failure },
            ..
        } => failure.stage.as_deref(),
        _ => None,
    }
}

/// `None` when the stage printed nothing, or its log is gone by now.
async fn last_lines(server: &Server, run: &Run, stage: &str) -> Result<Option<String>, ApiError> {
    let streams = newest(server.log_archive.streams(&run.id.to_string()).await?);
    let Some(info) = streams
        .into_iter()
        .find(|info| info.stream.stage == stage && info.length > 0)
    else {
        return Ok(None);
    };
    let place = Place::Line(info.lines.saturating_sub(u64::from(LOG_LINES)));
    let slice = server
        .log_archive
        .read(
            Read::new(run.id.to_string(), stage, place)
                .attempt(info.stream.attempt)
                .limit_bytes(LOG_BYTES),
        )
        .await?;
    let mut bytes = slice.bytes.clone();
    if slice.next_offset() < info.length {
        // Long lines: the end is what tells, not the beginning.
        let place = Place::Byte(info.length.saturating_sub(LOG_BYTES as u64));
        let read = Read::new(run.id.to_string(), stage, place)
            .attempt(info.stream.attempt)
            .limit_bytes(LOG_BYTES);
        bytes = server.log_archive.read(read).await?.bytes;
    }
    Ok(Some(plain(&bytes)))
}

/// Text as a mail can show it: what a terminal would have hidden stays hidden.
fn plain(bytes: &Bytes) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text = anstream::adapter::strip_str(&text).to_string();
    let lines: Vec<&str> = text.lines().map(last_overwrite).collect();
    let from = lines.len().saturating_sub(LOG_LINES as usize);
    let printable = |c: char| {
        if c.is_control() && c != '\t' && c != '\n' {
            '\u{fffd}'
        } else {
            c
        }
    };
    lines[from..].join("\n").chars().map(printable).collect()
}

/// A progress bar writes over its own line; what stands there at the end is the line.
fn last_overwrite(line: &str) -> &str {
    line.trim_end_matches('\r').rsplit('\r').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::plain;

    #[test]
    fn a_mail_shows_what_a_terminal_would() {
        let log = "10 %\r50 %\r100 %\r\n\u{1b}[31merror\u{1b}[0m: no\u{1b}]8;;http://evil\u{7}such\u{1b}]8;;\u{7}\tfile\u{0}\n";
        assert_eq!(plain(&Bytes::from(log)), "100 %\nerror: nosuch\tfile");
        let many: String = (0..100).map(|line| format!("{line}\n")).collect();
        assert_eq!(plain(&Bytes::from(many)).lines().count(), 30);
        assert_eq!(plain(&Bytes::from_static(b"\xff")), "\u{fffd}");
    }
}

//! `circle server`: the server alone; needs no root.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use circle_core::notice::MailAddress;
use circle_core::run::LogBounds;
use circle_net::Allow;
use circle_server::{ListenConfig, Listeners, MailConfig, MailTls, ServerConfig, serve};
use clap::Args;
use tokio_util::sync::CancellationToken;

use crate::config::SOCKET;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::signals::Signals;

/// Start the server alone; it needs no root
///
/// It keeps everything in the data folder's `server`, makes an administrator's token at its first start and writes it to
/// `server/admin-token`.
#[derive(Debug, Args)]
pub(crate) struct ServerArgs {
    #[command(flatten)]
    flags: ServerFlags,
}

/// What `up` and `server` share.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Server")]
pub(crate) struct ServerFlags {
    /// The address to listen on besides the socket in the data folder; `none` for the socket alone
    #[arg(
        long,
        env = "CIRCLE_LISTEN",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:8080"
    )]
    pub(crate) listen: Listen,
    /// The address under which people and hooks reach the server; http:// and the listening address when absent
    #[arg(long, env = "CIRCLE_URL", value_name = "URL")]
    pub(crate) url: Option<String>,
    /// A program and its arguments, in words, that print the master keys: `<id> <base64 of 32 bytes>` a line, the newest last; the file
    /// `server/master-key` in the data folder when absent
    #[arg(long, env = "CIRCLE_MASTER_KEY_COMMAND", value_name = "COMMAND")]
    master_key_command: Option<String>,
    /// A worker that is silent for so long has lost its run, in milliseconds
    #[arg(long, env = "CIRCLE_LEASE_MS", value_name = "MS", default_value_t = 15_000)]
    lease_ms: u64,
    /// Logs and outputs of ended runs are kept so long, in days
    #[arg(long, env = "CIRCLE_KEEP_DAYS", value_name = "DAYS", default_value_t = 90)]
    keep_days: u32,
    /// The audit is kept so long, in days
    #[arg(long, env = "CIRCLE_KEEP_AUDIT_DAYS", value_name = "DAYS", default_value_t = 400, value_parser = clap::value_parser!(u32).range(1..))]
    keep_audit_days: u32,
    /// The longest log of one stage, in MiB; a stage that prints more is ended
    #[arg(long, env = "CIRCLE_STAGE_LOG_MIB", value_name = "MIB", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..))]
    stage_log_mib: u32,
    /// The longest log of one run, in MiB
    #[arg(long, env = "CIRCLE_RUN_LOG_MIB", value_name = "MIB", default_value_t = 1_024, value_parser = clap::value_parser!(u32).range(1..))]
    run_log_mib: u32,
    /// How fast the log of one run may grow, in MiB a second; a job that prints faster is held back
    #[arg(long, env = "CIRCLE_LOG_RATE_MIB", value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    log_rate_mib: u32,
    /// A private network or service that the server may call, such as 10.1.0.0/16 or git.intern:443, for forges, repositories, webhooks
    /// and targets; may be repeated
    #[arg(long, env = "CIRCLE_ALLOW_OUTGOING", value_name = "PLACE", value_delimiter = ',')]
    allow_outgoing: Vec<Allow>,
    #[command(flatten)]
    mail: MailFlags,
}

/// The mail server. All of them go to the server's process as they are.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Server")]
struct MailFlags {
    /// The mail server, such as smtp://ci@mail.example.org; smtps:// for TLS from the first byte
    #[arg(long, env = "CIRCLE_MAIL_SERVER", value_name = "URL", requires = "mail_from")]
    mail_server: Option<String>,
    /// Who writes mail
    #[arg(long, env = "CIRCLE_MAIL_FROM", value_name = "ADDRESS", requires = "mail_server")]
    mail_from: Option<MailAddress>,
    /// A file with the password of the mail server's user
    #[arg(
        long,
        env = "CIRCLE_MAIL_PASSWORD_FILE",
        value_name = "FILE",
        requires = "mail_server"
    )]
    mail_password_file: Option<PathBuf>,
    /// An authority for the mail server's certificate beside those of the machine, in PEM
    #[arg(long, env = "CIRCLE_MAIL_AUTHORITY", value_name = "FILE", requires = "mail_server")]
    mail_authority: Option<PathBuf>,
    /// Mail goes to an smtp:// server in the clear: for a relay on this machine
    #[arg(long, requires = "mail_server")]
    mail_in_the_clear: bool,
}

impl MailFlags {
    fn config(self) -> Option<MailConfig> {
        Some(MailConfig {
            server: self.mail_server?,
            tls: if self.mail_in_the_clear {
                MailTls::None
            } else {
                MailTls::Required
            },
            password_file: self.mail_password_file,
            authority_file: self.mail_authority,
            from: self.mail_from?,
        })
    }

    fn to_arguments(&self) -> Vec<String> {
        let path =
            |name: &str, path: &Option<PathBuf>| path.as_ref().map(|path| format!("--{name}={}", path.display()));
        let all = [
            self.mail_server.as_ref().map(|url| format!("--mail-server={url}")),
            self.mail_from.as_ref().map(|from| format!("--mail-from={from}")),
            path("mail-password-file", &self.mail_password_file),
            path("mail-authority", &self.mail_authority),
            self.mail_in_the_clear.then(|| "--mail-in-the-clear".to_owned()),
        ];
        all.into_iter().flatten().collect()
    }
}

/// A TCP address, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listen {
    Tcp(SocketAddr),
    Nowhere,
}

pub(crate) async fn server(context: &Context, args: ServerArgs) -> anyhow::Result<Exit> {
    let signals = Signals::new()?;
    let data = std::path::absolute(&context.args.data)?;
    let listen = ListenConfig {
        socket: Some(data.join(SOCKET)),
        tcp: args.flags.listen.address(),
    };
    let listeners = Listeners::bind(&listen)
        .await
        .map_err(|error| Failure::broken(error.to_string()))?;
    let bound = listeners
        .address()
        .map_or_else(|| "http://localhost".into(), |address| format!("http://{address}"));
    let url = args.flags.url.clone().unwrap_or(bound);
    let config = ServerConfig {
        lease_ms: args.flags.lease_ms,
        master_key_command: args.flags.master_key_words(),
        keep_days: args.flags.keep_days,
        keep_audit_days: args.flags.keep_audit_days,
        log: args.flags.log_bounds(),
        allow_outgoing: args.flags.allow_outgoing.clone(),
        mail: args.flags.mail.clone().config(),
        ..ServerConfig::new(data.join("server"), url.trim_end_matches('/'))
    };
    let shutdown = CancellationToken::new();
    let work = Box::pin(serve(config, listeners, shutdown.clone()));
    match signals.end(&shutdown, work).await {
        Some(ended) => ended
            .map(|()| Exit::Ok)
            .map_err(|error| Failure::broken(told(&error)).into()),
        None => Ok(Exit::Cancelled),
    }
}

/// The error with its causes, as one sentence.
fn told(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    std::iter::once(error.to_string())
        .chain(causes.map(ToString::to_string))
        .collect::<Vec<_>>()
        .join(": ")
}

impl ServerFlags {
    /// The same flags for a child process.
    pub(crate) fn to_arguments(&self) -> Vec<OsString> {
        let mut arguments = vec![format!("--listen={}", self.listen)];
        arguments.extend(self.url.as_ref().map(|url| format!("--url={url}")));
        let command = self.master_key_command.as_ref();
        arguments.extend(command.map(|command| format!("--master-key-command={command}")));
        arguments.push(format!("--lease-ms={}", self.lease_ms));
        arguments.push(format!("--keep-days={}", self.keep_days));
        arguments.push(format!("--keep-audit-days={}", self.keep_audit_days));
        arguments.push(format!("--stage-log-mib={}", self.stage_log_mib));
        arguments.push(format!("--run-log-mib={}", self.run_log_mib));
        arguments.push(format!("--log-rate-mib={}", self.log_rate_mib));
        arguments.extend(self.mail.to_arguments());
        arguments.extend(
            self.allow_outgoing
                .iter()
                .map(|place| format!("--allow-outgoing={place}")),
        );
        arguments.into_iter().map(OsString::from).collect()
    }

    fn master_key_words(&self) -> Option<Vec<String>> {
        let command = self.master_key_command.as_ref()?;
        Some(command.split_whitespace().map(str::to_owned).collect())
    }

    fn log_bounds(&self) -> LogBounds {
        let bytes = |mebibytes: u32| u64::from(mebibytes) << 20;
        LogBounds {
            stage_bytes: bytes(self.stage_log_mib),
            run_bytes: bytes(self.run_log_mib),
            bytes_per_s: bytes(self.log_rate_mib),
        }
    }
}

impl Listen {
    pub(crate) fn address(self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(address),
            Self::Nowhere => None,
        }
    }
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self::Nowhere);
        }
        text.parse()
            .map(Self::Tcp)
            .map_err(|_| "write an address such as 127.0.0.1:8080, or none".to_owned())
    }
}

impl std::fmt::Display for Listen {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(address) => write!(out, "{address}"),
            Self::Nowhere => out.write_str("none"),
        }
    }
}

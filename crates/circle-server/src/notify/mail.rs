//! Mail by SMTP.

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use circle_core::notice::{MailAddress, Notice};
use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use serde::Deserialize;
use url::Url;

use super::Story;
use super::port::{Destination, NotTold, Notifier};
use super::words::{self, Letter};

/// A mail server that takes longer is away for us.
const ANSWER_TIME: Duration = Duration::from_secs(30);
/// Longest password, in bytes.
const MAX_PASSWORD_BYTES: u64 = 4_096;

/// The mail server.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailConfig {
    /// `smtp://host[:port]` or `smtps://host[:port]`, with a user's name where it asks for one: `smtp://ci@mail.example.org`.
    pub server: String,
    /// How an `smtp://` connection is kept secret. Default: it must be (STARTTLS).
    #[serde(default)]
    pub tls: MailTls,
    /// A file with the password of the user.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// An authority beside those of the machine, in PEM.
    #[serde(default)]
    pub authority_file: Option<PathBuf>,
    /// Who writes: `ci@example.org`.
    pub from: MailAddress,
}

/// How a connection that begins without TLS goes on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailTls {
    /// With STARTTLS, or not at all.
    #[default]
    Required,
    /// In the clear, for a relay on this machine; no password is sent so.
    None,
}

/// Settings of mail that cannot work.
#[derive(Debug, thiserror::Error)]
pub enum MailConfigError {
    /// The address of the server.
    #[error("the mail server \"{0}\" is no address: write smtp://mail.example.org or smtps://mail.example.org")]
    Server(String),
    /// A file that is named.
    #[error("{}: {source}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// Why it cannot be read.
        source: std::io::Error,
    },
    /// Name without password, or the other way around.
    #[error("a user in the mail server's address and a password file belong together: give both or none")]
    HalfALogin,
    /// A password over an open line.
    #[error("a password is not sent in the clear: leave out --mail-in-the-clear, or the user and the password")]
    OpenPassword,
    /// TLS itself.
    #[error("TLS with the mail server cannot be set up: {0}")]
    Tls(String),
}

/// Writes to people.
#[derive(Debug)]
pub(crate) struct MailNotifier {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl MailNotifier {
    /// Reads the files; nothing is connected yet.
    pub(crate) fn open(config: &MailConfig) -> Result<Self, MailConfigError> {
        let wrong = || MailConfigError::Server(config.server.clone());
        let url = Url::parse(&config.server).map_err(|_| wrong())?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(wrong)?;
        let (usual, is_wrapped) = match url.scheme() {
            "smtp" => (587, false),
            "smtps" => (465, true),
            _ => return Err(wrong()),
        };
        if url.password().is_some() || !matches!(url.path(), "" | "/") {
            return Err(wrong());
        }
        let tls = match (is_wrapped, config.tls) {
            (true, _) => Tls::Wrapper(parameters(host, config)?),
            (false, MailTls::Required) => Tls::Required(parameters(host, config)?),
            (false, MailTls::None) => Tls::None,
        };
        let login = login(&url, config)?;
        let is_open = matches!(tls, Tls::None);
        if is_open && login.is_some() {
            return Err(MailConfigError::OpenPassword);
        }
        // "Dangerous" is that it begins without TLS; what follows is set here.
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
            .port(url.port().unwrap_or(usual))
            .tls(tls)
            .timeout(Some(ANSWER_TIME));
        if let Some(login) = login {
            transport = transport.credentials(login);
        }
        let from = mailbox(&config.from).map_err(|_| wrong())?;
        Ok(Self {
            transport: transport.build(),
            from,
        })
    }

    fn message(&self, to: &MailAddress, notice: &Notice, letter: Letter) -> Result<Message, NotTold> {
        let never = |error: lettre::error::Error| NotTold::Never(format!("the mail cannot be written: {error}"));
        let to = mailbox(to).map_err(NotTold::Never)?;
        let host = self.from.email.domain();
        Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(letter.subject)
            // The same notice twice is one mail for whoever looks at ids.
            .message_id(Some(format!("<{}@{host}>", notice.id)))
            .header(AutoSubmitted)
            .multipart(MultiPart::alternative_plain_html(letter.text, letter.html))
            .map_err(never)
    }
}

#[async_trait]
impl Notifier for MailNotifier {
    async fn tell(&self, to: &Destination, notice: &Notice, story: &Story) -> Result<(), NotTold> {
        let Destination::Mail(address) = to else {
            return Err(NotTold::Never("it is no mail address".to_owned()));
        };
        let message = self.message(address, notice, words::letter(notice, story))?;
        match self.transport.send(message).await {
            Ok(_) => Ok(()),
            // 5xx (RFC 5321, 4.2.1): the server will say the same again. A refused login an operator mends.
            Err(error) if error.is_permanent() && !is_login(&error) => Err(NotTold::Never(told(&error))),
            Err(error) => Err(NotTold::Later(told(&error))),
        }
    }
}

/// 530, 534 and 535 are about who writes, not about who is written to (RFC 4954).
fn is_login(error: &lettre::transport::smtp::Error) -> bool {
    error
        .status()
        .is_some_and(|code| matches!(u16::from(code), 530 | 534 | 535))
}

fn told(error: &dyn std::error::Error) -> String {
    let mut text = format!("the mail server: {error}");
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

fn parameters(host: &str, config: &MailConfig) -> Result<TlsParameters, MailConfigError> {
    let tls = |error: lettre::transport::smtp::Error| MailConfigError::Tls(error.to_string());
    let mut parameters = TlsParameters::builder(host.to_owned());
    if let Some(path) = &config.authority_file {
        let pem = std::fs::read(path).map_err(|source| MailConfigError::File {
            path: path.clone(),
            source,
        })?;
        parameters = parameters.add_root_certificate(Certificate::from_pem(&pem).map_err(tls)?);
    }
    parameters.build_rustls().map_err(tls)
}

fn login(url: &Url, config: &MailConfig) -> Result<Option<Credentials>, MailConfigError> {
    let user = percent_encoding::percent_decode_str(url.username())
        .decode_utf8_lossy()
        .into_owned();
    match &config.password_file {
        None if user.is_empty() => Ok(None),
        Some(path) if !user.is_empty() => {
            let failed = |source| MailConfigError::File {
                path: path.clone(),
                source,
            };
            let file = std::fs::File::open(path).map_err(failed)?;
            let mut password = String::new();
            std::io::Read::read_to_string(&mut std::io::Read::take(file, MAX_PASSWORD_BYTES), &mut password)
                .map_err(failed)?;
            Ok(Some(Credentials::new(
                user,
                password.trim_end_matches(['\r', '\n']).to_owned(),
            )))
        }
        _ => Err(MailConfigError::HalfALogin),
    }
}

fn mailbox(address: &MailAddress) -> Result<Mailbox, String> {
    let email = address
        .as_str()
        .parse()
        .map_err(|error| format!("\"{address}\" is no address for mail: {error}"))?;
    Ok(Mailbox::new(None, email))
}

/// Tells holiday answers and lists that nobody wrote this (RFC 3834).
#[derive(Debug, Clone, Copy)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

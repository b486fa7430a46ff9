//! One question to an engine, over HTTP/1.0 on its socket: the answer ends with the connection, so that nothing has to be
//! unwrapped. Whoever runs containers for a run speaks with the engine through a full client.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// Longest answer that is read.
const LONGEST_ANSWER: u64 = 8 * 1024 * 1024;
/// An engine that lives answers within this, also when it removes a container whose disk is slow.
const ANSWER_DEADLINE: Duration = Duration::from_secs(60);

/// An engine behind a unix socket. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    socket: PathBuf,
}

/// Why a question was not answered as hoped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EngineError {
    /// The engine said no.
    #[error("the engine answers {code}: {words}")]
    Said {
        /// The HTTP status.
        code: u16,
        /// Its message.
        words: String,
    },
    /// It was not reached, or hung up.
    #[error("the engine cannot be reached: {0}")]
    Silent(#[from] io::Error),
}

impl EngineError {
    /// Whether there is no such thing (any more).
    pub(crate) fn is_absence(&self) -> bool {
        matches!(self, Self::Said { code: 404, .. })
    }
}

impl Engine {
    pub(crate) fn at(socket: impl Into<PathBuf>) -> Self {
        Self { socket: socket.into() }
    }

    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Asks; the answer as JSON, or null when it has no body.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, EngineError> {
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        let (code, answer) = self.exchange(method, path, ("application/json", &body)).await?;
        let parsed: Value = serde_json::from_slice(&answer).unwrap_or(Value::Null);
        if (200..300).contains(&code) {
            return Ok(parsed);
        }
        let words = parsed.get("message").and_then(Value::as_str);
        Err(EngineError::Said {
            code,
            words: words.map_or_else(|| String::from_utf8_lossy(&answer).trim().to_owned(), str::to_owned),
        })
    }

    /// Sends bytes of another kind.
    pub(crate) async fn send(&self, path: &str, body: &[u8]) -> Result<String, EngineError> {
        let (code, answer) = self.exchange("POST", path, ("application/x-tar", body)).await?;
        let words = String::from_utf8_lossy(&answer).trim().to_owned();
        if (200..300).contains(&code) && !words.contains("\"errorDetail\"") {
            Ok(words)
        } else {
            Err(EngineError::Said { code, words })
        }
    }

    /// Asks for a text, such as a log.
    pub(crate) async fn words(&self, path: &str) -> Result<String, EngineError> {
        let (_, answer) = self.exchange("GET", path, ("", b"")).await?;
        Ok(answer
            .iter()
            .filter(|byte| **byte >= b' ' || **byte == b'\n')
            .map(|byte| char::from(*byte))
            .collect())
    }

    async fn exchange(&self, method: &str, path: &str, body: (&str, &[u8])) -> Result<(u16, Vec<u8>), EngineError> {
        let asked = tokio::time::timeout(ANSWER_DEADLINE, async {
            let mut stream = self.open(method, path, body).await?;
            let mut answer = Vec::new();
            (&mut stream).take(LONGEST_ANSWER).read_to_end(&mut answer).await?;
            let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
            let end = end.ok_or_else(|| io::Error::other("its answer is not HTTP"))?;
            let head = String::from_utf8_lossy(&answer[..end]).into_owned();
            let code = head.split(' ').nth(1).and_then(|word| word.parse().ok());
            let code = code.ok_or_else(|| io::Error::other("its answer is not HTTP"))?;
            Ok((code, answer.split_off(end + 4)))
        });
        let answered: io::Result<_> = asked
            .await
            .unwrap_or_else(|_| Err(io::Error::other(format!("no answer within {ANSWER_DEADLINE:?}"))));
        Ok(answered?)
    }

    async fn open(&self, method: &str, path: &str, (kind, body): (&str, &[u8])) -> io::Result<UnixStream> {
        let mut stream = UnixStream::connect(&self.socket).await?;
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.0\r\nHost: engine\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body).await?;
        Ok(stream)
    }

    /// Waits until the engine hangs up on a stream that it keeps open for as long as it lives; says how that looked.
    pub(crate) async fn gone(&self) -> String {
        let nothing = encoded(r#"{"type":["plugin"]}"#);
        let mut stream = match self.open("GET", &format!("/events?filters={nothing}"), ("", b"")).await {
            Ok(stream) => stream,
            Err(error) => return error.to_string(),
        };
        let mut heard = [0; 1024];
        loop {
            match stream.read(&mut heard).await {
                Ok(0) => return "it hung up".to_owned(),
                Ok(_) => {}
                Err(error) => return error.to_string(),
            }
        }
    }
}

/// A text as a part of a query.
pub(crate) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixListener;

    use super::{Engine, EngineError, encoded};

    #[test]
    fn a_query_has_no_character_of_its_own_meaning() {
        assert_eq!(encoded(r#"{"a":["b=c&d"]}"#), "%7B%22a%22%3A%5B%22b%3Dc%26d%22%5D%7D");
    }

    #[tokio::test]
    async fn an_answer_is_taken_apart_and_a_refusal_quoted() {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = folder.path().join("s");
        let listener = UnixListener::bind(&socket).expect("a socket");
        let answers = [
            "HTTP/1.0 200 OK\r\nA: b\r\n\r\n{\"Id\":\"1\"}",
            "HTTP/1.0 204 No Content\r\n\r\n",
            "HTTP/1.0 409 Conflict\r\n\r\n{\"message\":\"in use\"}",
            "nonsense",
        ];
        let serve = async {
            for answer in answers {
                let (mut stream, _) = listener.accept().await.expect("a question");
                let mut heard = [0; 512];
                let _ = stream.read(&mut heard).await;
                stream.write_all(answer.as_bytes()).await.expect("an answer");
            }
        };
        let engine = Engine::at(&socket);
        let ask = async {
            assert_eq!(engine.ask("GET", "/x", None).await.expect("an answer")["Id"], "1");
            assert!(engine.ask("GET", "/x", None).await.expect("no body").is_null());
            let refused = engine.ask("GET", "/x", None).await.expect_err("a refusal");
            assert_eq!(refused.to_string(), "the engine answers 409: in use");
            assert!(matches!(
                engine.ask("GET", "/x", None).await,
                Err(EngineError::Silent(_))
            ));
        };
        tokio::join!(serve, ask);
    }
}

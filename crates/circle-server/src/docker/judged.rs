//! Where an engine is that somebody of a workspace named: judged like any address that users give (security 42).

use std::net::SocketAddr;

use circle_net::{Net, NetError};

use super::place::Place;

/// The addresses behind an engine's name that were judged; what connects, connects to these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Judged {
    pub(super) host: String,
    pub(super) addresses: Vec<SocketAddr>,
}

impl Judged {
    /// Judges what `tcp://host:port` leads to now. `None` for a socket of this machine: only administrators of the server
    /// may name one.
    pub(crate) async fn of(net: &Net, endpoint: &str) -> Result<Option<Self>, NetError> {
        if endpoint.starts_with("unix:") {
            return Ok(None);
        }
        let wrong = || NetError::Address(format!("{endpoint} is not tcp://host:port"));
        let place = Place::of(endpoint).ok_or_else(wrong)?;
        let (host, port) = (place.host(), place.port());
        let addresses = net.addresses(&host, port).await?;
        Ok(Some(Self { host, addresses }))
    }
}

#[cfg(test)]
mod tests {
    use circle_net::{Net, NetError};

    use super::Judged;

    #[tokio::test]
    async fn sec_42_an_engine_is_judged_where_it_is_and_a_socket_is_not() {
        let open = Net::new(vec!["127.0.0.1".parse().expect("an entry")]);
        let judged = Judged::of(&open, "tcp://127.0.0.1:2376").await.expect("allowed");
        let judged = judged.expect("an address");
        assert_eq!(judged.addresses, ["127.0.0.1:2376".parse().expect("an address")]);
        assert_eq!(Judged::of(&open, "unix:///run/docker.sock").await, Ok(None));
        for closed in [
            "tcp://127.0.0.2:2376",
            "tcp://[::1]:2376",
            "tcp://169.254.169.254:80",
            "tcp://0x7f000002:2376",
            "tcp://10.0.0.1:2375",
        ] {
            let judged = Judged::of(&open, closed).await;
            assert!(matches!(judged, Err(NetError::Denied { .. })), "{closed}: {judged:?}");
        }
        for wrong in [
            "tcp://127.0.0.1",
            "tcp://:1",
            "tcp://a b:1",
            r"tcp://127.0.0.1:1\@example.com:80/..",
        ] {
            let judged = Judged::of(&open, wrong).await;
            assert!(matches!(judged, Err(NetError::Address(_))), "{wrong}: {judged:?}");
        }
    }
}

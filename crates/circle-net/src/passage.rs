//! A way out for a program that opens connections by itself: it is led to a socket of this process, and this process connects.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::client::Net;
use crate::error::NetError;
use crate::rules::plain;
use crate::socks;

/// Connections of one program at the same time; git has one, and a second one while it asks for what is missing.
const MAX_GUESTS: usize = 16;
/// A guest that has not said within so long where it wants to go is sent away.
const GREETING_TIME: Duration = Duration::from_secs(10);
/// After a connection could not be taken (no free descriptors), the next one is tried for so much later.
const BREATH: Duration = Duration::from_millis(50);
/// Of every passage: what counts is the password.
const USER: &str = "circle";

/// A door on loopback that leads to one place, judged anew at every connection. It closes, and cuts what went through it, when it is
/// dropped.
#[derive(Debug)]
pub struct Passage {
    address: SocketAddr,
    door: Arc<Door>,
    _keeper: JoinSet<()>,
}

/// How the program is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// It knows how to use a proxy: SOCKS 5 with a password, which no other program knows.
    Socks,
    /// It knows nothing: whoever connects is there.
    Straight,
}

#[derive(Debug)]
struct Door {
    net: Net,
    host: String,
    port: u16,
    password: Option<SecretString>,
    /// The first refusal, or else the last failure.
    trouble: Mutex<Option<NetError>>,
}

impl Net {
    /// Opens a passage to a place as it stands in a link. Nothing is resolved yet.
    ///
    /// # Errors
    /// When there is no port on loopback.
    pub async fn passage(&self, (host, port): (&str, u16), manner: Manner) -> std::io::Result<Passage> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let password = || SecretString::from(format!("{:032x}", rand::random::<u128>()));
        let door = Arc::new(Door {
            net: self.clone(),
            host: plain(host),
            port,
            password: (manner == Manner::Socks).then(password),
            trouble: Mutex::default(),
        });
        let mut keeper = JoinSet::new();
        keeper.spawn(keep(listener, Arc::clone(&door)));
        Ok(Passage {
            address,
            door,
            _keeper: keeper,
        })
    }
}

impl Passage {
    /// Where the program is led to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same as curl and git take it for a proxy, with the password; `None` when it is none.
    pub fn proxy(&self) -> Option<SecretString> {
        let password = self.door.password.as_ref()?.expose_secret();
        // The h: names come as they are, and are resolved here.
        Some(format!("socks5h://{USER}:{password}@{}", self.address).into())
    }

    /// Why somebody did not get through: what was refused, or else what did not answer.
    pub fn trouble(&self) -> Option<NetError> {
        self.door.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn keep(listener: TcpListener, door: Arc<Door>) {
    let mut guests = JoinSet::new();
    loop {
        tokio::select! {
            came = listener.accept() => match came {
                Ok((guest, _)) if guests.len() < MAX_GUESTS => {
                    let door = Arc::clone(&door);
                    // A guest that breaks off has nobody to tell it to.
                    guests.spawn(async move { drop(door.lead(guest).await) });
                }
                Ok(_) => {}
                Err(_) => tokio::time::sleep(BREATH).await,
            },
            Some(_) = guests.join_next() => {}
        }
    }
}

impl Door {
    async fn lead(&self, mut guest: TcpStream) -> std::io::Result<()> {
        let Some(password) = &self.password else {
            let mut there = match self.connect().await {
                Ok(there) => there,
                Err(_) => return Ok(()),
            };
            return copy_bidirectional(&mut guest, &mut there).await.map(drop);
        };
        let asked = socks::asked(&mut guest, (USER, password.expose_secret()));
        let (host, port) = tokio::time::timeout(GREETING_TIME, asked).await??;
        if !self.leads_to(&host, port) {
            let elsewhere = format!("it leads to {host}:{port}, which is another place: write the final address");
            self.note(&NetError::Address(elsewhere));
            return socks::answer(&mut guest, socks::Reply::NotAllowed).await;
        }
        match self.connect().await {
            Ok(mut there) => {
                socks::answer(&mut guest, socks::Reply::Connected).await?;
                copy_bidirectional(&mut guest, &mut there).await.map(drop)
            }
            Err(NetError::Denied { .. }) => socks::answer(&mut guest, socks::Reply::NotAllowed).await,
            Err(_) => socks::answer(&mut guest, socks::Reply::Unreachable).await,
        }
    }

    async fn connect(&self) -> Result<TcpStream, NetError> {
        let there = self.net.connect((&self.host, self.port)).await;
        if let Err(error) = &there {
            self.note(error);
        }
        there
    }

    fn note(&self, error: &NetError) {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        if trouble.as_ref().is_none_or(NetError::is_temporary) {
            *trouble = Some(error.clone());
        }
    }

    /// Addresses are spelled in several ways.
    fn leads_to(&self, host: &str, port: u16) -> bool {
        let (host, own) = (plain(host), &self.host);
        let same = host.parse::<IpAddr>().is_ok_and(|address| Ok(address) == own.parse());
        port == self.port && (same || host == *own)
    }
}

//! A BuildKit session: the engine calls back over an upgraded connection and asks for secrets and credentials. After the
//! session protocol of BuildKit (`session/grpchijack` in its sources); nothing is offered but what is needed.

use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use async_trait::async_trait;
use bollard::health::health_check_response::ServingStatus;
use bollard::health::health_server::{Health, HealthServer};
use bollard::health::{HealthCheckRequest, HealthCheckResponse, HealthListRequest, HealthListResponse};
use bollard::moby::buildkit::secrets::v1::secrets_server::{Secrets, SecretsServer};
use bollard::moby::buildkit::secrets::v1::{GetSecretRequest, GetSecretResponse};
use bollard::moby::filesync::v1::auth_server::{Auth, AuthServer};
use bollard::moby::filesync::v1::{
    CredentialsRequest, CredentialsResponse, FetchTokenRequest, FetchTokenResponse, GetTokenAuthorityRequest,
    GetTokenAuthorityResponse, VerifyTokenAuthorityRequest, VerifyTokenAuthorityResponse,
};
use circle_api::worker::RegistryAccess;
use circle_core::run::{Failure, FailureKind};
use futures_util::StreamExt;
use http::Request;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::JoinSet;
use tonic::transport::Server;
use tonic::transport::server::Connected;
use tonic::{Response, Status};
use uuid::Uuid;

use crate::engine::{Engine, empty};

/// The calls that the engine may make.
const METHODS: [&str; 3] = [
    "/grpc.health.v1.Health/Check",
    "/moby.buildkit.secrets.v1.Secrets/GetSecret",
    "/moby.filesync.v1.Auth/Credentials",
];
/// Under this name the engine asks for what the world calls `docker.io`.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// An open session; dropping it closes it.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) id: String,
    _tasks: JoinSet<()>,
    _connection: JoinSet<()>,
}

impl Session {
    /// Opens a session that gives these secrets, each under its name, and the credentials of these registries, each to
    /// its own host only.
    pub(super) async fn open(
        engine: &Engine,
        secrets: Vec<(String, String)>,
        registries: Vec<RegistryAccess>,
    ) -> Result<Self, Failure> {
        let id = Uuid::new_v4().simple().to_string();
        let mut request = Request::post("/session")
            .header("host", "engine")
            .header("connection", "Upgrade")
            .header("upgrade", "h2c")
            .header("x-docker-expose-session-uuid", &id)
            .header("x-docker-expose-session-name", "circle");
        for method in METHODS {
            request = request.header("x-docker-expose-session-grpc-method", method);
        }
        let request = request.body(empty()).map_err(|error| broken(&error.to_string()))?;
        let (response, connection) = engine.send(request).await.map_err(|error| broken(&error.to_string()))?;
        if response.status() != http::StatusCode::SWITCHING_PROTOCOLS {
            let message = "the cell's Docker engine has no BuildKit (it opens no session): Circle needs Docker Engine 20.10 or newer";
            return Err(Failure::new(FailureKind::Infrastructure, message));
        }
        let upgraded = hyper::upgrade::on(response)
            .await
            .map_err(|error| broken(&error.to_string()))?;
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(
            upgraded,
            Offered {
                secrets: secrets.into_iter().collect(),
                registries,
            },
        ));
        Ok(Self {
            id,
            _tasks: tasks,
            _connection: connection,
        })
    }
}

fn broken(why: &str) -> Failure {
    Failure::new(
        FailureKind::Infrastructure,
        format!("a session with the engine's BuildKit could not be opened: {why}"),
    )
}

async fn serve(upgraded: Upgraded, offered: Offered) {
    let registries = Credentials(offered.registries);
    // The list of connections never ends: the server would end with it.
    let connections = futures_util::stream::iter([Ok::<_, io::Error>(Wire(TokioIo::new(upgraded)))])
        .chain(futures_util::stream::pending());
    let served = Server::builder()
        .add_service(HealthServer::new(AlwaysWell))
        .add_service(SecretsServer::new(SecretValues(offered.secrets)))
        .add_service(AuthServer::new(registries))
        .serve_with_incoming(connections)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a BuildKit session ended");
    }
}

struct Offered {
    secrets: HashMap<String, String>,
    registries: Vec<RegistryAccess>,
}

struct AlwaysWell;

#[async_trait]
impl Health for AlwaysWell {
    type WatchStream = futures_util::stream::Empty<Result<HealthCheckResponse, Status>>;

    async fn check(&self, _: tonic::Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        Ok(Response::new(HealthCheckResponse {
            status: ServingStatus::Serving.into(),
        }))
    }

    async fn list(&self, _: tonic::Request<HealthListRequest>) -> Result<Response<HealthListResponse>, Status> {
        Err(Status::unimplemented("not offered"))
    }

    async fn watch(&self, _: tonic::Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        Err(Status::unimplemented("not offered"))
    }
}

struct SecretValues(HashMap<String, String>);

#[async_trait]
impl Secrets for SecretValues {
    async fn get_secret(
        &self,
        request: tonic::Request<GetSecretRequest>,
    ) -> Result<Response<GetSecretResponse>, Status> {
        let id = request.into_inner().id;
        match self.0.get(&id) {
            Some(value) => Ok(Response::new(GetSecretResponse {
                data: value.clone().into_bytes(),
            })),
            None => Err(Status::not_found(format!(
                "the secret {id} is not listed under `secrets` of this image"
            ))),
        }
    }
}

struct Credentials(Vec<RegistryAccess>);

#[async_trait]
impl Auth for Credentials {
    async fn credentials(
        &self,
        request: tonic::Request<CredentialsRequest>,
    ) -> Result<Response<CredentialsResponse>, Status> {
        let host = request.into_inner().host;
        let wanted =
            |access: &&RegistryAccess| access.address == host || (access.address == "docker.io" && host == DOCKER_HUB);
        let found = self.0.iter().find(wanted);
        let answer = found.map_or_else(CredentialsResponse::default, |access| CredentialsResponse {
            username: access.username.clone().unwrap_or_default(),
            secret: access
                .password
                .as_ref()
                .map(|password| password.expose().to_owned())
                .unwrap_or_default(),
        });
        Ok(Response::new(answer))
    }

    async fn fetch_token(&self, _: tonic::Request<FetchTokenRequest>) -> Result<Response<FetchTokenResponse>, Status> {
        Err(Status::unimplemented("not offered"))
    }

    async fn get_token_authority(
        &self,
        _: tonic::Request<GetTokenAuthorityRequest>,
    ) -> Result<Response<GetTokenAuthorityResponse>, Status> {
        Err(Status::unimplemented("not offered"))
    }

    async fn verify_token_authority(
        &self,
        _: tonic::Request<VerifyTokenAuthorityRequest>,
    ) -> Result<Response<VerifyTokenAuthorityResponse>, Status> {
        Err(Status::unimplemented("not offered"))
    }
}

/// The upgraded connection as the server wants it.
struct Wire(TokioIo<Upgraded>);

impl Connected for Wire {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

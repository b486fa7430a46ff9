//! A linked repository is its id. Where no call of the forge said where it is now, it is asked for by it, so that nobody is followed
//! who took its old name (security 8).

use circle_core::forge::ForgeLink;
use circle_core::service::Service;

use crate::forge::{Forge, ForgeError};
use crate::http::ApiError;
use crate::reconcile::forge_wish::follow;
use crate::server::Server;

/// The forge of a link, or why it cannot be asked now.
pub(super) async fn opened(
    server: &Server,
    service: &Service,
    link: &ForgeLink,
) -> Result<Box<dyn Forge>, &'static str> {
    let forge = async {
        let connection = server.forge_connection(link.connection).await?;
        server.forge(&connection).await
    };
    forge.await.map_err(|error| {
        tracing::warn!(service = %service.name, %error, "the forge's token cannot be used now");
        "the token of the forge cannot be used now: `circle forge check NAME` says why"
    })
}

/// The service with its repository where it is now; the forge's error when it does not tell, or does not have it any more.
pub(super) async fn followed(
    server: &Server,
    service: Service,
    (forge, link): (&dyn Forge, &ForgeLink),
) -> Result<Result<Service, ForgeError>, ApiError> {
    let now = match forge.repository(&link.repository).await {
        Ok(repository) => repository.full_name,
        Err(error) => return Ok(Err(error)),
    };
    if now == link.full_name {
        return Ok(Ok(service));
    }
    let connection = server.forge_connection(link.connection).await?;
    Ok(Ok(follow(server, service, (&connection, &now)).await?))
}

/// The same, whether it is linked or not; or why nobody knows, as a sentence.
pub(super) async fn at_its_place(server: &Server, service: Service) -> Result<Result<Service, String>, ApiError> {
    let Some(link) = service.forge.clone() else {
        return Ok(Ok(service));
    };
    let forge = match opened(server, &service, &link).await {
        Ok(forge) => forge,
        Err(why) => return Ok(Err(why.to_owned())),
    };
    let followed = followed(server, service, (forge.as_ref(), &link)).await?;
    Ok(followed.map_err(|error| error.to_string()))
}

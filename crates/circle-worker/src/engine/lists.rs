//! Lists of what is in an engine, by ids and names alone. What else the engine says of each thing can be as much as a job likes
//! (labels of its images), so it is passed over as it comes.

use std::io::{self, Read};

use futures_util::TryStreamExt;
use http_body_util::BodyExt;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio_util::io::{StreamReader, SyncIoBridge};

use super::{Engine, RawError};

#[derive(Deserialize)]
struct ListedContainer {
    #[serde(rename = "Id")]
    id: String,
}

/// An image, with the names that lead to it.
#[derive(Debug, Deserialize)]
pub(crate) struct ListedImage {
    #[serde(rename = "Id")]
    pub(crate) id: String,
    /// None when the engine writes null.
    #[serde(rename = "RepoTags")]
    pub(crate) tags: Option<Vec<String>>,
}

impl Engine {
    /// The ids of all containers, running or not.
    pub(crate) async fn container_ids(&self) -> Result<Vec<String>, RawError> {
        let all: Vec<ListedContainer> = self.listed("/containers/json?all=1").await?;
        Ok(all.into_iter().map(|container| container.id).collect())
    }

    /// All images that are not mere steps of others.
    pub(crate) async fn images(&self) -> Result<Vec<ListedImage>, RawError> {
        self.listed("/images/json").await
    }

    async fn listed<T: DeserializeOwned + Send + 'static>(&self, path: &str) -> Result<Vec<T>, RawError> {
        let (body, _connection) = self.body("GET", path).await?;
        let stream = body.into_data_stream().map_err(io::Error::other);
        let reader = SyncIoBridge::new(StreamReader::new(Box::pin(stream)));
        let read = tokio::task::spawn_blocking(move || read(io::BufReader::new(reader))).await;
        let told =
            |error: String| RawError::Stream(format!("the engine's answer to {path} could not be read: {error}"));
        read.map_err(|error| told(error.to_string()))?
            .map_err(|error| told(error.to_string()))
    }
}

fn read<T: DeserializeOwned>(list: impl Read) -> Result<Vec<T>, serde_json::Error> {
    serde_json::from_reader(list)
}

#[cfg(test)]
mod tests {
    use super::{ListedContainer, ListedImage, read};

    #[test]
    fn ids_and_names_are_read_and_all_else_is_passed_over() {
        let list = r#"[{"Id": "a", "Labels": {"x": "y"}, "Ports": [1]}, {"Names": [], "Id": "b"}]"#;
        let containers: Vec<ListedContainer> = read(list.as_bytes()).expect("a list");
        let ids: Vec<&str> = containers.iter().map(|container| container.id.as_str()).collect();
        assert_eq!(ids, ["a", "b"]);
        let list = r#"[{"Id": "a", "RepoTags": ["x:1"]}, {"Id": "b", "RepoTags": null}, {"Id": "c"}]"#;
        let images: Vec<ListedImage> = read(list.as_bytes()).expect("a list");
        assert_eq!(images[0].tags.as_deref(), Some(&["x:1".to_owned()][..]));
        assert!(images[1].tags.is_none() && images[2].tags.is_none());
        assert!(read::<ListedContainer>(&b"{\"message\": \"no\"}"[..]).is_err());
    }
}

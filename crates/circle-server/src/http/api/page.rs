//! Lists: from a page of the store to a page of the API.

use circle_api::resources::{Page, PageQuery};
use circle_store::records::{Cursor, Query, Record};

use crate::auth::{Addressed, Caller};
use crate::http::ApiError;
use crate::server::Server;

/// The page of a query that the request asks for, each record turned into its view.
pub(in crate::http) async fn page<R: Record, V>(
    server: &Server,
    query: Query,
    wanted: &PageQuery,
    view: impl Fn(R) -> V,
) -> Result<Page<V>, ApiError> {
    let (records, next) = load(server, query, wanted).await?;
    let items = records.into_iter().map(view).collect();
    Ok(Page { items, next })
}

/// The same, of which the caller is shown what belongs to their workspaces.
pub(super) async fn seen_page<R: Addressed, V>(
    server: &Server,
    caller: &Caller,
    query: Query,
    wanted: &PageQuery,
    view: impl Fn(&Server, R) -> V,
) -> Result<Page<V>, ApiError> {
    let (records, next) = load(server, query, wanted).await?;
    let mut items = Vec::new();
    for record in records {
        if caller.sees(server, &record).await? {
            items.push(view(server, record));
        }
    }
    Ok(Page { items, next })
}

/// The records of the page, and where the next one begins.
async fn load<R: Record>(
    server: &Server,
    query: Query,
    wanted: &PageQuery,
) -> Result<(Vec<R>, Option<String>), ApiError> {
    let query = query
        .limit(wanted.size() as usize)
        .after(wanted.cursor.clone().map(Cursor::from_text));
    let found = server.records.find(query).await.map_err(wrong_cursor)?;
    let records = server.records.load_page::<R>(&found).await?;
    let records = records.into_iter().map(|(record, _)| record).collect();
    Ok((records, found.next.map(|cursor| cursor.as_text().to_owned())))
}

/// The only thing of a list that a client can get wrong for the store is its cursor.
pub(super) fn wrong_cursor(error: circle_store::records::StoreError) -> ApiError {
    match error {
        circle_store::records::StoreError::Invalid { .. } => {
            ApiError::field("cursor", "the cursor is not of this list: leave it out to begin anew")
        }
        other => other.into(),
    }
}

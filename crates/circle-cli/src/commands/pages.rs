//! All pages of a list that a person wants as one.

use std::future::Future;

use circle_api::client::ApiError;
use circle_api::resources::{MAX_PAGE, Page, PageQuery};

/// Most pages that are put together: 10,000 items; settings of a workspace are far fewer.
const MAX_PAGES: usize = 50;

/// Reads page after page.
pub(crate) async fn all<T, F>(mut page: impl FnMut(PageQuery) -> F) -> Result<Vec<T>, ApiError>
where
    F: Future<Output = Result<Page<T>, ApiError>>,
{
    let (mut items, mut cursor) = (Vec::new(), None);
    for _ in 0..MAX_PAGES {
        let answer = page(PageQuery {
            cursor,
            limit: Some(MAX_PAGE),
        })
        .await?;
        items.extend(answer.items);
        cursor = answer.next;
        if cursor.is_none() {
            break;
        }
    }
    Ok(items)
}

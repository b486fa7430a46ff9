//! What can be asked: equality on the first fields of an index, one range on the next, an order, a limit, a cursor.

use super::kinds::{Index, Kind};
use super::{Head, IndexValue, StoreError};

/// How many heads a page has when nothing else is said.
pub const DEFAULT_LIMIT: usize = 50;
/// The most heads of a page: with [`super::HEAD_BYTES`] it bounds what a page costs.
pub const MAX_LIMIT: usize = 1000;

/// In which direction of the index.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Order {
    /// Smallest first.
    #[default]
    Ascending,
    /// Largest first.
    Descending,
}

/// One end of a range.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Bound {
    /// No end.
    #[default]
    Open,
    /// This value and what lies within.
    Including(IndexValue),
    /// What lies within, without this value.
    Excluding(IndexValue),
}

/// A place in an index: opaque, valid for the same query only (another order or index refuses it or skips wrongly).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cursor(String);

impl Cursor {
    /// Wraps the text that an adapter made, or that came back from a client; adapters refuse what they cannot read.
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Letters, digits, `.` and `-` only: fit for a URL.
    pub fn as_text(&self) -> &str {
        &self.0
    }
}

/// One page of a result.
#[derive(Clone, PartialEq, Debug)]
pub struct Page {
    /// In the order of the index.
    pub heads: Vec<Head>,
    /// Where the next page begins; `None` if this was the last.
    pub next: Option<Cursor>,
}

/// A question to [`super::Store::find`] and [`super::Store::count`].
///
/// ```
/// use circle_store::records::{Query, kinds};
/// let newest = Query::over(kinds::RUN_SERVICE).equal("svc_1").descending().limit(20);
/// let due = Query::over(kinds::RUN_OUTBOX).at_most(1_700_000_000_000_i64);
/// # let _ = (newest, due);
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct Query {
    /// Over which index.
    pub index: Index,
    /// Values of the index's first fields.
    pub equal: Vec<IndexValue>,
    /// Where the field after `equal` begins.
    pub from: Bound,
    /// Where the field after `equal` ends.
    pub to: Bound,
    /// In which direction.
    pub order: Order,
    /// At most so many heads, 1 to [`MAX_LIMIT`].
    pub limit: usize,
    /// After this place.
    pub cursor: Option<Cursor>,
}

impl Query {
    /// Everything in an index.
    pub fn over(index: Index) -> Self {
        Self {
            index,
            equal: Vec::new(),
            from: Bound::Open,
            to: Bound::Open,
            order: Order::Ascending,
            limit: DEFAULT_LIMIT,
            cursor: None,
        }
    }

    /// Every document of a kind, by id.
    pub fn all(kind: Kind) -> Self {
        Self::over(kind.by_id())
    }

    /// The next field has this value.
    #[must_use]
    pub fn equal(mut self, value: impl Into<IndexValue>) -> Self {
        self.equal.push(value.into());
        self
    }

    /// The field after the equal ones is at least this.
    #[must_use]
    pub fn at_least(mut self, value: impl Into<IndexValue>) -> Self {
        self.from = Bound::Including(value.into());
        self
    }

    /// The field after the equal ones is greater than this.
    #[must_use]
    pub fn greater_than(mut self, value: impl Into<IndexValue>) -> Self {
        self.from = Bound::Excluding(value.into());
        self
    }

    /// The field after the equal ones is at most this.
    #[must_use]
    pub fn at_most(mut self, value: impl Into<IndexValue>) -> Self {
        self.to = Bound::Including(value.into());
        self
    }

    /// The field after the equal ones is less than this.
    #[must_use]
    pub fn less_than(mut self, value: impl Into<IndexValue>) -> Self {
        self.to = Bound::Excluding(value.into());
        self
    }

    /// Largest first.
    #[must_use]
    pub fn descending(mut self) -> Self {
        self.order = Order::Descending;
        self
    }

    /// At most so many heads; above [`MAX_LIMIT`] the store refuses.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// After the place where another page ended.
    #[must_use]
    pub fn after(mut self, cursor: Option<Cursor>) -> Self {
        self.cursor = cursor;
        self
    }

    /// Checks what does not depend on the adapter. Every adapter calls this first.
    pub fn check(&self) -> Result<(), StoreError> {
        let invalid = |reason: String| Err(StoreError::Invalid { reason });
        let by_id = self.index == self.index.kind.by_id();
        if !by_id && !self.index.kind.indexes().contains(&self.index) {
            return Err(StoreError::UnknownIndex {
                kind: self.index.kind,
                index: self.index.name,
            });
        }
        if !(1..=MAX_LIMIT).contains(&self.limit) {
            return invalid(format!("a limit of {} is outside 1 to {MAX_LIMIT}", self.limit));
        }
        let ranged = self.from != Bound::Open || self.to != Bound::Open;
        let used = self.equal.len() + usize::from(ranged);
        if used > self.index.fields.len() {
            let fields = self.index.fields.len();
            return invalid(format!(
                "index {} has {fields} fields, {used} were used",
                self.index.name
            ));
        }
        Ok(())
    }
}

/// Walks a query page by page.
#[derive(Debug)]
pub struct FindAll<'a> {
    store: &'a dyn super::Store,
    query: Option<Query>,
}

impl<'a> FindAll<'a> {
    /// Begins before the first page.
    pub fn new(store: &'a dyn super::Store, query: Query) -> Self {
        Self {
            store,
            query: Some(query),
        }
    }

    /// The next page's heads; `None` after the last page.
    pub async fn next(&mut self) -> Result<Option<Vec<Head>>, StoreError> {
        let Some(query) = self.query.take() else {
            return Ok(None);
        };
        let page = self.store.find(query.clone()).await?;
        self.query = page.next.map(|cursor| query.after(Some(cursor)));
        Ok(Some(page.heads))
    }
}

//! Any writes, any questions: the store says what a plain map says.

use std::collections::BTreeMap;

use circle_store::records::{EmbeddedStore, FindAll, Kind, NewDocument, Query, Store, StoreError, Version, kinds};
use proptest::prelude::{Just, Strategy, prop_oneof, proptest};
use proptest::test_runner::Config;
use serde_json::{Value, json};

use crate::fixtures::Folder;

#[derive(Clone, Debug)]
enum Step {
    Insert(usize, Fields),
    /// With the right version, or with an old one.
    Replace(usize, Fields, bool),
    Delete(usize),
    Find {
        state: usize,
        low: Option<i64>,
        high: Option<i64>,
        descending: bool,
        limit: usize,
    },
    Reopen,
}

#[derive(Clone, Debug, PartialEq)]
struct Fields {
    state: Option<usize>,
    updated: Option<i64>,
    number: i64,
}

const STATES: [&str; 3] = ["queued", "queue", "ran\0"];

impl Fields {
    fn body(&self) -> Value {
        let state = self.state.map(|state| json!({"name": STATES[state]}));
        json!({"service": "svc", "number": self.number, "state": state, "updated_at": self.updated})
    }
}

fn fields() -> impl Strategy<Value = Fields> {
    let state = prop_oneof![5 => (0..3_usize).prop_map(Some), 1 => Just(None)];
    let updated = prop_oneof![5 => (-3..4_i64).prop_map(Some), 1 => Just(None)];
    (state, updated, 0..12_i64).prop_map(|(state, updated, number)| Fields { state, updated, number })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let bound = || prop_oneof![Just(None), (-3..4_i64).prop_map(Some)];
    let find = (0..3_usize, bound(), bound(), proptest::bool::ANY, 1..5_usize).prop_map(
        |(state, low, high, descending, limit)| Step::Find {
            state,
            low,
            high,
            descending,
            limit,
        },
    );
    let step = prop_oneof![
        6 => (0..8_usize, fields()).prop_map(|(id, fields)| Step::Insert(id, fields)),
        6 => (0..8_usize, fields(), proptest::bool::weighted(0.8)).prop_map(|(id, fields, right)| Step::Replace(id, fields, right)),
        2 => (0..8_usize).prop_map(Step::Delete),
        6 => find,
        1 => Just(Step::Reopen),
    ];
    proptest::collection::vec(step, 1..40)
}

/// The map that the store is held against.
#[derive(Default)]
struct Model {
    documents: BTreeMap<String, (Version, Fields)>,
}

impl Model {
    fn number_is_taken(&self, id: &str, number: i64) -> bool {
        self.documents
            .iter()
            .any(|(other, (_, fields))| other != id && fields.number == number)
    }

    fn find(&self, state: usize, low: Option<i64>, high: Option<i64>, descending: bool) -> Vec<(String, Version)> {
        let mut found: Vec<_> = self
            .documents
            .iter()
            .filter(|(_, (_, fields))| fields.state == Some(state))
            .filter_map(|(id, (version, fields))| Some((fields.updated?, id.clone(), *version)))
            .filter(|(updated, _, _)| low.is_none_or(|low| *updated >= low) && high.is_none_or(|high| *updated < high))
            .collect();
        found.sort();
        if descending {
            found.reverse();
        }
        found.into_iter().map(|(_, id, version)| (id, version)).collect()
    }
}

async fn follow_model(steps: Vec<Step>) {
    let folder = Folder::new();
    let open = || EmbeddedStore::open(folder.path()).expect("opened");
    let mut store = open();
    let mut model = Model::default();
    for step in steps {
        match step {
            Step::Insert(id, fields) => insert(&store, &mut model, format!("run_{id}"), fields).await,
            Step::Replace(id, fields, right) => replace(&store, &mut model, format!("run_{id}"), fields, right).await,
            Step::Delete(id) => {
                let id = format!("run_{id}");
                let version = model.documents.get(&id).map_or(Version(1), |(version, _)| *version);
                let deleted = store.delete(Kind::Run, &id, version).await;
                assert_eq!(deleted.is_ok(), model.documents.remove(&id).is_some(), "{deleted:?}");
            }
            Step::Find {
                state,
                low,
                high,
                descending,
                limit,
            } => {
                let mut query = Query::over(kinds::RUN_STATE).equal(STATES[state]).limit(limit);
                query = low.into_iter().fold(query, |query, low| query.at_least(low));
                query = high.into_iter().fold(query, |query, high| query.less_than(high));
                query = if descending { query.descending() } else { query };
                let wanted = model.find(state, low, high, descending);
                assert_eq!(
                    store.count(query.clone()).await.expect("an answer"),
                    wanted.len() as u64
                );
                let mut found = Vec::new();
                let mut pages = FindAll::new(&store, query);
                while let Some(heads) = pages.next().await.expect("an answer") {
                    found.extend(heads.into_iter().map(|head| (head.id, head.version)));
                }
                assert_eq!(found, wanted);
            }
            Step::Reopen => {
                drop(store);
                store = open();
            }
        }
    }
    for (id, (version, fields)) in model.documents {
        let stored = store.get(Kind::Run, &id).await.expect("readable").expect("it is there");
        assert_eq!((stored.version, stored.body), (version, fields.body()));
    }
}

async fn insert(store: &EmbeddedStore, model: &mut Model, id: String, fields: Fields) {
    let new = NewDocument {
        kind: Kind::Run,
        id: id.clone(),
        body: fields.body(),
    };
    match store.insert(new).await {
        Ok(version) => {
            assert!(!model.number_is_taken(&id, fields.number), "{id} took a number twice");
            assert!(
                model.documents.insert(id, (version, fields)).is_none(),
                "an id was taken twice"
            );
        }
        Err(StoreError::Conflict { index: "id", .. }) => assert!(model.documents.contains_key(&id)),
        Err(StoreError::Conflict { index: "number", .. }) => assert!(model.number_is_taken(&id, fields.number)),
        Err(error) => panic!("{error:?}"),
    }
}

async fn replace(store: &EmbeddedStore, model: &mut Model, id: String, fields: Fields, right: bool) {
    let known = model.documents.get(&id).map(|(version, _)| *version);
    let expected = known.filter(|_| right).unwrap_or(Version(0));
    let new = NewDocument {
        kind: Kind::Run,
        id: id.clone(),
        body: fields.body(),
    };
    match store.replace(new, expected).await {
        Ok(version) => {
            assert!(right && known.is_some_and(|known| version > known) && !model.number_is_taken(&id, fields.number));
            model.documents.insert(id, (version, fields));
        }
        Err(StoreError::Stale { current }) => {
            assert!(!right || known.is_none());
            assert_eq!(current.map(|current| current.version), known);
        }
        Err(StoreError::Conflict { index: "number", .. }) => assert!(model.number_is_taken(&id, fields.number)),
        Err(error) => panic!("{error:?}"),
    }
}

proptest! {
    #![proptest_config(Config { cases: 64, failure_persistence: None, ..Config::default() })]
    #[test]
    fn the_store_says_what_a_map_says(steps in steps()) {
        tokio::runtime::Runtime::new().expect("a runtime").block_on(follow_model(steps));
    }
}

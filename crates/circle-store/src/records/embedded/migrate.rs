//! Brings a database to the layout of this program: append-only steps, each applied once, each in its transaction.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::open_error::OpenError;

/// Never edited once released; only added to.
const STEPS: &[&str] = &[
    include_str!("migrations/001_documents.sql"),
    include_str!("migrations/002_leases.sql"),
];

/// Applies the steps that are missing; refuses a database that has more steps than this program knows.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), OpenError> {
    apply(connection, STEPS)
}

fn apply(connection: &mut Connection, steps: &[&str]) -> Result<(), OpenError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch("CREATE TABLE IF NOT EXISTS migration (number INTEGER PRIMARY KEY)")?;
    let found: Option<i64> = transaction
        .query_row("SELECT max(number) FROM migration", [], |row| row.get(0))
        .optional()?
        .flatten();
    let applied = usize::try_from(found.unwrap_or(0)).unwrap_or(usize::MAX);
    if applied > steps.len() {
        return Err(OpenError::Newer {
            found: applied,
            known: steps.len(),
        });
    }
    for (place, step) in steps.iter().enumerate().skip(applied) {
        transaction.execute_batch(step)?;
        let number = i64::try_from(place + 1).unwrap_or(i64::MAX);
        transaction.execute("INSERT INTO migration (number) VALUES (?1)", [number])?;
    }
    transaction.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::super::open_error::OpenError;
    use super::{STEPS, apply};

    fn documents(connection: &Connection) -> Vec<(String, i64, String)> {
        let mut statement = connection
            .prepare("SELECT id, version, body FROM doc ORDER BY id")
            .expect("the table doc is there");
        let rows = statement
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .expect("readable");
        rows.collect::<Result<_, _>>().expect("readable")
    }

    #[test]
    fn every_step_keeps_what_the_steps_before_it_held() {
        let mut connection = Connection::open_in_memory().expect("memory");
        apply(&mut connection, &STEPS[..1]).expect("the first step");
        let insert = "INSERT INTO doc (kind, id, version, head, body) VALUES ('run', 'run_1', 7, '{}', '{\"a\":1}')";
        connection.execute(insert, []).expect("a document");
        let before = documents(&connection);
        for known in 2..=STEPS.len() {
            apply(&mut connection, &STEPS[..known]).expect("a later step on data");
            assert_eq!(documents(&connection), before, "step {known} lost something");
        }
        apply(&mut connection, STEPS).expect("nothing left to do");
        assert_eq!(documents(&connection), before);
    }

    #[test]
    fn a_newer_database_is_refused_with_a_sentence() {
        let mut connection = Connection::open_in_memory().expect("memory");
        apply(&mut connection, STEPS).expect("all steps");
        let error = apply(&mut connection, &STEPS[..1]).expect_err("an older program");
        assert!(
            matches!(error, OpenError::Newer { found, known: 1 } if found == STEPS.len()),
            "{error}"
        );
        assert!(error.to_string().contains("newer version of Circle"), "{error}");
    }

    #[test]
    fn a_failing_step_leaves_the_database_as_it_was() {
        let mut connection = Connection::open_in_memory().expect("memory");
        apply(&mut connection, &STEPS[..1]).expect("the first step");
        apply(&mut connection, &[STEPS[0], "CREATE TABLE half (a); NONSENSE"]).expect_err("no SQL");
        let halves: i64 = connection
            .query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'half'", [], |row| {
                row.get(0)
            })
            .expect("readable");
        assert_eq!(halves, 0);
    }
}

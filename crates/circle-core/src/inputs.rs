//! Inputs of runs by hand: what a pipeline file and its service declare, and the values that one run has.
//!
//! A value is a text from here on. It reaches a job as an environment variable and texts of the file by `${CIRCLE_INPUT_…}`, and never
//! becomes part of a command: whoever may start a run chooses values, not programs. Values are shown with the run to everybody who may
//! see it, so none of them is a secret.

mod beside;

use std::collections::BTreeMap;

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};
use serde_json::Number;

pub use beside::{Declared, Place, check_own, together};

/// Inputs of one file. A form with more is not filled in by people, and each is kept with every run.
pub const MAX_INPUTS: usize = 20;
/// Characters of a value.
pub const MAX_VALUE_CHARS: usize = 1_000;
/// Characters of a name.
pub const MAX_NAME_CHARS: usize = 40;
/// Characters of a pattern.
pub const MAX_PATTERN_CHARS: usize = 200;
/// Bytes that a compiled pattern may take: repetitions of repetitions are a small text and a large program.
const MAX_PATTERN_BYTES: usize = 256 * 1024;
/// What the names of the variables begin with.
pub(crate) const VARIABLE_PREFIX: &str = "CIRCLE_INPUT_";

/// Values by the names of inputs.
pub type Values = BTreeMap<String, String>;

/// One declared input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Small letters, digits and underscores.
    pub name: String,
    pub kind: InputKind,
    /// What counts when nobody says anything.
    pub default: Option<String>,
    /// A run by hand must say it.
    pub required: bool,
    pub description: Option<String>,
}

/// What an input takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum InputKind {
    Text {
        /// The whole value must match.
        pattern: Option<String>,
        /// In characters.
        min: Option<u64>,
        /// In characters.
        max: Option<u64>,
    },
    Number {
        min: Option<f64>,
        max: Option<f64>,
    },
    Boolean,
    Choice {
        options: Vec<String>,
    },
}

/// Neither YAML as it is read here nor JSON has a bound that is unequal to itself.
impl Eq for InputKind {}

/// Why a value is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputFault {
    /// The input that it is about.
    pub name: String,
    pub message: String,
}

impl InputFault {
    /// About an input; a name that nobody could have declared is cut.
    pub fn new(name: &str, message: impl Into<String>) -> Self {
        Self {
            name: name.chars().take(MAX_NAME_CHARS).collect(),
            message: message.into(),
        }
    }
}

impl Input {
    /// The variable that carries it.
    pub fn variable(&self) -> String {
        variable(&self.name)
    }

    /// Takes a value, or says in a sentence what would be taken.
    ///
    /// # Errors
    /// The sentence, which names the bound and not the value.
    pub fn check(&self, value: &str) -> Result<(), String> {
        if value.chars().any(char::is_control) {
            return Err("a value is one line without control characters".to_owned());
        }
        if value.chars().count() > MAX_VALUE_CHARS {
            return Err(format!("a value has at most {MAX_VALUE_CHARS} characters"));
        }
        match &self.kind {
            InputKind::Text { pattern, min, max } => check_text(value, pattern.as_deref(), (*min, *max)),
            InputKind::Number { min, max } => check_number(value, (*min, *max)),
            InputKind::Boolean if ["true", "false"].contains(&value) => Ok(()),
            InputKind::Boolean => Err("it takes true or false".to_owned()),
            InputKind::Choice { options } if options.iter().any(|option| option == value) => Ok(()),
            InputKind::Choice { options } => Err(format!("it takes one of: {}", options.join(", "))),
        }
    }
}

/// Whether it can name an input: the variable has it in capitals, so two names never share one.
pub(crate) fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        && name.len() <= MAX_NAME_CHARS
}

/// The variable of an input.
pub(crate) fn variable(name: &str) -> String {
    format!("{VARIABLE_PREFIX}{}", name.to_ascii_uppercase())
}

/// The values of a run that somebody asks for by hand.
///
/// # Errors
/// Every fault: names that are not declared, values that are not taken, what must be said and is not.
pub fn settle(declared: &[Input], given: &Values) -> Result<Values, Vec<InputFault>> {
    let missing = declared
        .iter()
        .filter(|input| input.required && !given.contains_key(&input.name))
        .map(|input| InputFault::new(&input.name, "it must be given"));
    match settle_standing(declared, given) {
        Ok(values) => {
            let missing: Vec<_> = missing.collect();
            if missing.is_empty() { Ok(values) } else { Err(missing) }
        }
        Err(faults) => Err(faults.into_iter().chain(missing).collect()),
    }
}

/// The values of a run of a standing wish, whose maker is not there to be asked: what must be said by hand may be missing.
///
/// # Errors
/// Every fault: names that are not declared, and values that are not taken.
pub fn settle_standing(declared: &[Input], given: &Values) -> Result<Values, Vec<InputFault>> {
    let mut faults: Vec<InputFault> = given
        .keys()
        .filter(|name| !declared.iter().any(|input| input.name == **name))
        .map(|name| InputFault::new(name, unknown(declared)))
        .collect();
    let mut values = defaults(declared);
    for input in declared {
        let Some(value) = given.get(&input.name) else { continue };
        match input.check(value) {
            Ok(()) => _ = values.insert(input.name.clone(), value.clone()),
            Err(message) => faults.push(InputFault::new(&input.name, message)),
        }
    }
    if faults.is_empty() { Ok(values) } else { Err(faults) }
}

fn unknown(declared: &[Input]) -> String {
    let known: Vec<&str> = declared.iter().map(|input| input.name.as_str()).collect();
    if known.is_empty() {
        return "no inputs are declared at this commit".to_owned();
    }
    format!(
        "no such input is declared at this commit; there are: {}",
        known.join(", ")
    )
}

/// The values of a run that nobody asked for by hand.
pub fn defaults(declared: &[Input]) -> Values {
    let set = declared
        .iter()
        .filter_map(|input| Some((input.name.clone(), input.default.clone()?)));
    set.collect()
}

/// Compiles a pattern that the whole value must match.
pub(crate) fn pattern(text: &str) -> Result<Regex, String> {
    if text.chars().count() > MAX_PATTERN_CHARS {
        return Err(format!("it has more than {MAX_PATTERN_CHARS} characters"));
    }
    // Without the groups around it an `a|b` would be anchored on one side each.
    let whole = RegexBuilder::new(&format!(r"\A(?:{text})\z"))
        .size_limit(MAX_PATTERN_BYTES)
        .build();
    // By itself, so that `a)(b` is not completed by our own parentheses.
    regex_syntax_of(text).and_then(|()| whole.map_err(|error| last_line(&error)))
}

fn regex_syntax_of(text: &str) -> Result<(), String> {
    let alone = RegexBuilder::new(text).size_limit(MAX_PATTERN_BYTES).build();
    alone.map(drop).map_err(|error| last_line(&error))
}

/// The parser shows the pattern over several lines; the reason is the last one.
fn last_line(error: &regex::Error) -> String {
    let text = error.to_string();
    text.lines()
        .last()
        .unwrap_or_default()
        .trim_start_matches("error: ")
        .to_owned()
}

fn check_text(value: &str, wanted: Option<&str>, (min, max): (Option<u64>, Option<u64>)) -> Result<(), String> {
    let chars = value.chars().count() as u64;
    if let Some(min) = min.filter(|min| chars < *min) {
        return Err(format!("it has at least {min} characters"));
    }
    if let Some(max) = max.filter(|max| chars > *max) {
        return Err(format!("it has at most {max} characters"));
    }
    match wanted {
        Some(text) if !pattern(text)?.is_match(value) => Err(format!("the whole of it must match {text}")),
        _ => Ok(()),
    }
}

fn check_number(value: &str, (min, max): (Option<f64>, Option<f64>)) -> Result<(), String> {
    // The reader of JSON allows blanks around it.
    let bare = Some(value).filter(|value| !value.contains(char::is_whitespace));
    let number = bare.and_then(|value| serde_json::from_str::<Number>(value).ok()?.as_f64());
    let Some(number) = number else {
        return Err("it takes a number, such as 3 or -0.5".to_owned());
    };
    if let Some(min) = min.filter(|min| number < *min) {
        return Err(format!("it is at least {min}"));
    }
    if let Some(max) = max.filter(|max| number > *max) {
        return Err(format!("it is at most {max}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Input, InputKind, Values, defaults, pattern, settle};

    fn input(name: &str, kind: InputKind) -> Input {
        Input {
            name: name.to_owned(),
            kind,
            default: None,
            required: false,
            description: None,
        }
    }

    fn text(wanted: &str) -> Input {
        let kind = InputKind::Text {
            pattern: Some(wanted.to_owned()),
            min: Some(2),
            max: Some(5),
        };
        input("version", kind)
    }

    fn values(pairs: &[(&str, &str)]) -> Values {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn every_kind_takes_its_own_values_and_no_others() {
        let number = input(
            "n",
            InputKind::Number {
                min: Some(-1.5),
                max: Some(10.0),
            },
        );
        let flag = input("f", InputKind::Boolean);
        let options = vec!["qa".to_owned(), "live".to_owned()];
        let choice = input("c", InputKind::Choice { options });
        for (input, good, bad) in [
            (
                &text("[0-9.]+|v.*"),
                vec!["1.2", "v1.2", "12345"],
                vec!["1", "123456", "x1.2", "1.2x", "", "1\n2"],
            ),
            (
                &number,
                vec!["3", "-1.5", "1e1", "0.0"],
                vec!["11", "-2", "three", "", "+3", "03", "inf", "1e999", "0x1", " 3"],
            ),
            (&flag, vec!["true", "false"], vec!["True", "1", "yes", ""]),
            (&choice, vec!["qa", "live"], vec!["QA", "", "qa "]),
        ] {
            for value in good {
                input
                    .check(value)
                    .unwrap_or_else(|why| panic!("{} refuses {value}: {why}", input.name));
            }
            for value in bad {
                input.check(value).expect_err(value);
            }
        }
        let any = input(
            "a",
            InputKind::Text {
                pattern: None,
                min: None,
                max: None,
            },
        );
        any.check(&"x".repeat(1_000)).expect("as long as values may be");
        any.check(&"x".repeat(1_001)).expect_err("longer");
        any.check("$(rm -rf /); `id`")
            .expect("a value is a text, whatever a shell would make of it");
    }

    #[test]
    fn every_fault_is_told_with_its_input() {
        let mut must = input("must", InputKind::Boolean);
        must.required = true;
        let declared = [must, text("[0-9.]+")];
        let given = values(&[("version", "new"), ("versoin", "1.2")]);
        let faults = settle(&declared, &given).expect_err("three faults");
        let told: Vec<_> = faults
            .iter()
            .map(|fault| format!("{}: {}", fault.name, fault.message))
            .collect();
        insta::assert_debug_snapshot!(told);
        let none = settle(&[], &values(&[("x", "1")])).expect_err("nothing is declared");
        assert_eq!(none[0].message, "no inputs are declared at this commit");
    }

    #[test]
    fn what_is_given_stands_before_the_default_and_the_rest_is_not_set() {
        let mut version = text(".*");
        version.default = Some("1.0".to_owned());
        let declared = [version, input("dry_run", InputKind::Boolean)];
        assert_eq!(settle(&declared, &Values::new()), Ok(values(&[("version", "1.0")])));
        assert_eq!(defaults(&declared), values(&[("version", "1.0")]));
        let given = values(&[("version", "2.0"), ("dry_run", "true")]);
        assert_eq!(settle(&declared, &given), Ok(given.clone()));
        assert_eq!(declared[1].variable(), "CIRCLE_INPUT_DRY_RUN");
    }

    #[test]
    fn patterns_are_whole_bounded_and_by_themselves() {
        assert!(pattern("a|b").expect("a pattern").is_match("b"));
        assert!(!pattern("a|b").expect("a pattern").is_match("ab"));
        for bad in ["(", "a)(b", "[", "a{1000}{1000}", &"a".repeat(201), "(?=a)"] {
            let why = pattern(bad).expect_err(bad);
            assert!(!why.is_empty() && !why.contains('\n'), "{bad}: {why}");
        }
    }
}

//! Inputs that stand on the service, and how they go together with those of the file.
//!
//! The file at the commit that runs knows what its commands can take: where both declare a name, the file says what values it has, and
//! the service only what counts when nobody says anything, and whether it must be said. What the service alone declares comes
//! behind. Two declarations that cannot both be meant are a fault, and never silently one of them.

use std::collections::BTreeSet;

use super::{Input, InputFault, InputKind, MAX_INPUTS, MAX_NAME_CHARS, MAX_VALUE_CHARS, is_name, pattern};

/// Where an input is declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The pipeline file at the commit.
    File,
    /// The service alone.
    Service,
    /// Values by the file, what counts without one by the service.
    Both,
}

/// The inputs that a run may have, those of the file first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Declared {
    pub inputs: Vec<Input>,
    /// One for each of them.
    pub places: Vec<Place>,
}

/// What a run may be given, by its file and its service. Everything on the server that reads declared
/// inputs asks this; `circle run` and `circle lint` know the file alone.
///
/// # Errors
/// Every name that cannot be meant as both say it.
pub fn together(file: &[Input], service: &[Input]) -> Result<Declared, Vec<InputFault>> {
    let mut faults = Vec::new();
    let mut declared = Declared::default();
    for input in file {
        let (merged, place) = match service.iter().find(|own| own.name == input.name) {
            None => (Ok(input.clone()), Place::File),
            Some(own) => (with_own(input, own), Place::Both),
        };
        match merged {
            Ok(input) => declared.push(input, place),
            Err(message) => faults.push(InputFault::new(&input.name, message)),
        }
    }
    for own in service
        .iter()
        .filter(|own| !file.iter().any(|input| input.name == own.name))
    {
        declared.push(own.clone(), Place::Service);
    }
    if let Some(surplus) = declared.inputs.get(MAX_INPUTS) {
        let message = format!("the file and the service declare more than {MAX_INPUTS} inputs together: remove some");
        faults.push(InputFault::new(&surplus.name, message));
    }
    if faults.is_empty() { Ok(declared) } else { Err(faults) }
}

impl Declared {
    fn push(&mut self, input: Input, place: Place) {
        self.inputs.push(input);
        self.places.push(place);
    }
}

/// The file's input, with what the service says of it.
fn with_own(file: &Input, own: &Input) -> Result<Input, String> {
    if std::mem::discriminant(&file.kind) != std::mem::discriminant(&own.kind) {
        return Err(format!(
            "the file at this commit takes {}, the service declares {}: make them the same, or remove it from the service",
            file.kind.word(),
            own.kind.word()
        ));
    }
    if let Some(default) = &own.default {
        file.check(default).map_err(|why| {
            format!("the file at this commit does not take the service's default: {why}; change it on the service")
        })?;
    }
    Ok(Input {
        // What stands on the service is somebody's answer to the file's question.
        required: own.required || (file.required && own.default.is_none()),
        default: own.default.clone().or_else(|| file.default.clone()),
        description: file.description.clone().or_else(|| own.description.clone()),
        ..file.clone()
    })
}

impl InputKind {
    fn word(&self) -> &'static str {
        match self {
            Self::Text { .. } => "a text",
            Self::Number { .. } => "a number",
            Self::Boolean => "true or false",
            Self::Choice { .. } => "a choice",
        }
    }
}

/// Whether these can stand on a service.
///
/// # Errors
/// Every fault, with the input that it is about.
pub fn check_own(declared: &[Input]) -> Result<(), Vec<InputFault>> {
    let fault = |input: &Input, why: String| InputFault::new(&input.name, why);
    let mut faults: Vec<InputFault> = declared
        .iter()
        .flat_map(|input| of_one(input).into_iter().map(|why| fault(input, why)))
        .collect();
    if let Some(surplus) = declared.get(MAX_INPUTS) {
        let message = format!("a service declares at most {MAX_INPUTS} inputs: remove one first");
        faults.push(fault(surplus, message));
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

fn of_one(input: &Input) -> Vec<String> {
    let mut faults = Vec::new();
    if !is_name(&input.name) {
        faults.push(format!(
            "names have small letters, digits and underscores, begin with a letter, and are at most {MAX_NAME_CHARS} long"
        ));
    }
    let is_line = |text: &str| text.chars().count() <= MAX_VALUE_CHARS && !text.chars().any(char::is_control);
    if !input.description.as_deref().is_none_or(is_line) {
        faults.push(format!(
            "a description is one line of at most {MAX_VALUE_CHARS} characters"
        ));
    }
    faults.extend(of_kind(&input.kind));
    if input.required && input.default.is_some() {
        faults.push("it must be given, so its default never counts: leave one of them out".to_owned());
    }
    // A kind with a fault of its own would only refuse the default once more.
    if let Some(default) = input.default.as_ref().filter(|_| faults.is_empty())
        && let Err(why) = input.check(default)
    {
        faults.push(format!("it does not take its own default: {why}"));
    }
    faults
}

fn of_kind(kind: &InputKind) -> Option<String> {
    match kind {
        InputKind::Text {
            pattern: wanted,
            min,
            max,
        } => {
            let most = MAX_VALUE_CHARS as u64;
            if [min, max].into_iter().flatten().any(|bound| *bound > most) {
                return Some(format!("`min` and `max` count from 0 to {most} characters"));
            }
            if least_is_more(*min, *max) {
                return Some("no text has that many characters at least and that few at most".to_owned());
            }
            let why = pattern(wanted.as_deref()?).err()?;
            Some(format!("its pattern is none: {why}"))
        }
        InputKind::Number { min, max } => {
            least_is_more(*min, *max).then(|| "no number is that much at least and that little at most".to_owned())
        }
        InputKind::Boolean => None,
        InputKind::Choice { options } if options.is_empty() => {
            Some("nothing can be chosen: name its options".to_owned())
        }
        InputKind::Choice { options } => {
            let different: BTreeSet<&String> = options.iter().collect();
            (different.len() < options.len()).then(|| "one of its options stands there twice".to_owned())
        }
    }
}

fn least_is_more<T: PartialOrd>(min: Option<T>, max: Option<T>) -> bool {
    matches!((min, max), (Some(min), Some(max)) if min > max)
}

#[cfg(test)]
mod tests {
    use super::{Place, check_own, together};
    use crate::inputs::{Input, InputKind, Values, settle, settle_standing};

    fn input(name: &str, kind: InputKind, default: Option<&str>) -> Input {
        Input {
            name: name.to_owned(),
            kind,
            default: default.map(str::to_owned),
            required: false,
            description: None,
        }
    }

    fn between(min: f64, max: f64) -> InputKind {
        InputKind::Number {
            min: Some(min),
            max: Some(max),
        }
    }

    fn copies(default: Option<&str>) -> Input {
        input("copies", between(1.0, 9.0), default)
    }

    fn place(options: &[&str], default: Option<&str>) -> Input {
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        input("place", InputKind::Choice { options }, default)
    }

    fn flags(count: usize) -> Vec<Input> {
        let flag = |at| input(&format!("i{at}"), InputKind::Boolean, None);
        (0..count).map(flag).collect()
    }

    #[test]
    fn the_file_says_what_is_taken_and_the_service_what_counts() {
        let mut asked = copies(Some("2"));
        asked.description = Some("How many".to_owned());
        let any = InputKind::Number { min: None, max: None };
        let own = [place(&["qa"], None), input("copies", any, Some("3"))];
        let declared = together(std::slice::from_ref(&asked), &own).expect("both are meant");
        let names: Vec<_> = declared.inputs.iter().map(|input| input.name.as_str()).collect();
        assert_eq!(names, ["copies", "place"]);
        assert_eq!(declared.places, [Place::Both, Place::Service]);
        let merged = &declared.inputs[0];
        assert_eq!((merged.default.as_deref(), &merged.kind), (Some("3"), &asked.kind));
        assert_eq!(merged.description.as_deref(), Some("How many"));
        let alone = together(&[asked], &[]).expect("the file alone");
        assert_eq!(alone.inputs[0].default.as_deref(), Some("2"));
        assert_eq!(alone.places, [Place::File]);
    }

    #[test]
    fn a_default_of_the_service_answers_what_the_file_asks_for() {
        let mut must = copies(None);
        must.required = true;
        let required = |own: Input| {
            let declared = together(std::slice::from_ref(&must), &[own]).expect("both are meant");
            declared.inputs[0].required
        };
        assert!(!required(copies(Some("3"))), "somebody answered");
        assert!(required(copies(None)), "the service says nothing of it");
        let asked = together(&[copies(Some("2"))], std::slice::from_ref(&must)).expect("both are meant");
        let nothing = Values::new();
        settle(&asked.inputs, &nothing).expect_err("the service wants it said by hand");
        let standing = settle_standing(&asked.inputs, &nothing).expect("nobody is there to be asked");
        assert_eq!(standing["copies"], "2");
    }

    #[test]
    fn what_cannot_both_be_meant_is_told_by_its_name() {
        let of = |own: Input| {
            let faults = together(&[copies(None), place(&["qa"], None)], &[own]);
            faults.expect_err("a conflict").remove(0)
        };
        let fault = of(input("copies", InputKind::Boolean, None));
        assert_eq!(fault.name, "copies");
        assert_eq!(
            fault.message,
            "the file at this commit takes a number, the service declares true or false: make them the same, or remove it from the service"
        );
        let fault = of(place(&["live"], Some("live")));
        assert!(fault.message.contains("it takes one of: qa"), "{fault:?}");
        let surplus = together(&[copies(None)], &flags(20)).expect_err("21 together");
        assert_eq!(surplus[0].name, "i19");
        together(&[], &flags(20)).expect("20 are the most");
    }

    #[test]
    fn every_fault_of_a_declaration_of_a_service_is_told() {
        let text = |wanted: &str, min, max| {
            let pattern = Some(wanted.to_owned());
            input("v", InputKind::Text { pattern, min, max }, None)
        };
        let mut both = copies(Some("2"));
        both.required = true;
        let mut lines = copies(None);
        lines.description = Some("two\nlines".to_owned());
        for (bad, told) in [
            (input("Copies", InputKind::Boolean, None), "small letters"),
            (text("a)(b", None, None), "its pattern is none"),
            (text("a", Some(2), Some(1)), "that many characters"),
            (text("a", None, Some(1_001)), "from 0 to 1000"),
            (input("n", between(2.0, 1.0), None), "that much at least"),
            (place(&[], None), "nothing can be chosen"),
            (place(&["qa", "qa"], None), "twice"),
            (place(&["qa"], Some("live")), "its own default: it takes one of: qa"),
            (both, "its default never counts"),
            (lines, "one line"),
        ] {
            let faults = check_own(std::slice::from_ref(&bad)).expect_err(told);
            assert_eq!(faults.len(), 1, "{faults:?}");
            assert!(
                faults[0].name == bad.name && faults[0].message.contains(told),
                "{faults:?}"
            );
        }
        check_own(&[copies(Some("2")), place(&["qa", "live"], Some("qa"))]).expect("good ones");
        assert_eq!(check_own(&flags(21)).expect_err("one too many")[0].name, "i20");
    }
}

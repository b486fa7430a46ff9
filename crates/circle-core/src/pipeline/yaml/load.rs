//! From the reader's events to nodes, bounded in depth and in nodes after every alias was followed.
//!
//! Built on events and not on a ready-made tree, because a tree stops at the first duplicate key, and because depth and
//! aliases have to be bounded while reading, not after (docs/adr/050).

use std::collections::BTreeMap;
use std::rc::Rc;

use saphyr_parser::{Event, Parser, ScalarStyle};

use super::node::{Entry, Node, Scalar, ScalarKind, Value};
use super::{syntax, text};
use crate::pipeline::bounds::{MAX_DEPTH, MAX_NODES};
use crate::pipeline::code::Code;
use crate::pipeline::report::{Report, quote};
use crate::pipeline::source::{Position, Span, Spanned, count};

/// What could be read.
pub(crate) struct Loaded {
    /// The document; `None` when there is none.
    pub(crate) root: Option<Rc<Node>>,
    /// Where reading had to stop. What stands above is in `root`.
    pub(crate) stopped: Option<Position>,
}

/// Reads the only document of the file. All findings that do not hinder reading on are reported together.
pub(crate) fn load(bytes: &[u8], report: &Report<'_>) -> Loaded {
    if !text::check(bytes, report) {
        return Loaded {
            root: None,
            stopped: Some(Span::START.start),
        };
    }
    let mut loader = Loader {
        report,
        open: Vec::new(),
        anchors: BTreeMap::new(),
        nodes: 0,
        root: None,
        stopped: false,
    };
    let stopped = loader.read();
    if stopped.is_some() {
        loader.stopped = true;
        while !loader.open.is_empty() {
            loader.close(None);
        }
    }
    Loaded {
        root: loader.root,
        stopped,
    }
}

struct Loader<'r, 's> {
    report: &'r Report<'s>,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Rc<Node>>,
    nodes: usize,
    root: Option<Rc<Node>>,
    /// Reading has ended early; what is open is only put together.
    stopped: bool,
}

/// A map or list whose end was not seen yet.
struct Open {
    anchor: usize,
    span: Span,
    size: usize,
    height: usize,
    kind: OpenKind,
}

enum OpenKind {
    List(Vec<Rc<Node>>),
    Map {
        entries: Vec<Entry>,
        seen: BTreeMap<String, u32>,
        key: Key,
    },
}

/// What a map waits for.
enum Key {
    Missing,
    Present(Spanned<String>),
    /// The key was refused; its value is read and dropped.
    Refused,
}

impl Loader<'_, '_> {
    fn read(&mut self) -> Option<Position> {
        let source = self.report.source;
        let mut parser = Parser::new_from_str(source.text());
        let mut documents = 0;
        while let Some(event) = parser.next_event() {
            let (event, span) = match event {
                Ok((event, span)) => (event, from_marks(span)),
                Err(error) => {
                    let innermost = self.open.last().map(|open| open.span);
                    return Some(syntax::report_failure(&error, innermost, self.report));
                }
            };
            if matches!(event, Event::DocumentStart(_)) {
                documents += 1;
                if documents > 1 {
                    let help = "keep one document: remove the line `---` and what follows it";
                    self.report
                        .error_help(Code::SecondDocument, span, "the file holds a second document", help);
                    return Some(span.start);
                }
            }
            if !self.take(event, span) {
                return Some(span.start);
            }
        }
        None
    }

    /// Takes one event; `false` when a bound is reached.
    fn take(&mut self, event: Event<'_>, span: Span) -> bool {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_tag(tag.is_some(), span);
                let node = Node::scalar(text.into_owned(), style == ScalarStyle::Plain, span);
                self.complete(Rc::new(node), anchor, span)
            }
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                Some(node) => self.complete(Rc::clone(node), 0, span),
                None => {
                    let message = "an anchor cannot contain itself";
                    self.report.error(Code::UnknownAlias, span, message);
                    self.complete(Rc::new(Node::scalar(String::new(), true, span)), 0, span)
                }
            },
            Event::SequenceStart(anchor, tag) => self.begin(OpenKind::List(Vec::new()), anchor, tag.is_some(), span),
            Event::MappingStart(anchor, tag) => {
                let (entries, seen, key) = (Vec::new(), BTreeMap::new(), Key::Missing);
                self.begin(OpenKind::Map { entries, seen, key }, anchor, tag.is_some(), span)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(Some(span)),
            _ => true,
        }
    }

    fn begin(&mut self, kind: OpenKind, anchor: usize, tagged: bool, span: Span) -> bool {
        self.refuse_tag(tagged, span);
        self.open.push(Open {
            anchor,
            span,
            size: 1,
            height: 1,
            kind,
        });
        self.fits_depth(self.open.len(), span)
    }

    fn close(&mut self, end: Option<Span>) -> bool {
        let Some(open) = self.open.pop() else { return true };
        let span = Span {
            start: open.span.start,
            end: end.map_or(open.span.end, |end| end.end),
        };
        let value = match open.kind {
            OpenKind::List(items) => Value::List(items),
            OpenKind::Map { entries, .. } => Value::Map(entries),
        };
        let node = Rc::new(Node {
            value,
            span,
            size: open.size,
            height: open.height,
        });
        self.complete(node, open.anchor, span)
    }

    /// Puts a finished node where it belongs. `span` is where it stands here; an alias stands elsewhere than its node.
    fn complete(&mut self, node: Rc<Node>, anchor: usize, span: Span) -> bool {
        if anchor > 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        self.nodes += 1;
        let depth = self.open.len() + node.height;
        let Some(parent) = self.open.last_mut() else {
            self.root = Some(node);
            return true;
        };
        parent.size += node.size;
        parent.height = parent.height.max(node.height + 1);
        let size = parent.size.max(self.nodes);
        match &mut parent.kind {
            OpenKind::List(items) => items.push(node),
            OpenKind::Map { entries, seen, key } => match std::mem::replace(key, Key::Missing) {
                Key::Present(key) => entries.push(Entry { key, value: node }),
                Key::Refused => {}
                // A map that is cut off is no key; its own end was never seen.
                Key::Missing if self.stopped => {}
                Key::Missing => *key = new_key(&node, span, seen, self.report),
            },
        }
        self.fits_depth(depth, span) && self.fits_nodes(size, span)
    }

    fn refuse_tag(&self, tagged: bool, span: Span) {
        if tagged {
            let message = "YAML tags (`!…`) are not used in this file";
            self.report.error_help(
                Code::YamlTag,
                span,
                message,
                "remove the tag; put a text in quotes to keep it a text",
            );
        }
    }

    fn fits_depth(&self, depth: usize, span: Span) -> bool {
        if depth > MAX_DEPTH && !self.stopped {
            self.report.error(Code::TooDeep, span, syntax::too_deep());
        }
        depth <= MAX_DEPTH
    }

    fn fits_nodes(&self, size: usize, span: Span) -> bool {
        if size > MAX_NODES && !self.stopped {
            let message = format!("the file grows beyond {MAX_NODES} values when its aliases are followed");
            self.report
                .error_help(Code::TooManyNodes, span, message, "use fewer aliases of aliases");
        }
        size <= MAX_NODES
    }
}

fn new_key(node: &Node, span: Span, seen: &mut BTreeMap<String, u32>, report: &Report<'_>) -> Key {
    let Value::Scalar(scalar) = &node.value else {
        report.error_help(
            Code::BadKey,
            span,
            format!("a key is a plain text, not {}", node.description()),
            "write `key: value`",
        );
        return Key::Refused;
    };
    let text = scalar.text.as_str();
    let text = match is_plain_word(scalar, span, report) {
        true => text,
        // What a merge key would bring in is read as if it stood behind `use`, so that nothing is missed for want of it.
        false if text == "<<" && !seen.contains_key("use") => "use",
        false => return Key::Refused,
    };
    if let Some(first) = seen.get(text) {
        let message = format!(
            "the key {} stands twice in this map; first on line {first}",
            quote(text)
        );
        report.error_help(Code::DuplicateKey, span, message, "remove one of them");
        return Key::Refused;
    }
    seen.insert(text.to_owned(), span.start.line);
    Key::Present(Spanned::new(text.to_owned(), span))
}

fn is_plain_word(scalar: &Scalar, span: Span, report: &Report<'_>) -> bool {
    let text = scalar.text.as_str();
    match scalar.kind() {
        ScalarKind::Null => report.error_help(
            Code::BadKey,
            span,
            "a key is missing before this `:`",
            "write `key: value`",
        ),
        ScalarKind::Ambiguous => {
            let message = format!("the key {} means a truth value to some readers of YAML", quote(text));
            report.error_help(Code::AmbiguousWord, span, message, format!("write \"{text}\""));
        }
        _ if text == "<<" && scalar.plain => {
            let help = "write `use: *anchor`; explicit keys win over those of the map used";
            report.error_help(Code::MergeKey, span, "merge keys are not supported", help);
        }
        _ => return true,
    }
    false
}

fn from_marks(span: saphyr_parser::Span) -> Span {
    let place = |mark: saphyr_parser::Marker| Position {
        line: count(mark.line()),
        column: count(mark.col() + 1),
    };
    Span {
        start: place(span.start),
        end: place(span.end),
    }
}

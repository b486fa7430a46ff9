//! Tables without frames: a header, columns two spaces apart, cut to the terminal's width.

use comfy_table::presets::NOTHING;
use comfy_table::{Attribute, Color, ContentArrangement};

use crate::paint::Tone;
use crate::printer::Printer;

/// One cell.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    text: String,
    tone: Tone,
}

/// Rows under a header.
#[derive(Debug)]
pub(crate) struct Table {
    header: &'static [&'static str],
    rows: Vec<Vec<Cell>>,
}

impl Cell {
    pub(crate) fn toned(text: impl Into<String>, tone: Tone) -> Self {
        Self {
            text: text.into(),
            tone,
        }
    }
}

impl<T: ToString> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::toned(text.to_string(), Tone::Plain)
    }
}

impl Table {
    pub(crate) fn new(header: &'static [&'static str]) -> Self {
        Self {
            header,
            rows: Vec::new(),
        }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The text, or a sentence when there are no rows.
    pub(crate) fn render(&self, printer: &Printer, when_empty: &str) -> String {
        if self.rows.is_empty() {
            return when_empty.to_owned();
        }
        let mut table = comfy_table::Table::new();
        table.load_style(NOTHING);
        if printer.paint.is_on() {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        if let Some(width) = printer.width {
            table
                .set_content_arrangement(ContentArrangement::Dynamic)
                .set_width(width);
        }
        table.set_header(
            self.header
                .iter()
                .map(|title| comfy_table::Cell::new(title).add_attribute(Attribute::Bold)),
        );
        for row in &self.rows {
            table.add_row(row.iter().map(cell));
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        table.trim_fmt()
    }
}

fn cell(cell: &Cell) -> comfy_table::Cell {
    let plain = comfy_table::Cell::new(&cell.text);
    match cell.tone {
        Tone::Plain => plain,
        Tone::Good => plain.fg(Color::Green),
        Tone::Bad => plain.fg(Color::Red),
        Tone::Busy => plain.fg(Color::Cyan),
        Tone::Warn => plain.fg(Color::Yellow),
        Tone::Dim => plain.add_attribute(Attribute::Dim),
        Tone::Strong => plain.add_attribute(Attribute::Bold),
    }
}

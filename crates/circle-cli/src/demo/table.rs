//! Where the time went, as a table.

use circle_api::resources::RunView;
use comfy_table::{CellAlignment, Table, presets};

/// One row a stage of each run; milliseconds.
pub(super) fn phases(runs: &[RunView]) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header([
        "run", "stage", "state", "queue", "cell", "pull", "start", "run", "copy out", "total",
    ]);
    for view in runs {
        for stage in &view.stages {
            let phases = &stage.phases;
            let figures = [
                phases.queue_ms,
                phases.cell_ms,
                phases.pull_ms,
                phases.start_ms,
                phases.run_ms,
                phases.copy_out_ms,
            ];
            let mut row = vec![
                format!("#{}", view.run.number),
                stage.name.clone(),
                stage.state.word().to_owned(),
            ];
            row.extend(figures.iter().map(|&ms| milliseconds(ms)));
            row.push(stage.duration_ms.map(milliseconds).unwrap_or_default());
            table.add_row(row);
        }
    }
    for index in 3..10 {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    format!("{table}\nmilliseconds; a dot is less than one")
}

fn milliseconds(ms: u64) -> String {
    if ms == 0 { "·".into() } else { ms.to_string() }
}

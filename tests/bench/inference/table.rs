//! What was measured of each side, in pairs: medians with their spread, and the ratio of each pair.

use super::server::Server;
use e2e::statistics::{Spread, ratios};

/// A table with a column for each side.
pub struct Table {
    sides: Vec<&'static str>,
    rows: Vec<Row>,
}

/// A measure: for each side its values, the nth of one being the partner of the other's nth.
struct Row {
    name: String,
    values: Vec<Vec<f64>>,
}

impl Table {
    pub fn new(servers: &[Server]) -> Self {
        Self { sides: servers.iter().map(|server| server.name).collect(), rows: Vec::new() }
    }

    /// Adds a value of a side to the row of that name.
    pub fn add(&mut self, row: &str, side: usize, value: f64) {
        let position = self.rows.iter().position(|known| known.name == row).unwrap_or(self.rows.len());
        if position == self.rows.len() {
            self.rows.push(Row { name: row.to_owned(), values: vec![Vec::new(); self.sides.len()] });
        }
        self.rows[position].values[side].push(value);
    }

    /// Prints it.
    pub fn print(&self) {
        let sides: String = self.sides.iter().map(|side| format!("{side:>24}")).collect();
        let ratio = if self.sides.len() > 1 { "1st/2nd, in pairs" } else { "" };
        println!("  {:<42}{sides}{ratio:>24}", "median (spread)");
        for row in &self.rows {
            row.print();
        }
    }
}

impl Row {
    fn print(&self) {
        let cells: String =
            self.values.iter().map(|values| format!("{:>24}", cell(values, digits))).collect();
        let ratio = match &self.values[..] {
            [first, second] => cell(&ratios(first, second), |_| 2),
            _ => String::new(),
        };
        println!("  {:<42}{cells}{ratio:>24}", self.name);
    }
}

/// The median, with the least and the most where there are several values.
fn cell(values: &[f64], digits: fn(f64) -> usize) -> String {
    let Some(Spread { least, median, most }) = Spread::of(values) else { return "-".to_owned() };
    let digits = digits(median);
    if values.len() == 1 {
        return format!("{median:.digits$}");
    }
    format!("{median:.digits$} ({least:.digits$}-{most:.digits$})")
}

/// As many decimals as say something.
fn digits(value: f64) -> usize {
    if value < 10.0 { 2 } else { usize::from(value < 100.0) }
}

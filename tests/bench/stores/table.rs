//! Seconds by operation and side, printed as medians of rounds, their spread, and ratios of medians.

/// The last side is what the others are compared with.
const SIDES: usize = 3;

/// A table with a column for each side.
pub struct Table {
    sides: [&'static str; SIDES],
    rows: Vec<Row>,
}

/// One operation: for each side the median of each round.
struct Row {
    operation: String,
    rounds: [Vec<f64>; SIDES],
}

impl Table {
    pub fn new(sides: [&'static str; SIDES]) -> Self {
        Self { sides, rows: Vec::new() }
    }

    /// Adds what an operation took in one round.
    pub fn add(&mut self, operation: &str, side: usize, seconds: Vec<f64>) {
        let position = self.rows.iter().position(|row| row.operation == operation).unwrap_or(self.rows.len());
        if position == self.rows.len() {
            self.rows.push(Row { operation: operation.to_owned(), rounds: Default::default() });
        }
        self.rows[position].rounds[side].extend(median(seconds));
    }

    /// Prints it; the first side without a ratio where it had `other` work than Python.
    pub fn print(&self, other: bool) {
        let [first, second, last] = self.sides;
        println!(
            "  {:<22}{first:>26}{second:>26}{last:>26}{:>12}{:>12}",
            "ms: median (spread)", "1st/3rd", "2nd/3rd"
        );
        for row in &self.rows {
            row.print(other);
        }
    }
}

impl Row {
    fn print(&self, other: bool) {
        let medians = self.rounds.clone().map(median);
        let ratio = |side: usize| match (medians[side], medians[SIDES - 1]) {
            (Some(ours), Some(python)) if side > 0 || !other => format!("{:.2}", ours / python),
            _ => "-".to_owned(),
        };
        let [first, second, last] = self.rounds.each_ref().map(|rounds| cell(rounds));
        println!("  {:<22}{first:>26}{second:>26}{last:>26}{:>12}{:>12}", self.operation, ratio(0), ratio(1));
    }
}

/// The median, and the least and the most.
fn cell(rounds: &[f64]) -> String {
    let Some(middle) = median(rounds.to_vec()) else { return "-".to_owned() };
    let least = rounds.iter().copied().fold(f64::INFINITY, f64::min);
    let most = rounds.iter().copied().fold(0.0, f64::max);
    let decimals = if middle < 1e-3 { 3 } else { 1 };
    format!("{:.decimals$} ({:.decimals$}-{:.decimals$})", middle * 1e3, least * 1e3, most * 1e3)
}

fn median(mut seconds: Vec<f64>) -> Option<f64> {
    seconds.sort_by(f64::total_cmp);
    seconds.get(seconds.len() / 2).copied()
}

//! What a running process takes of the machine, as Linux tells it.

use anyhow::{Context, Result};
use std::{fs, time::Duration};

/// Linux counts processor time for other programs in hundredths of a second, whatever it uses itself.
const TICK: Duration = Duration::from_millis(10);

/// Resident memory, in bytes.
pub fn memory(id: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status"))?;
    let size = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.strip_suffix("kB"));
    Ok(size.context("no VmRSS")?.trim().parse::<u64>()? * 1024)
}

/// Time that processors have spent on it since its start.
pub fn processor_time(id: u32) -> Result<Duration> {
    let line = fs::read_to_string(format!("/proc/{id}/stat"))?;
    // The program's name comes before, in brackets, and may hold anything.
    let (_, fields) = line.rsplit_once(')').context("no name")?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(|field| field.parse::<u32>());
    Ok(TICK * ticks.sum::<Result<u32, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{hint::black_box, process, time::Instant};

    #[test]
    fn a_process_that_works_takes_memory_and_time() -> Result<()> {
        let id = process::id();
        let (memory_before, time_before) = (memory(id)?, processor_time(id)?);
        let bytes = black_box(vec![1_u8; 64 << 20]);
        let end = Instant::now() + Duration::from_secs(60);
        while processor_time(id)? < time_before + Duration::from_millis(50) {
            anyhow::ensure!(Instant::now() < end, "no time was counted");
        }
        assert!(memory(id)? > memory_before + (32 << 20));
        drop(black_box(bytes));
        Ok(())
    }
}

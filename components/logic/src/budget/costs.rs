//! What each turn and passage takes, estimated, and what to keep of them for a number of tokens.

use super::{Keep, Material, length};

/// Bytes that stand for the markers around a turn or passage, at about four bytes a token.
const MARKERS: u64 = 48;

/// Estimated tokens of each part, at least one each.
pub struct Costs {
    /// Stored turns that were not read.
    unread: u32,
    /// Oldest first.
    turns: Vec<u32>,
    /// Best first.
    passages: Vec<u32>,
}

impl Costs {
    /// Spreads what all turns and all passages take, which was counted, over the single ones.
    pub fn estimate(material: &Material, turns: u32, passages: u32) -> Self {
        let of_turns = material.history.iter().map(|turn| turn.user.len() + turn.ai.len());
        let of_passages = material.passages.iter().map(|hit| hit.passage.text.len());
        Self {
            unread: material.unread,
            turns: spread(turns, of_turns),
            passages: spread(passages, of_passages),
        }
    }

    /// What the unread turns would take, if they are like the others.
    pub fn unread(&self) -> u32 {
        let read = length(self.turns.len()).max(1);
        let all = u64::from(sum(&self.turns)) * u64::from(self.unread) / u64::from(read);
        u32::try_from(all).unwrap_or(u32::MAX)
    }

    /// What to keep of all parts for `target` tokens.
    pub fn choose(&self, target: u32) -> Keep {
        let passages = fitting(self.passages.iter(), target / 2);
        let left = target - sum(&self.passages[..passages]);
        let turns = self.steady(fitting(self.turns.iter().rev(), left));
        let left = target - sum(&self.turns[self.turns.len() - turns..]);
        Keep { turns, passages: fitting(self.passages.iter(), left) }
    }

    /// How many of the newest turns to keep, of those that would fit.
    fn steady(&self, fitting: usize) -> usize {
        let read = length(self.turns.len());
        let fitting = length(fitting);
        let earliest = self.unread.saturating_add(read - fitting);
        let cut = steady_cut(earliest, fitting);
        // The cut leaves some of what fits, so this cannot wrap.
        (fitting - (cut - earliest)) as usize
    }
}

/// Where to cut a history, if the cut may not be before the turn `earliest` and `fitting` turns come
/// after it: the roundest (in binary) number that keeps at least half of them, rounded down, but one.
///
/// A transcript whose first turn changes has to be read by the model anew, all of it. So the cut must
/// not creep by one with every turn, and nothing remembers where it was. The roundest number in a window
/// stays the same while the window slides over it, and hardly minds when a longer question makes less room
/// once. With 5 to 10 turns of one size that fit, the cut moves by 4 every fourth turn or so.
pub fn steady_cut(earliest: u32, fitting: u32) -> u32 {
    let latest = earliest.saturating_add(fitting.div_ceil(2).min(fitting.saturating_sub(1)));
    let mut cut = latest;
    while cut > 0 && cut & (cut - 1) >= earliest {
        cut &= cut - 1;
    }
    cut
}

/// How many of these, from the first on, take at most `tokens`.
fn fitting<'a>(costs: impl Iterator<Item = &'a u32>, tokens: u32) -> usize {
    let mut taken = 0u32;
    costs
        .take_while(|cost| {
            taken = taken.saturating_add(**cost);
            taken <= tokens
        })
        .count()
}

fn spread(total: u32, bytes: impl Iterator<Item = usize>) -> Vec<u32> {
    let weights: Vec<u64> = bytes.map(|bytes| bytes as u64 + MARKERS).collect();
    let all = weights.iter().sum::<u64>().max(1);
    let share = |weight: u64| (u64::from(total) * weight).div_ceil(all).max(1);
    weights.into_iter().map(|weight| u32::try_from(share(weight)).unwrap_or(u32::MAX)).collect()
}

fn sum(costs: &[u32]) -> u32 {
    costs.iter().fold(0, |total, cost| total.saturating_add(*cost))
}

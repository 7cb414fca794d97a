//! Which of several servers gets a request.
//!
//! The less busy of two that chance picks, and not the least busy of all: many hosts that see the
//! same numbers would otherwise all go to the same server. A conversation goes back to the server
//! that has it in its cache, unless that one has clearly more to do.

/// Requests that the favourite may have more, beside twice as many as another.
const SLACK: u32 = 2;

/// What speaks against a server; the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    /// Nothing.
    Fresh,
    /// It failed lately, or had no place.
    Resting,
    /// It failed this very request.
    Tried,
}

/// A server that can be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Candidate {
    pub index: usize,
    pub standing: Standing,
    /// Requests that it has.
    pub under_way: u32,
}

/// One of the candidates with the best standing.
pub(super) fn choose(candidates: &[Candidate], favourite: Option<usize>, random: u64) -> Option<usize> {
    let best = candidates.iter().map(|candidate| candidate.standing).min()?;
    let pool: Vec<_> = candidates.iter().filter(|candidate| candidate.standing == best).collect();
    let idler = idler_of_two(&pool, random)?;
    let keep = pool.iter().find(|candidate| Some(candidate.index) == favourite);
    let keep = keep.filter(|favourite| favourite.under_way <= idler.under_way.saturating_mul(2) + SLACK);
    Some(keep.map_or(idler.index, |favourite| favourite.index))
}

fn idler_of_two<'a>(pool: &[&'a Candidate], random: u64) -> Option<&'a Candidate> {
    let count = u64::try_from(pool.len()).ok().filter(|&count| count > 0)?;
    let at = |index: u64| usize::try_from(index).ok().and_then(|index| pool.get(index).copied());
    let first = random % count;
    // Any but the first, if there are others.
    let second = (first + 1 + (random / count) % (count - 1).max(1)) % count;
    let (first, second) = (at(first)?, at(second)?);
    Some(if second.under_way < first.under_way { second } else { first })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn servers(under_way: &[u32]) -> Vec<Candidate> {
        let candidate = |(index, &under_way)| Candidate { index, standing: Standing::Fresh, under_way };
        under_way.iter().enumerate().map(candidate).collect()
    }

    fn chosen(candidates: &[Candidate], favourite: Option<usize>) -> BTreeSet<usize> {
        (0..1000).filter_map(|random| choose(candidates, favourite, random)).collect()
    }

    #[test]
    fn the_busier_of_two_is_not_chosen() {
        assert_eq!(chosen(&servers(&[3, 1]), None), [1].into());
        assert_eq!(chosen(&servers(&[5, 1, 3]), None), [1, 2].into());
        assert_eq!(chosen(&servers(&[0, 0, 0, 0]), None), [0, 1, 2, 3].into());
        assert_eq!(chosen(&servers(&[7]), None), [0].into());
        assert_eq!(chosen(&[], None), [].into());
    }

    #[test]
    fn the_favourite_is_kept_until_it_is_clearly_busier() {
        assert_eq!(chosen(&servers(&[2, 0, 0]), Some(0)), [0].into());
        assert_eq!(chosen(&servers(&[6, 2]), Some(0)), [0].into());
        assert_eq!(chosen(&servers(&[7, 2]), Some(0)), [1].into());
        assert_eq!(chosen(&servers(&[1, 1]), Some(9)), [0, 1].into());
    }

    #[test]
    fn a_better_standing_comes_before_everything_else() {
        let with = |standings: [Standing; 3]| {
            let mut servers = servers(&[0, 4, 9]);
            for (server, standing) in servers.iter_mut().zip(standings) {
                server.standing = standing;
            }
            servers
        };
        use Standing::{Fresh, Resting, Tried};
        assert_eq!(chosen(&with([Tried, Resting, Fresh]), Some(0)), [2].into());
        assert_eq!(chosen(&with([Tried, Resting, Tried]), Some(0)), [1].into());
        assert_eq!(chosen(&with([Tried, Tried, Tried]), None), [0, 1].into());
    }
}

//! Whose turn it is: who has the least of the engine comes first, among clients and among a client's
//! conversations.
//!
//! Pure: claims in, a choice out. Not here: the queue itself (`queue`).

use std::collections::HashMap;

use crate::Owner;

/// On whose account a job runs. Jobs without a principal count as one principal's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Claim<'a> {
    /// Who asks.
    pub principal: Option<&'a str>,
    /// For which conversation.
    pub owner: Option<&'a Owner>,
}

/// Who was served when. The bound on its size is a multiple of what can wait.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    clock: u64,
    principals: HashMap<Option<String>, u64>,
    owners: HashMap<Owner, u64>,
}

/// Those who are remembered beside those who wait.
const REMEMBERED: usize = 1024;

impl Turns {
    /// The one of the `waiting` jobs, which come in the order of their arrival, that goes first while `running`
    /// ones have a slot. Counts as served.
    pub fn next(&mut self, waiting: &[Claim<'_>], running: &[Claim<'_>]) -> Option<usize> {
        let (index, chosen) =
            waiting.iter().enumerate().min_by_key(|(_, claim)| self.standing(claim, running))?;
        self.note(chosen);
        Some(index)
    }

    /// The one of the `waiting` jobs that makes room for a `newcomer` in a full queue: the last one of whoever has
    /// most places there, if the newcomer would still have fewer.
    pub fn displaced(waiting: &[Claim<'_>], newcomer: Claim<'_>) -> Option<usize> {
        let places =
            |principal: Option<&str>| waiting.iter().filter(|claim| claim.principal == principal).count();
        // Of equals the last one, so that whoever waited longest stays.
        let (index, most) = waiting
            .iter()
            .enumerate()
            .map(|(index, claim)| (index, places(claim.principal)))
            .max_by_key(|&(index, places)| (places, index))?;
        (places(newcomer.principal) + 1 < most).then_some(index)
    }

    /// Least first: what the principal has now, when it was served last, and the same of the conversation.
    fn standing(&self, claim: &Claim<'_>, running: &[Claim<'_>]) -> (usize, u64, usize, u64) {
        let principals = running.iter().filter(|other| other.principal == claim.principal).count();
        let owners =
            running.iter().filter(|other| other.owner.is_some() && other.owner == claim.owner).count();
        let served = self.principals.get(&claim.principal.map(str::to_owned)).copied().unwrap_or(0);
        let told = claim.owner.and_then(|owner| self.owners.get(owner)).copied().unwrap_or(0);
        (principals, served, owners, told)
    }

    fn note(&mut self, claim: &Claim<'_>) {
        self.clock += 1;
        self.principals.insert(claim.principal.map(str::to_owned), self.clock);
        if let Some(owner) = claim.owner {
            self.owners.insert(owner.clone(), self.clock);
        }
        let recent = self.clock.saturating_sub(REMEMBERED as u64);
        if self.principals.len() > 2 * REMEMBERED {
            self.principals.retain(|_, served| *served > recent);
        }
        if self.owners.len() > 2 * REMEMBERED {
            self.owners.retain(|_, served| *served > recent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim<'a>(principal: &'a str, owner: Option<&'a Owner>) -> Claim<'a> {
        Claim { principal: Some(principal), owner }
    }

    /// The principals in the order in which they are served, one slot being free at a time.
    fn order(waiting: &[Claim<'_>]) -> Vec<usize> {
        let (mut turns, mut left) = (Turns::default(), (0..waiting.len()).collect::<Vec<_>>());
        let mut order = Vec::new();
        while !left.is_empty() {
            let claims: Vec<_> = left.iter().map(|&index| waiting[index]).collect();
            order.push(left.remove(turns.next(&claims, &[]).unwrap()));
        }
        order
    }

    #[test]
    fn whoever_asks_once_does_not_wait_for_all_of_whoever_asks_often() {
        let (busy, quiet) = (claim("busy", None), claim("quiet", None));
        assert_eq!(order(&[busy, busy, busy, quiet, quiet]), [0, 3, 1, 4, 2]);
        assert_eq!(order(&[busy, busy, busy]), [0, 1, 2], "alone in the order of arrival");
    }

    #[test]
    fn whoever_has_fewer_slots_comes_first() {
        let (one, other) = (claim("one", None), claim("other", None));
        assert_eq!(Turns::default().next(&[one, other], &[one]), Some(1));
        assert_eq!(Turns::default().next(&[one, other], &[one, other, other]), Some(0));
        assert_eq!(Turns::default().next(&[], &[one]), None);
    }

    #[test]
    fn a_clients_conversations_take_turns() {
        let owners = ["a", "b"].map(|id| Owner::Session(id.into()));
        let [a, b] = owners.each_ref().map(|owner| claim("client", Some(owner)));
        assert_eq!(order(&[a, a, a, b]), [0, 3, 1, 2]);
    }

    #[test]
    fn a_full_queue_makes_room_for_whoever_has_less_of_it() {
        let (busy, quiet) = (claim("busy", None), claim("quiet", None));
        assert_eq!(Turns::displaced(&[busy, busy, busy], quiet), Some(2));
        assert_eq!(Turns::displaced(&[busy, quiet, busy], quiet), None, "they would only change places");
        assert_eq!(Turns::displaced(&[busy, busy, busy], busy), None);
        assert_eq!(Turns::displaced(&[], quiet), None);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut turns = Turns::default();
        for index in 0..10 * REMEMBERED {
            let (principal, owner) = (index.to_string(), Owner::Client(index.to_string()));
            turns.next(&[claim(&principal, Some(&owner))], &[]);
        }
        assert!(turns.principals.len() <= 2 * REMEMBERED && turns.owners.len() <= 2 * REMEMBERED);
    }
}

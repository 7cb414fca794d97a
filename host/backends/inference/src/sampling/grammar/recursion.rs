//! Rules that begin with themselves, on which llama.cpp aborts or never ends; it overlooks those whose beginning is empty
//! only by way of other rules. And what a search through all beginnings takes, which it makes without remembering any.

use super::{Node, Part};

/// Steps of llama.cpp's search through the beginnings of all rules.
const MAX_STEPS: u64 = 1_000_000;
/// Ways in which a grammar may go on in one place; llama.cpp compares each with all others.
const MAX_WAYS: u64 = 10_000;
/// Calls within calls, on a thread with room for them.
const MAX_DEPTH: u64 = 10_000;

/// What is known of a node's beginnings.
#[derive(Debug, Clone, Copy, Default)]
struct Beginnings {
    ways: u64,
    depth: u64,
}

/// Says what llama.cpp could not bear.
pub(super) fn check(nodes: &[Node]) -> Result<(), String> {
    let empty = empty(nodes);
    let first: Vec<_> = nodes.iter().map(|node| first(node, &empty)).collect();
    let order = order(&first).ok_or("a rule of it begins with itself")?;
    let mut known = vec![Beginnings::default(); nodes.len()];
    let mut steps = 0u64;
    for place in order {
        let beginnings = first[place].iter().map(|part| known[*part]);
        let deepest = beginnings.clone().map(|part| part.depth).max().unwrap_or_default();
        let all = beginnings.fold(1u64, |sum, part| sum.saturating_add(part.ways));
        let (ways, depth, times) = match &nodes[place] {
            Node::Choice(alternatives) => (all.saturating_add(alternatives.len() as u64), 1, 1),
            // Each of its rules begins with the part, and with the next rule too if the part may be empty.
            Node::Repetition { part, times, .. } => {
                let chain = if is_empty(*part, &empty) { times + 1 } else { 2 };
                (all.saturating_mul(chain), chain, times + 1)
            }
        };
        known[place] = Beginnings { ways, depth: deepest.saturating_add(depth) };
        steps = steps.saturating_add(ways.saturating_mul(times));
        if ways > MAX_WAYS || steps > MAX_STEPS || known[place].depth > MAX_DEPTH {
            return Err("its rules can begin in too many ways".into());
        }
    }
    check_sequences(nodes, &empty, &known)
}

/// Within an alternative, too, the next part is all of those up to one that is not empty.
fn check_sequences(nodes: &[Node], empty: &[bool], known: &[Beginnings]) -> Result<(), String> {
    let alternatives = nodes.iter().filter_map(|node| match node {
        Node::Choice(alternatives) => Some(alternatives),
        Node::Repetition { .. } => None,
    });
    for parts in alternatives.flatten() {
        let mut ways = 0u64;
        for part in parts {
            if let Part::Node(node) = part {
                ways = ways.saturating_add(known[*node].ways);
            }
            if ways > MAX_WAYS {
                return Err("it can go on in too many ways".into());
            }
            if !is_empty(*part, empty) {
                ways = 0;
            }
        }
    }
    Ok(())
}

/// Which nodes may stand for no text. One becomes known by others, until nothing changes.
fn empty(nodes: &[Node]) -> Vec<bool> {
    let mut empty = vec![false; nodes.len()];
    let mut changed = true;
    while changed {
        changed = false;
        // Groups come after the rule that they are in: backwards, a round settles most of them.
        for (place, node) in nodes.iter().enumerate().rev() {
            let is_now = match node {
                Node::Choice(alternatives) => {
                    alternatives.iter().any(|parts| parts.iter().all(|part| is_empty(*part, &empty)))
                }
                Node::Repetition { part, optional, .. } => *optional || is_empty(*part, &empty),
            };
            changed |= is_now && !empty[place];
            empty[place] |= is_now;
        }
    }
    empty
}

fn is_empty(part: Part, empty: &[bool]) -> bool {
    match part {
        Part::Text => false,
        Part::Node(node) => empty[node],
    }
}

/// The nodes that a node may begin with, as often as it does.
fn first(node: &Node, empty: &[bool]) -> Vec<usize> {
    let mut first = Vec::new();
    let mut add = |parts: &[Part]| {
        for part in parts {
            if let Part::Node(node) = part {
                first.push(*node);
            }
            if !is_empty(*part, empty) {
                break;
            }
        }
    };
    match node {
        Node::Choice(alternatives) => alternatives.iter().for_each(|parts| add(parts)),
        Node::Repetition { part, .. } => add(&[*part]),
    }
    first
}

/// Every node after those that it begins with; none if that cannot be.
fn order(first: &[Vec<usize>]) -> Option<Vec<usize>> {
    let mut open: Vec<_> = first.iter().map(Vec::len).collect();
    let mut users = vec![Vec::new(); first.len()];
    for (node, parts) in first.iter().enumerate() {
        parts.iter().for_each(|part| users[*part].push(node));
    }
    let mut order: Vec<_> = (0..first.len()).filter(|node| open[*node] == 0).collect();
    let mut next = 0;
    while let Some(node) = order.get(next).copied() {
        next += 1;
        for user in &users[node] {
            open[*user] -= 1;
            if open[*user] == 0 {
                order.push(*user);
            }
        }
    }
    (order.len() == first.len()).then_some(order)
}

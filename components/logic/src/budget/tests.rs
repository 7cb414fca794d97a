//! What the budget promises, with a tokenizer that counts words.

use super::costs::steady_cut;
use super::*;
use crate::testing::{hit, pair, tokens, words};
use std::cell::Cell;

const SPACE: Space = Space { context: 2048, answer: 512 };

fn material(turns: usize, passages: usize) -> Material {
    Material {
        system: Some(words(30)),
        unread: 0,
        history: (0..turns).map(|n| pair(&format!("{n} {}", words(40)), &words(100))).collect(),
        passages: (0..passages).map(|n| hit(&format!("d#{n}"), &words(200), 0.1)).collect(),
        retrieval_unavailable: false,
        question: words(20),
    }
}

/// The plan, and how often it counted. Checks what holds for every plan.
fn planned(material: &Material, space: Space) -> (Plan, u32) {
    let counts = Cell::new(0);
    let plan = plan(material, space, |chat| {
        counts.set(counts.get() + 1);
        Ok(tokens(&chat))
    })
    .unwrap();
    assert!(tokens(&plan.messages) + plan.answer_tokens <= space.context);
    (plan, counts.get())
}

#[test]
fn what_fits_is_kept_whole_and_counted_once() {
    let (plan, counts) = planned(&material(4, 2), SPACE);
    assert_eq!((plan.keep, plan.trimmed, counts), (Keep { turns: 4, passages: 2 }, None, 1));
    assert_eq!(plan.answer_tokens, 512);
}

#[test]
fn passages_take_at_most_half_when_turns_want_the_rest() {
    let material = material(29, 8);
    let (plan, counts) = planned(&material, SPACE);
    // 1,478 tokens are left: three passages of about 205 are within half of it, and turns of 149
    // take the rest.
    assert_eq!(plan.keep, Keep { turns: 5, passages: 3 });
    let everything = tokens(&material.chat(material.everything()));
    assert_eq!(
        plan.trimmed,
        Some(Trimmed { turns: 24, sources: 5, tokens: everything, retrieval_unavailable: false })
    );
    assert!(counts <= 5, "{counts}");
}

#[test]
fn what_turns_leave_over_goes_to_passages() {
    let (plan, _) = planned(&material(1, 9), SPACE);
    assert_eq!(plan.keep.turns, 1);
    assert!(plan.keep.passages >= 6, "{:?}", plan.keep);
}

#[test]
fn what_passages_leave_over_goes_to_turns() {
    let (without, _) = planned(&material(64, 0), SPACE);
    let (with, _) = planned(&material(64, 8), SPACE);
    assert!(without.keep.turns > with.keep.turns);
}

#[test]
fn a_question_too_long_is_an_overflow_with_both_counts() {
    let mut material = material(3, 3);
    material.question = words(2000);
    let error = plan(&material, SPACE, |chat| Ok(tokens(&chat))).unwrap_err();
    // 30 + 4 for the system prompt, 2,000 + 4 for the question; 64 are the shortest answer.
    assert_eq!(error, Error::ContextOverflow(Overflow { need: 2038, have: 1984 }));
}

#[test]
fn the_answer_becomes_shorter_before_the_question_is_refused() {
    let mut material = material(3, 3);
    material.question = words(1900);
    let (plan, _) = planned(&material, SPACE);
    assert_eq!((plan.keep, plan.answer_tokens), (Keep { turns: 0, passages: 0 }, 2048 - 1938));
    assert_eq!(plan.trimmed.map(|trimmed| (trimmed.turns, trimmed.sources)), Some((3, 3)));
}

#[test]
fn one_word_asked_for_needs_room_for_one_only() {
    let mut material = material(0, 0);
    material.question = words(2009);
    let (plan, _) = planned(&material, Space { context: 2048, answer: 1 });
    assert_eq!(plan.answer_tokens, 1);
}

#[test]
fn a_long_answer_keeps_at_most_half_of_the_context_but_may_use_what_is_free() {
    let (plan, _) = planned(&material(2, 0), Space { context: 2048, answer: 4000 });
    assert_eq!(plan.trimmed, None);
    assert_eq!(plan.answer_tokens, 2048 - tokens(&plan.messages));
}

#[test]
fn turns_that_were_not_read_count_as_trimmed_and_are_estimated() {
    let mut material = material(10, 0);
    material.history.iter_mut().for_each(|turn| turn.ai = words(5));
    material.unread = 90;
    let (plan, _) = planned(&material, SPACE);
    let trimmed = plan.trimmed.unwrap();
    assert_eq!(trimmed.turns as usize, 100 - plan.keep.turns);
    assert!((5000..6500).contains(&trimmed.tokens), "{}", trimmed.tokens);
}

#[test]
fn estimates_far_off_are_mended_by_exact_counts() {
    let mut material = material(40, 3);
    // Many bytes and few tokens in the older turns: the newer ones are underestimated.
    material.history[..20].iter_mut().for_each(|turn| turn.ai = "x".repeat(5000));
    let (plan, counts) = planned(&material, SPACE);
    assert!(plan.keep.turns >= 2, "{:?}", plan.keep);
    assert!(counts <= 16, "{counts}");
}

#[test]
fn the_cut_is_the_roundest_number_that_keeps_half() {
    assert_eq!(steady_cut(0, 12), 0);
    assert_eq!(steady_cut(13, 7), 16);
    assert_eq!(steady_cut(16, 7), 16);
    assert_eq!(steady_cut(17, 7), 20);
    assert_eq!(steady_cut(9, 1), 9);
}

#[test]
fn the_transcript_begins_alike_for_several_turns() {
    for (passages, most) in [(0, 80 / 4), (3, 80 / 3)] {
        let mut cuts = Vec::new();
        for stored in 0..80 {
            let mut material = material(stored, passages);
            // Questions of different lengths make different room.
            material.question = words(5 + stored * 13 % 40);
            let (plan, _) = planned(&material, SPACE);
            cuts.push(stored - plan.keep.turns);
        }
        let changes = cuts.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert!(cuts.is_sorted(), "a cut went back: {cuts:?}");
        assert!(changes <= most, "{changes} changes: {cuts:?}");
    }
}

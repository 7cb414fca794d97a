//! Words, counts and scores.

use super::*;

fn kept(text: &str) -> Vec<String> {
    words::kept(text).collect()
}

fn asked(text: &str) -> Vec<String> {
    words::asked(text)
}

#[test]
fn english_words_are_stemmed_and_case_is_gone() {
    assert_eq!(kept("Horses GALLOPED, happily!"), ["hors", "gallop", "happili"]);
    assert_eq!(kept("the heron's; the heron’s"), ["the", "heron", "the", "heron"]);
}

#[test]
fn numbers_and_identifiers_stay_whole() {
    assert_eq!(kept("3.14 1,000 192.168.0.1"), ["3.14", "1,000", "192.168.0.1"]);
    assert_eq!(kept("max_turns X99s config.toml"), ["max_turns", "x99s", "config.toml"]);
    assert_eq!(kept("ISO-9001 note:heron 6:42"), ["iso", "9001", "note", "heron", "6", "42"]);
}

#[test]
fn other_alphabets_are_lowered_and_not_stemmed() {
    assert_eq!(kept("ÜBER die Straßen"), ["über", "die", "straßen"]);
    assert_eq!(kept("Привет МИР"), ["привет", "мир"]);
}

#[test]
fn scripts_without_spaces_give_characters_and_pairs() {
    assert_eq!(kept("日本語 x"), ["日", "日本", "本", "本語", "語", "x"]);
    assert_eq!(asked("日本語 x"), ["日本", "本語", "x"]);
    assert_eq!(asked("日 x"), ["日", "x"]);
    assert_eq!(kept("コンピューター"), ["コンピューター"]);
    let passage = kept("私は日本語を話します");
    assert!(asked("日本").iter().all(|term| passage.contains(term)));
}

#[test]
fn common_words_are_asked_for_only_alone() {
    assert_eq!(asked("the horse AND the cart"), ["hors", "cart"]);
    assert_eq!(asked("to be or not to be"), ["to", "be", "or", "not", "to", "be"]);
}

#[test]
fn punctuation_is_no_word() {
    for text in ["", " \n\t", "\"*()[]^$|\\", "\u{0}", "—…🐎"] {
        assert_eq!(kept(text), [""; 0], "{text:?}");
        assert!(Question::of(text).is_empty());
    }
    assert_eq!(kept("a\u{0}b NEAR(x) c*"), ["a", "b", "near", "x", "c"]);
}

#[test]
fn a_question_has_its_first_64_different_terms() {
    let many: String = (0..1000).flat_map(|number| [number, 0]).map(|number| format!("n{number} ")).collect();
    let question = Question::of(&many);
    assert_eq!(question.terms().len(), 64);
    assert!(question.terms().is_sorted());
    assert!(question.terms().contains(&"n63".to_owned()) && !question.terms().contains(&"n64".to_owned()));
}

#[test]
fn terms_are_short_whatever_a_text_holds() {
    for letter in ["x", "1", "ä", "İ", "字\u{301}"] {
        for term in kept(&letter.repeat(10_000)) {
            assert!(term.len() <= words::TERM_BYTES + 1, "{} bytes of {letter:?}", term.len());
        }
    }
}

#[test]
fn every_form_of_a_word_holds_its_needle() {
    let forms = "hope hoping hoped cry cries crying tie ties tying die dying dies lie lying sky skies skis happy \
        happiness happily nobility stability sensibility sensible availability available ability able rational \
        rationality relation relate apology apologies hopping ran running news only early ugly gently singly idly \
        conflated sized valence valency activity activate analogous analogy generous generously fly flies by y e I \
        easy easily employed dyed agreed feed falling fall troubling trouble trouble's don't O'Clock";
    for form in forms.split_whitespace() {
        for term in kept(form) {
            let needle = needle(&term);
            assert!(!needle.is_empty(), "{form}");
            assert!(form.to_lowercase().contains(needle), "{form}: {term} looks for {needle}");
        }
    }
    assert_eq!(needle("日本"), "日本");
    assert_eq!(needle("x99s"), "x99s");
}

#[test]
fn counts_come_back_from_bytes() {
    let counts = Counts::of(&format!("b a b {} {}", "c ".repeat(130), "x1".repeat(500)));
    let bytes = counts.to_bytes();
    let read: Vec<_> = each_count(&bytes).collect();
    assert_eq!(read, counts.iter().collect::<Vec<_>>());
    assert_eq!(read[..3], [(&b"a"[..], 1), (b"b", 2), (b"c", 130)]);
    assert_eq!(counts.length(), 134);
    assert!(read.is_sorted());
    for end in 0..bytes.len() {
        assert!(each_count(&bytes[..end]).count() <= read.len());
    }
    assert_eq!(each_count(&[1, b'a', 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).count(), 0);
}

fn scores(passages: &[&str], words: &str) -> Vec<(usize, f32)> {
    let question = Question::of(words);
    let mut scorer = Scorer::new(&question);
    let mut lengths = 0;
    for (key, text) in passages.iter().enumerate() {
        let counts = Counts::of(text);
        lengths += counts.length();
        scorer.see(key, counts.length(), counts.iter());
    }
    let average_length = f64::from(lengths) / passages.len() as f64;
    scorer.scores(&Partition { passages: passages.len() as u64, average_length })
}

#[test]
fn the_score_is_the_formula() {
    let scores = scores(&["heron heron pond", "pond", "grey sky over water"], "heron pond");
    // 3 passages of 3, 1 and 4 terms; `heron` is in 1 of them, `pond` in 2.
    let (heron, pond) = ((1.0 + 2.5 / 1.5_f64).ln(), (1.0 + 1.5 / 2.5_f64).ln());
    let weight = |length: f64| K1 * (1.0 - B + B * length / (8.0 / 3.0));
    let expected = [
        (0, heron * 2.0 / (2.0 + weight(3.0)) + pond / (1.0 + weight(3.0))),
        (1, pond / (1.0 + weight(1.0))),
    ];
    assert_eq!(scores.len(), 2);
    for ((key, score), (expected_key, expected)) in scores.into_iter().zip(expected) {
        assert_eq!(key, expected_key);
        assert!((f64::from(score) - expected).abs() < 1e-6, "{score} for {expected}");
    }
}

#[test]
fn the_best_come_first_and_ties_stay_in_order() {
    let scores: Vec<_> = [1.0, 3.0, 2.0, 3.0, 1.0].into_iter().enumerate().collect();
    let keys = |limit| best(&scores, limit).into_iter().map(|(key, _)| key).collect::<Vec<_>>();
    assert_eq!(keys(10), [1, 3, 2, 0, 4]);
    assert_eq!(keys(4), [1, 3, 2, 0]);
    assert_eq!(keys(1), [1]);
    assert_eq!(keys(0), [0; 0]);
}

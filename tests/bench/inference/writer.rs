//! Writes plain English about nothing: every run asks the same, and no two questions begin alike.

const SUBJECTS: [&str; 12] = [
    "the grey heron",
    "an old fisherman",
    "the keeper of the lighthouse",
    "a small boat",
    "the harbour master",
    "a younger brother",
    "the night train",
    "a letter from the north",
    "the baker's dog",
    "every second traveller",
    "the new bridge",
    "a heavy storm",
];
const VERBS: [&str; 8] =
    ["reached", "left", "watched", "remembered", "crossed", "avoided", "described", "followed"];
const OBJECTS: [&str; 12] = [
    "the river",
    "the market square",
    "a field of barley",
    "the northern mountains",
    "the island",
    "a narrow street",
    "the museum of clocks",
    "the winter garden",
    "an empty station",
    "the coast road",
    "the village school",
    "a forest of birch trees",
];
const WHENS: [&str; 8] = [
    "before dawn",
    "in late autumn",
    "after the rain",
    "on a Sunday",
    "at the end of the war",
    "without a word",
    "for the first time",
    "as the almanac had said",
];

/// A small generator of numbers, and what it says in words.
pub struct Writer(u64);

impl Writer {
    /// Writers with different seeds write differently.
    pub fn new(seed: u64) -> Self {
        let mut writer = Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 7);
        writer.below(1);
        writer
    }

    /// Some sentences, of about twenty tokens each.
    pub fn sentences(&mut self, count: usize) -> String {
        (0..count).map(|_| self.sentence()).collect::<Vec<_>>().join(" ")
    }

    /// A question that can be understood alone. Words that point back, such as "it", would have Corral rewrite it first,
    /// which the other side has nothing like.
    pub fn question(&mut self) -> String {
        let (subject, when) = (self.one(&SUBJECTS), self.one(&WHENS));
        let (verb, object) = (self.one(&VERBS), self.one(&OBJECTS));
        format!(
            "In chapter {}, why does the author say that {subject} {verb} {object} {when}?",
            self.below(1_000)
        )
    }

    fn sentence(&mut self) -> String {
        let (subject, when) = (self.one(&SUBJECTS), self.one(&WHENS));
        let (verb, object) = (self.one(&VERBS), self.one(&OBJECTS));
        // The number first: what two prompts begin with alike, a server without Corral's walls computes only once.
        format!("{} was the year when {subject} {verb} {object} {when}.", 1_000 + self.below(9_000))
    }

    fn one(&mut self, words: &[&'static str]) -> &'static str {
        words[self.below(words.len())]
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}

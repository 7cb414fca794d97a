//! A question that cannot be understood alone becomes one that can, for searching documents.
//!
//! Only the search uses the result: the person's own words are what is answered and stored.

use corral_logic::{
    Conversation, Error, Host,
    inference::{Message, Role},
    message, quoted,
    sessions::Turn,
};

/// How many of the newest turns the model is shown, and how much of each message.
const TURNS: usize = 3;
const CHARACTERS: usize = 400;

/// A condensed question has at most this many tokens and characters; a longer one is no question.
const MOST_TOKENS: u32 = 64;
const MOST_CHARACTERS: usize = 300;

const INSTRUCTION: &str = "Rewrite the person's last message as one short question that can be understood \
    without the conversation: put names in place of words such as \"it\" or \"they\". Do not answer it. \
    Reply with the question only.";

/// Whether a question is understood without what was said before.
///
/// A guess from its words, made for English. It says no to questions of at most two short words ("And
/// Paris?"), to those that begin as a continuation ("and…", "what about…", "…"), and to those with a
/// pronoun that points back. A wrong no costs one short generation; a wrong yes leaves the search to the
/// question's own words. In languages that write without spaces only the length counts.
pub fn stands_alone(question: &str) -> bool {
    let question = question.trim().to_lowercase();
    let words: Vec<&str> =
        question.split(|c: char| !c.is_alphanumeric() && c != '\'').filter(|word| !word.is_empty()).collect();
    let letters: usize = words.iter().map(|word| word.chars().count()).sum();
    let short = words.len() <= 2 && letters <= 16;
    let trails_off = ["...", "…"].iter().any(|dots| question.starts_with(dots) || question.ends_with(dots));
    !(short || trails_off || continues(&words) || points_back(&words))
}

/// The question by itself, by the model's words; none if what it wrote is of no use.
pub fn condense<H: Host>(conversation: &Conversation<H>) -> Result<Option<String>, Error> {
    let request = request(conversation.history(), conversation.message());
    Ok(conversation.ask(request, MOST_TOKENS)?.as_deref().and_then(usable))
}

/// What to search with when a question needs the conversation and no model may rewrite it.
pub fn beside_the_last(history: &[Turn], question: &str) -> String {
    match history.last() {
        // The question first: an embedding model reads only the beginning of a long text.
        Some(turn) => format!("{question}\n{}", turn.user),
        None => question.to_owned(),
    }
}

fn request(history: &[Turn], question: &str) -> Vec<Message> {
    let mut text = String::from("The conversation so far:\n");
    for turn in &history[history.len().saturating_sub(TURNS)..] {
        text.push_str(&format!(
            "\nPerson:\n{}\nAssistant:\n{}\n",
            quoted(beginning(&turn.user)),
            quoted(beginning(&turn.ai))
        ));
    }
    text.push_str(&format!("\nThe person's last message:\n{}", quoted(beginning(question))));
    vec![message(Role::System, INSTRUCTION.to_owned()), message(Role::User, text)]
}

fn usable(text: &str) -> Option<String> {
    let question = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    let question = question.trim_matches(['"', '“', '”']).trim();
    let fits = !question.is_empty() && question.chars().count() <= MOST_CHARACTERS;
    fits.then(|| question.to_owned())
}

fn beginning(text: &str) -> &str {
    text.char_indices().nth(CHARACTERS).map_or(text, |(end, _)| &text[..end])
}

fn continues(words: &[&str]) -> bool {
    matches!(
        words,
        ["and" | "but" | "or" | "so" | "also" | "then" | "because" | "except" | "instead", ..]
            | ["what" | "how", "about", ..]
            | ["why", "not", ..]
            | ["tell", "me", "more", ..]
            | [.., "too" | "instead" | "else"]
            | [.., "as", "well"]
    )
}

fn points_back(words: &[&str]) -> bool {
    let pronoun = words.iter().any(|word| {
        let word = word.split('\'').next().unwrap_or(word);
        matches!(
            word,
            "it" | "its"
                | "they"
                | "them"
                | "their"
                | "theirs"
                | "he"
                | "him"
                | "his"
                | "she"
                | "her"
                | "hers"
                | "this"
                | "these"
                | "those"
                | "former"
                | "latter"
        )
    });
    pronoun || points_with_that(words)
}

/// "that" also joins clauses ("a shop that sells tea"), so its place decides.
fn points_with_that(words: &[&str]) -> bool {
    words.iter().enumerate().filter(|(_, word)| matches!(**word, "that" | "that's")).any(|(at, _)| {
        let before = at.checked_sub(1).map(|before| words[before]);
        at + 1 == words.len()
            || matches!(
                before,
                None | Some(
                    "is" | "was"
                        | "are"
                        | "does"
                        | "did"
                        | "do"
                        | "about"
                        | "of"
                        | "for"
                        | "with"
                        | "from"
                        | "like"
                        | "to"
                        | "in"
                        | "on"
                        | "at"
                        | "by"
                        | "than"
                        | "explain"
                        | "what's"
                        | "why"
                )
            )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use corral_logic::testing::pair;

    #[test]
    fn a_question_with_its_subject_in_it_stands_alone() {
        for question in [
            "What is the capital of France?",
            "How tall is the Eiffel Tower?",
            "Name a shop that sells green tea in Oslo",
            "Which colour does the harbour crane have?",
            "Internationalisation advantages?",
            "Wie hoch ist der Berliner Fernsehturm?",
            "法国的首都是哪里请告诉我它的人口是多少",
        ] {
            assert!(stands_alone(question), "{question}");
        }
    }

    #[test]
    fn a_question_that_points_back_does_not() {
        for question in [
            "And Paris?",
            "Why?",
            "What about the second floor of the museum?",
            "How old is it?",
            "When did they move to Lisbon?",
            "What's his sister's name, please?",
            "Can you explain that in simpler words?",
            "Why is that important for ships?",
            "…the one with the red roof, I mean",
            "And what does the harbour master earn?",
            "Tell me more about crane colours",
            "Does the museum open on Sundays as well?",
            "",
        ] {
            assert!(!stands_alone(question), "{question}");
        }
    }

    #[test]
    fn the_request_shows_the_last_turns_only_and_the_beginning_of_each() {
        let mut history: Vec<_> = (0..5).map(|n| pair(&format!("question {n}"), "answer")).collect();
        history.push(pair(&"é".repeat(1000), "answer"));
        let text = &request(&history, "And now?")[1].content;
        assert!(!text.contains("question 2") && text.contains("question 3"));
        assert_eq!(text.matches('é').count(), CHARACTERS);
        assert!(text.ends_with("> And now?"));
    }

    #[test]
    fn only_one_short_line_is_taken_for_a_question() {
        assert_eq!(usable("\n \"How old is the tower?\"\nIt is old."), Some("How old is the tower?".into()));
        assert_eq!(usable(" \n"), None);
        assert_eq!(usable(&"long ".repeat(100)), None);
    }
}

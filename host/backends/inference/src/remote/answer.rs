//! One answer: from a server's chunks to events.
//!
//! Stop strings end it here too: not every server knows all of them, and some let them through.

use std::time::Instant;

use super::chunk::{Chunk, Tokens, calls::Calls};
use crate::{Event, Finish, Scored, Usage, stop::StopFilter};

/// An answer under way.
pub(super) struct Answer {
    stops: StopFilter,
    /// Alternatives to a token that were asked for.
    alternatives: usize,
    /// Those of the text that is held back.
    scores: Vec<Scored>,
    calls: Calls,
    /// Chunks that had text, which are tokens mostly.
    pieces: u32,
    tokens: Option<Tokens>,
    finish: Option<Finish>,
    is_cut: bool,
    times: Times,
}

/// When things happened.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    /// The call.
    pub submitted: Instant,
    /// The request that was answered went out.
    pub sent: Instant,
    pub first_token: Instant,
}

impl Answer {
    pub fn new(stops: Vec<String>, alternatives: Option<u32>, times: Times) -> Self {
        Self {
            stops: StopFilter::new(stops),
            alternatives: alternatives.map_or(0, |count| count as usize),
            scores: Vec::new(),
            calls: Calls::default(),
            pieces: 0,
            tokens: None,
            finish: None,
            is_cut: false,
            times,
        }
    }

    /// Takes a chunk, and gives what the caller may know of it.
    pub fn take(&mut self, chunk: Chunk) -> Vec<Event> {
        self.tokens = chunk.tokens.or(self.tokens);
        if self.finish.is_some() {
            return Vec::new();
        }
        self.pieces += u32::from(!chunk.text.is_empty() || chunk.thinks || !chunk.calls.is_empty());
        self.calls.add(chunk.calls);
        self.scores.extend(chunk.scores);
        let (mut text, stopped) = self.stops.push(&chunk.text);
        self.is_cut = stopped;
        self.finish = if stopped { Some(Finish::Stop) } else { chunk.finish };
        if self.finish.is_some() {
            text.push_str(&self.stops.finish());
        }
        let mut events = self.say(text);
        if self.finish.is_some() {
            events.extend(self.calls.end());
        }
        events
    }

    /// The server said why it ended; what may still come is what it took.
    pub fn is_finished(&self) -> bool {
        self.finish.is_some()
    }

    /// A stop string ended it that the server let through. The server may go on for ever.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// The last event; none if the server did not say that it ended.
    pub fn done(&self) -> Option<Event> {
        let milliseconds = |moment: Instant| {
            let since = moment.saturating_duration_since(self.times.submitted).as_millis();
            u32::try_from(since).unwrap_or(u32::MAX)
        };
        // A server that does not tell, or was cut off before it could, leaves the prompt unknown.
        let tokens = self.tokens.unwrap_or(Tokens { completion: self.pieces, ..Tokens::default() });
        let usage = Usage {
            prompt_tokens: tokens.prompt,
            cached_tokens: tokens.cached,
            completion_tokens: tokens.completion,
            queue_ms: milliseconds(self.times.sent),
            first_token_ms: milliseconds(self.times.first_token),
            total_ms: milliseconds(Instant::now()),
        };
        self.finish.map(|finish| Event::Done { finish, usage })
    }

    fn say(&mut self, text: String) -> Vec<Event> {
        if text.is_empty() {
            return Vec::new();
        }
        let mut scores = std::mem::take(&mut self.scores);
        for scored in &mut scores {
            scored.likeliest.truncate(self.alternatives);
        }
        let scores = (!scores.is_empty()).then_some(Event::Scored(scores));
        scores.into_iter().chain([Event::Delta(text)]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Candidate;

    fn answer(stops: &[&str], alternatives: Option<u32>) -> Answer {
        let now = Instant::now();
        let times = Times { submitted: now, sent: now, first_token: now };
        Answer::new(stops.iter().map(|&stop| stop.into()).collect(), alternatives, times)
    }

    fn text(text: &str) -> Chunk {
        Chunk { text: text.into(), ..Chunk::default() }
    }

    fn delta(text: &str) -> Event {
        Event::Delta(text.into())
    }

    fn end(finish: Finish) -> Chunk {
        Chunk { finish: Some(finish), ..Chunk::default() }
    }

    #[test]
    fn held_text_comes_with_the_end_and_usage_after_it() {
        let mut answer = answer(&["STOP"], None);
        assert_eq!(answer.take(text("go ST")), [delta("go ")]);
        assert_eq!(answer.done(), None);
        assert_eq!(answer.take(end(Finish::Length)), [delta("ST")]);
        assert!(answer.is_finished() && !answer.is_cut());
        let tokens = Some(Tokens { prompt: 9, cached: 4, completion: 3 });
        assert_eq!(answer.take(Chunk { tokens, ..text("late") }), []);
        let Some(Event::Done { finish: Finish::Length, usage }) = answer.done() else { panic!() };
        assert_eq!((usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens), (9, 4, 3));
    }

    #[test]
    fn a_stop_string_that_the_server_let_through_ends_it() {
        let mut answer = answer(&["STOP"], None);
        assert_eq!(answer.take(text("go ST")), [delta("go ")]);
        assert_eq!(answer.take(Chunk { finish: Some(Finish::Length), ..text("OP on") }), []);
        assert!(answer.is_cut());
        let Some(Event::Done { finish: Finish::Stop, usage }) = answer.done() else { panic!() };
        assert_eq!(usage.completion_tokens, 2);
    }

    #[test]
    fn scores_come_with_their_text_and_no_more_than_asked_for() {
        let candidate = Candidate { id: 1, bytes: vec![b'a'], log_probability: -1.0 };
        let scored = |likeliest: usize| Scored {
            chosen: candidate.clone(),
            likeliest: vec![candidate.clone(); likeliest],
        };
        let mut answer = answer(&["ab"], Some(1));
        assert_eq!(answer.take(Chunk { scores: vec![scored(2)], ..text("a") }), []);
        let events = answer.take(Chunk { scores: vec![scored(3)], ..text("c") });
        assert_eq!(events, [Event::Scored(vec![scored(1), scored(1)]), delta("ac")]);
        // Of a stop string nothing is told.
        assert_eq!(answer.take(Chunk { scores: vec![scored(1)], ..text("ab") }), []);
    }
}

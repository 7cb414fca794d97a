//! One answer in a slot: from chosen tokens to events.

use std::time::Instant;

use llama_cpp_2::{token::LlamaToken, vocab::LlamaVocab};

use crate::{
    Error, Event, Finish, Scored, Usage, calling::reader::Reader, odds::Odds, queue::Job, stop::StopFilter,
    text::Utf8Stream,
};

/// A job that has a slot.
pub(crate) struct Answer {
    pub job: Job,
    /// The token chosen last, which the next step reads.
    pub next: Option<LlamaToken>,
    cached: usize,
    generated: u32,
    started: Instant,
    first_token: Option<Instant>,
    characters: Utf8Stream,
    stops: StopFilter,
    calls: Option<Reader>,
    leading_space: bool,
    /// Tokens whose text has not gone out yet.
    scored: Vec<Scored>,
}

impl Answer {
    /// `cached` tokens of the prompt are in the slot already.
    pub fn new(mut job: Job, cached: usize) -> Self {
        let stops = StopFilter::new(std::mem::take(&mut job.stop));
        let (leading_space, calls) = (job.leading_space, job.calls.take());
        Self {
            job,
            next: None,
            cached,
            generated: 0,
            started: Instant::now(),
            first_token: None,
            characters: Utf8Stream::default(),
            stops,
            calls,
            leading_space,
            scored: Vec::new(),
        }
    }

    /// Why nobody waits for this answer any more, if so: the caller left, or time is up.
    pub fn is_over(&self, now: Instant) -> bool {
        self.job.events.is_closed() || self.job.deadline <= now
    }

    /// Takes the token that was chosen, tells the caller what it means (and its odds if it asked for them), and says
    /// whether the answer ends with it.
    pub fn take(&mut self, token: LlamaToken, odds: Option<Odds>, vocab: &LlamaVocab<'_>) -> Option<Finish> {
        self.first_token.get_or_insert_with(Instant::now);
        if vocab.is_eog(token) {
            return Some(Finish::Stop);
        }
        self.generated += 1;
        self.next = Some(token);
        self.scored.extend(odds.map(|odds| odds.score(token, vocab)));
        let text = self.characters.push(&self.piece(token, vocab));
        let text = self.without_leading_space(&text);
        let (text, stopped) = self.stops.push(text);
        self.say(text);
        if stopped {
            // What is left is the stop string's.
            self.scored.clear();
            return Some(Finish::Stop);
        }
        if self.calls.as_ref().is_some_and(Reader::is_over) {
            return Some(Finish::Stop);
        }
        (self.generated >= self.job.limit).then_some(Finish::Length)
    }

    /// Tells the caller the rest, and what it took.
    pub fn finish(mut self, finish: Finish) -> Usage {
        // Bytes of a character that never became whole are left out.
        let rest = self.stops.finish();
        self.say(rest);
        let rest = self.calls.as_mut().map(Reader::finish).unwrap_or_default();
        self.tell(rest);
        self.tell_scores();
        let usage = self.usage();
        let _ = self.job.events.try_send(Ok(Event::Done { finish, usage }));
        usage
    }

    /// Tells the caller that there will be no more.
    pub fn fail(self, error: Error) -> Usage {
        let _ = self.job.events.try_send(Err(error));
        self.usage()
    }

    /// Since when it has its slot.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// Tokens that it may still become longer by.
    pub fn left(&self) -> u32 {
        self.job.limit.saturating_sub(self.generated)
    }

    fn usage(&self) -> Usage {
        let since = |then: Instant| {
            u32::try_from(then.saturating_duration_since(self.job.submitted).as_millis()).unwrap_or(u32::MAX)
        };
        let count = |tokens: usize| u32::try_from(tokens).unwrap_or(u32::MAX);
        Usage {
            prompt_tokens: count(self.job.prompt.len()),
            cached_tokens: count(self.cached),
            completion_tokens: self.generated,
            queue_ms: since(self.started),
            first_token_ms: self.first_token.map_or(0, since),
            total_ms: since(Instant::now()),
        }
    }

    fn without_leading_space<'a>(&mut self, text: &'a str) -> &'a str {
        if text.is_empty() || !std::mem::take(&mut self.leading_space) {
            return text;
        }
        text.strip_prefix(' ').unwrap_or(text)
    }

    fn say(&mut self, text: String) {
        if text.is_empty() {
            return;
        }
        self.tell_scores();
        match &mut self.calls {
            Some(calls) => {
                let events = calls.push(&text);
                self.tell(events);
            }
            None => self.tell([Event::Delta(text)]),
        }
    }

    /// Never waits: the channel holds two events for every token of the limit, and the last ones.
    fn tell(&self, events: impl IntoIterator<Item = Event>) {
        for event in events {
            // Who asked may have left: the next step finds that out and ends this.
            drop(self.job.events.try_send(Ok(event)));
        }
    }

    /// What a token stands for. Control tokens are no text, unless they are markers of a call.
    fn piece(&self, token: LlamaToken, vocab: &LlamaVocab<'_>) -> Vec<u8> {
        let text = vocab.token_to_piece(token, false, None);
        match &self.calls {
            Some(calls) if text.is_empty() => Some(vocab.token_to_piece(token, true, None))
                .filter(|text| calls.is_marker(text))
                .unwrap_or(text),
            _ => text,
        }
    }

    fn tell_scores(&mut self) {
        if !self.scored.is_empty() {
            let scored = std::mem::take(&mut self.scored);
            let _ = self.job.events.try_send(Ok(Event::Scored(scored)));
        }
    }
}

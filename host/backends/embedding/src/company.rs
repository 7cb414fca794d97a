//! Whether callers that are on their way are worth waiting for.
//!
//! While the model is busy calls gather by themselves, and an idle model takes what is there at once: waiting then
//! would delay one caller for the sake of others that may never come. One case is left. Callers that ask again as
//! soon as they are answered come back together, but not at the same instant: the first of them would run alone and
//! all others after it, round by round, two runs where one would do. So when a batch ends the model waits a moment
//! for as many callers as were there, if the last time at least half of those it answered did come back in time.
//!
//! Not here: what runs (`batch.rs`). Pure: instants come from the caller.

use std::time::{Duration, Instant};

/// Who was there when the last batch ended, and who came soon after.
pub struct Company {
    window: Duration,
    /// When the window closes that the end of the last batch opened.
    until: Option<Instant>,
    /// Calls that the last batch answered.
    answered: usize,
    /// Calls that came in the window.
    came: usize,
    /// Calls that are worth waiting for, those that wait already counted.
    expected: usize,
}

impl Company {
    pub fn new(window: Duration) -> Self {
        Self { window, until: None, answered: 0, came: 0, expected: 0 }
    }

    /// A call has come.
    pub fn call_came(&mut self, now: Instant) {
        if self.until.is_some_and(|until| now < until) {
            self.came += 1;
        }
    }

    /// A batch has ended, which `answered` so many calls and left others waiting.
    pub fn batch_ended(&mut self, now: Instant, answered: usize, waiting: usize) {
        let they_return = self.came > 0 && self.came * 2 >= self.answered;
        self.expected = if they_return { answered + waiting } else { 0 };
        self.until = now.checked_add(self.window);
        self.answered = answered;
        self.came = 0;
    }

    /// Until when it is worth waiting with so many calls; `None` is not at all.
    pub fn wait(&self, now: Instant, waiting: usize) -> Option<Instant> {
        self.until.filter(|&until| waiting < self.expected && now < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_millis(2);

    fn later(start: Instant, milliseconds: u64) -> Instant {
        start + Duration::from_millis(milliseconds)
    }

    /// Callers that come back, `together` of them: a batch that answers them ended at the returned instant.
    fn returning(company: &mut Company, together: usize) -> Instant {
        let start = Instant::now();
        company.batch_ended(start, together, 0);
        for _ in 0..together {
            company.call_came(later(start, 1));
        }
        let end = later(start, 20);
        company.batch_ended(end, together, 0);
        end
    }

    #[test]
    fn the_first_call_is_not_kept_waiting() {
        assert_eq!(Company::new(WINDOW).wait(Instant::now(), 1), None);
    }

    #[test]
    fn one_caller_that_asks_again_and_again_is_not_kept_waiting() {
        let mut company = Company::new(WINDOW);
        let end = returning(&mut company, 1);
        assert_eq!(company.wait(end, 1), None);
    }

    #[test]
    fn callers_that_come_back_together_are_waited_for_until_all_are_there() {
        let mut company = Company::new(WINDOW);
        let end = returning(&mut company, 8);
        for waiting in 1..8 {
            assert_eq!(company.wait(end, waiting), Some(end + WINDOW));
        }
        assert_eq!(company.wait(end, 8), None);
    }

    #[test]
    fn those_who_waited_through_the_batch_are_company_too() {
        let mut company = Company::new(WINDOW);
        let start = returning(&mut company, 1);
        company.call_came(later(start, 1));
        let end = later(start, 5);
        company.batch_ended(end, 1, 7);
        assert_eq!(company.wait(end, 7), Some(end + WINDOW));
        assert_eq!(company.wait(end, 8), None);
    }

    #[test]
    fn nobody_is_waited_for_longer_than_the_window() {
        let mut company = Company::new(WINDOW);
        let end = returning(&mut company, 8);
        assert_eq!(company.wait(later(end, 2), 1), None);
    }

    #[test]
    fn callers_that_did_not_come_back_are_not_waited_for_again() {
        let mut company = Company::new(WINDOW);
        let end = returning(&mut company, 8);
        company.call_came(later(end, 1));
        company.call_came(later(end, 9));
        company.call_came(later(end, 9));
        let end = later(end, 20);
        company.batch_ended(end, 3, 1);
        assert_eq!(company.wait(end, 1), None, "one of eight came back in time");
    }

    #[test]
    fn without_a_window_nobody_is_waited_for() {
        let mut company = Company::new(Duration::ZERO);
        let end = returning(&mut company, 8);
        assert_eq!(company.wait(end, 1), None);
    }
}

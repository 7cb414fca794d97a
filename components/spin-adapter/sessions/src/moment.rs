//! A point in time as a session document shows it.
//!
//! Written without a calendar library, which would be a third of the component.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

const DAY: u64 = 86_400_000_000;

/// Microseconds since 1970, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(u64);

impl Moment {
    /// By this machine's clock; one before 1970 counts as 1970.
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
    }

    /// A moment past all that can be counted stays the last one.
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)))
    }

    /// Since 1970.
    pub fn milliseconds(self) -> u64 {
        self.0 / 1000
    }
}

/// RFC 3339 with six digits.
impl fmt::Display for Moment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = date(self.0 / DAY);
        let (seconds, micros) = (self.0 % DAY / 1_000_000, self.0 % 1_000_000);
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        write!(formatter, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
    }
}

/// The civil date so many days after 1970, by Howard Hinnant's `civil_from_days`: years begin in March there, so that
/// the day that comes every four years is their last.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use std::str::FromStr;

    /// For the tests of the document.
    impl FromStr for Moment {
        type Err = jiff::Error;

        fn from_str(text: &str) -> Result<Self, Self::Err> {
            Ok(Self(u64::try_from(text.parse::<Timestamp>()?.as_microsecond()).unwrap()))
        }
    }

    #[test]
    fn every_day_has_the_date_that_a_calendar_has() {
        for day in 0..200_000 {
            let moment = day * DAY + (day * 7_919_333) % DAY;
            let known = Timestamp::from_microsecond(i64::try_from(moment).unwrap()).unwrap();
            assert_eq!(Moment(moment).to_string(), format!("{known:.6}"));
        }
    }

    #[test]
    fn time_goes_on_and_never_wraps() {
        assert!(Moment::now() >= "2026-01-31T08:15:30.123456Z".parse().unwrap());
        assert_eq!(Moment(1).plus(Duration::from_secs(2)).milliseconds(), 2000);
        assert_eq!(Moment(1).plus(Duration::MAX), Moment(u64::MAX));
    }
}

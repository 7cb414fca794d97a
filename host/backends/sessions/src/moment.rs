//! A point in time as a session document shows it and as a store keeps it.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use rusqlite::{
    ToSql,
    types::{FromSql, FromSqlResult, ToSqlOutput, ValueRef},
};
use std::{fmt, str::FromStr, time::Duration};

/// Microseconds since 1970, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(i64);

impl Moment {
    /// The beginning of 1970.
    pub const EPOCH: Self = Self(0);

    pub fn now() -> Self {
        Self(Timestamp::now().as_microsecond())
    }

    /// A moment past all that can be written stays the last one.
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }

    /// Zero if `earlier` is the later one.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Since 1970.
    pub fn milliseconds(self) -> i64 {
        self.0.div_euclid(1000)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let timestamp = Timestamp::from_microsecond(self.0).unwrap_or(Timestamp::MAX);
        write!(formatter, "{timestamp:.6}")
    }
}

/// Also takes what other programs write: without a zone (then it is UTC), or seconds since 1970, or milliseconds.
impl FromStr for Moment {
    type Err = jiff::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(timestamp) = text.parse::<Timestamp>() {
            return Ok(Self(timestamp.as_microsecond()));
        }
        if let Ok(number) = text.parse::<f64>()
            && (0.0..1e14).contains(&number)
        {
            // As seconds this would be thousands of years from now.
            let seconds = if number < 1e11 { number } else { number / 1000.0 };
            let since = Duration::from_secs_f64(seconds);
            return Ok(
                Self(0).plus(Duration::from_micros(u64::try_from(since.as_micros()).unwrap_or(u64::MAX)))
            );
        }
        let civil: DateTime = text.parse()?;
        Ok(Self(civil.to_zoned(TimeZone::UTC)?.timestamp().as_microsecond()))
    }
}

impl ToSql for Moment {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        self.0.to_sql()
    }
}

impl FromSql for Moment {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        i64::column_result(value).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_shown_with_six_digits() {
        let shown = Moment::now().to_string();
        assert_eq!((shown.len(), &shown[19..20], &shown[26..]), (27, ".", "Z"), "{shown}");
    }

    #[test]
    fn a_moment_is_read_in_every_form_that_is_written() {
        let expected = "2026-01-31T08:15:30.500000Z";
        for written in [
            expected,
            "2026-01-31T08:15:30.5",
            "2026-01-31 08:15:30.500000",
            "2026-01-31T09:15:30.5+01:00",
            "1769847330.5",
            "1769847330500",
        ] {
            assert_eq!(written.parse::<Moment>().unwrap().to_string(), expected, "{written}");
        }
        for refused in ["", "yesterday", "NaN", "-1", "1e14", "1e300", "2026-13-01T00:00:00"] {
            assert!(refused.parse::<Moment>().is_err(), "{refused}");
        }
    }
}

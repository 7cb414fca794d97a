//! Numbers as pydantic reads them where it is lax: from texts, truth values and each other.

use serde_json::{Value, json};

use super::Checker;

/// What a number may be.
#[derive(Clone, Copy)]
pub struct Range {
    pub least: Least,
    pub most: f64,
}

/// The lower end of a range.
#[derive(Clone, Copy)]
pub enum Least {
    From(f64),
    Above(f64),
}

impl Checker {
    /// A whole number, `least` or more.
    pub fn integer(&mut self, value: &Value, least: u32) -> Option<u32> {
        let unparsed = "Input should be a valid integer, unable to parse string as an integer";
        let fractional = "Input should be a valid integer, got a number with a fractional part";
        let number = match value {
            Value::Bool(truth) => i64::from(*truth),
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(whole), _) => whole,
                // Saturates, which keeps it outside the range.
                (None, Some(float)) if float.fract() == 0.0 => float as i64,
                _ => return self.report("int_from_float", fractional, value, None),
            },
            Value::String(text) => match parse_integer(text) {
                Some(whole) => whole,
                None => return self.report("int_parsing", unparsed, value, None),
            },
            _ => return self.report("int_type", "Input should be a valid integer", value, None),
        };
        if number < i64::from(least) {
            let message = format!("Input should be greater than or equal to {least}");
            return self.report("greater_than_equal", message, value, Some(json!({"ge": least})));
        }
        u32::try_from(number).ok().or_else(|| {
            let most = u32::MAX;
            let message = format!("Input should be less than or equal to {most}");
            self.report("less_than_equal", message, value, Some(json!({"le": most})))
        })
    }

    /// A number within the range.
    pub fn number(&mut self, value: &Value, range: Range) -> Option<f32> {
        let unparsed = "Input should be a valid number, unable to parse string as a number";
        let number = match value {
            Value::Bool(truth) => f64::from(u8::from(*truth)),
            Value::Number(number) => number.as_f64().unwrap_or(f64::NAN),
            Value::String(text) => match parse_float(text) {
                Some(number) => number,
                None => return self.report("float_parsing", unparsed, value, None),
            },
            _ => return self.report("float_type", "Input should be a valid number", value, None),
        };
        let most = range.most;
        if number > most || number.is_nan() {
            let message = format!("Input should be less than or equal to {most}");
            return self.report("less_than_equal", message, value, Some(json!({"le": most})));
        }
        match range.least {
            Least::From(least) if number < least => {
                let message = format!("Input should be greater than or equal to {least}");
                self.report("greater_than_equal", message, value, Some(json!({"ge": least})))
            }
            Least::Above(least) if number <= least => {
                let message = format!("Input should be greater than {least}");
                self.report("greater_than", message, value, Some(json!({"gt": least})))
            }
            Least::From(_) | Least::Above(_) => Some(number as f32),
        }
    }
}

/// Saturates: what exceeds 64 bits exceeds every range.
fn parse_integer(text: &str) -> Option<i64> {
    let text = text.trim();
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let whole = match unsigned.split_once('.') {
        Some((whole, zeros)) if !zeros.is_empty() && zeros.bytes().all(|digit| digit == b'0') => whole,
        Some(_) => return None,
        None => unsigned,
    };
    let digits = without_underscores(whole)?;
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let magnitude = digits
        .bytes()
        .fold(0_i64, |sum, digit| sum.saturating_mul(10).saturating_add(i64::from(digit - b'0')));
    Some(if negative { -magnitude } else { magnitude })
}

fn parse_float(text: &str) -> Option<f64> {
    without_underscores(text.trim())?.parse().ok()
}

/// Underscores may stand between digits, one at a time.
fn without_underscores(text: &str) -> Option<String> {
    let broken = text.starts_with('_') || text.ends_with('_') || text.contains("__");
    (!broken).then(|| text.replace('_', ""))
}

//! The steps on the server, each one script, and their answers as Spin gives them: flattened into one list.
//!
//! Not here: when they run (`redis.rs`).

use corral_spin_platform::redis::{Error, Redis, Value};

pub const APPEND: &str = include_str!("scripts/append.lua");
pub const REPLACE: &str = include_str!("scripts/replace.lua");
pub const READ: &str = include_str!("scripts/read.lua");
pub const LOOK: &str = include_str!("scripts/look.lua");
pub const PUT: &str = include_str!("scripts/put.lua");
pub const DELETE: &str = include_str!("scripts/delete.lua");

/// A longer document is not read: JSON escapes make six bytes of one at most, and the limit is far below.
pub const LONGEST_DOCUMENT: usize = 128 << 20;

/// A script with what it is called with.
pub struct Step {
    arguments: Vec<Vec<u8>>,
}

/// What is stored of one session.
pub struct Seen {
    pub text: String,
    pub digest: Vec<u8>,
}

/// What a script has done, and with which turn.
pub struct Outcome {
    pub happened: Happened,
    pub number: u32,
}

pub enum Happened {
    Done,
    /// The turn was there already.
    Known,
    Missing,
    Large,
    /// The document is not as we write it.
    Other,
    /// Somebody else was quicker.
    Changed,
}

/// An answer that the script does not give.
#[derive(Debug, thiserror::Error)]
pub enum Odd {
    #[error("an answer that no script has")]
    Shape,
    #[error("not a session document: {0}")]
    Text(#[from] std::string::FromUtf8Error),
}

impl Step {
    pub fn new<const N: usize>(script: &str, keys: [&str; N]) -> Self {
        let mut step = Self { arguments: vec![script.into(), N.to_string().into()] };
        step.arguments.extend(keys.map(Vec::from));
        step
    }

    pub fn arg(&mut self, argument: impl Into<Vec<u8>>) -> &mut Self {
        self.arguments.push(argument.into());
        self
    }

    pub fn run(&self, redis: &dyn Redis) -> Result<Vec<Value>, Error> {
        redis.execute("EVAL", &self.arguments)
    }
}

impl Outcome {
    pub fn missing() -> Self {
        Self { happened: Happened::Missing, number: 0 }
    }
}

/// Of `append` and `replace`.
pub fn outcome(answer: &[Value]) -> Result<Outcome, Odd> {
    let [Value::Binary(happened), Value::Integer(number)] = answer else { return Err(Odd::Shape) };
    let happened = match happened.as_slice() {
        b"done" => Happened::Done,
        b"known" => Happened::Known,
        b"missing" => Happened::Missing,
        b"large" => Happened::Large,
        b"other" => Happened::Other,
        b"changed" => Happened::Changed,
        _ => return Err(Odd::Shape),
    };
    let number = u32::try_from(*number).ok().ok_or(Odd::Shape)?;
    Ok(Outcome { happened, number })
}

/// Of `read`: the document, and whether its time to live was started anew.
pub fn document(answer: Vec<Value>) -> Result<Option<String>, Odd> {
    match <[Value; 1]>::try_from(answer) {
        Ok([Value::Nil]) => Ok(None),
        Ok(_) => Err(Odd::Shape),
        Err(answer) => match <[Value; 2]>::try_from(answer) {
            Ok([Value::Binary(text), Value::Integer(_)]) => Ok(Some(String::from_utf8(text)?)),
            _ => Err(Odd::Shape),
        },
    }
}

/// Of `look`. What follows are the turn ids, which only moving a session needs.
pub fn seen(answer: Vec<Value>) -> Result<Option<Seen>, Odd> {
    let mut parts = answer.into_iter();
    match (parts.next(), parts.next(), parts.next()) {
        (Some(Value::Nil), None, None) => Ok(None),
        (Some(Value::Binary(text)), Some(Value::Binary(digest)), Some(Value::Integer(_))) => {
            Ok(Some(Seen { text: String::from_utf8(text)?, digest }))
        }
        _ => Err(Odd::Shape),
    }
}

/// Of `delete`.
pub fn truth(answer: &[Value]) -> Result<bool, Odd> {
    let [Value::Integer(number)] = answer else { return Err(Odd::Shape) };
    Ok(*number != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_that_no_script_gives_are_told_and_not_believed() {
        let text = |text: &str| Value::Binary(text.into());
        for odd in [
            vec![],
            vec![Value::Nil],
            vec![text("done")],
            vec![text("gone"), Value::Integer(1)],
            vec![text("done"), Value::Integer(-1)],
            vec![Value::Status("done".into()), Value::Integer(1)],
            vec![text("done"), Value::Integer(1), Value::Nil],
        ] {
            assert!(outcome(&odd).is_err(), "{odd:?}");
        }
        for odd in [
            vec![],
            vec![text("{}")],
            vec![Value::Nil, Value::Nil],
            vec![Value::Binary(vec![0xff]), Value::Integer(0)],
        ] {
            assert!(document(odd.clone()).is_err(), "{odd:?}");
        }
        for odd in [vec![], vec![text("{}")], vec![text("{}"), text("digest"), Value::Nil]] {
            assert!(seen(odd.clone()).is_err(), "{odd:?}");
        }
        assert!(truth(&[]).is_err() && truth(&[Value::Nil]).is_err());
    }
}

//! A real Redis, its answers in the shape that Spin gives them.
//!
//! Spin flattens lists, also those in lists (`crates/factor-outbound-redis`).

use corral_spin_platform::redis::{Error, Redis, Value};
use redis::Value as Given;
use std::sync::Mutex;

/// A connection to a server.
pub struct Server(Mutex<redis::Connection>);

impl Server {
    /// Connects.
    pub fn connect(url: &str) -> Self {
        Self(Mutex::new(redis::Client::open(url).unwrap().get_connection().unwrap()))
    }

    /// The answer to a command that a test has of its own.
    pub fn ask(&self, command: &str, arguments: &[&str]) -> Vec<Value> {
        let arguments: Vec<_> = arguments.iter().map(|argument| argument.as_bytes().to_vec()).collect();
        self.execute(command, &arguments).unwrap()
    }
}

impl Redis for Server {
    fn execute(&self, command: &str, arguments: &[Vec<u8>]) -> Result<Vec<Value>, Error> {
        let mut asked = redis::cmd(command);
        asked.arg(arguments);
        let given = asked.query(&mut *self.0.lock().unwrap());
        let mut values = Vec::new();
        flatten(given.map_err(|error| Error::Other(error.to_string()))?, &mut values);
        Ok(values)
    }
}

fn flatten(given: Given, values: &mut Vec<Value>) {
    match given {
        Given::Nil => values.push(Value::Nil),
        Given::Int(number) => values.push(Value::Integer(number)),
        Given::BulkString(bytes) => values.push(Value::Binary(bytes)),
        Given::SimpleString(text) => values.push(Value::Status(text)),
        Given::Okay => values.push(Value::Status("OK".to_owned())),
        Given::Array(many) => many.into_iter().for_each(|one| flatten(one, values)),
        other => panic!("{other:?} is not spoken of"),
    }
}

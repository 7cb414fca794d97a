//! Who may use again what an answer leaves in the cache: whoever sent the request, divided by the names
//! that the request gives for its users.

use serde_json::json;

use crate::corral::host::inference::Owner;
use crate::openai::Mistake;
use crate::openai::field::Object;

/// What is read here.
pub const NAMES: [&str; 3] = ["user", "prompt_cache_key", "safety_identifier"];

/// More than OpenAI takes of any of them.
const BYTES: usize = 512;

pub fn read(body: &Object) -> Result<Owner, Mistake> {
    let mut names = [None; 3];
    for (name, read) in names.iter_mut().zip(NAMES) {
        *name = body.read(read, |field| field.text(0..=BYTES))?;
    }
    Ok(Owner::Client(division(names)))
}

/// One text for all three, which no other three have. "" is for a client that gives none.
fn division(names: [Option<&str>; 3]) -> String {
    if names.iter().all(Option::is_none) { String::new() } else { json!(names).to_string() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    use super::*;
    use crate::openai::field::Field;

    fn owner(body: Value) -> Result<String, Mistake> {
        match read(&Field::body(&body).object()?)? {
            Owner::Client(division) => Ok(division),
            Owner::Session(_) => panic!("no session"),
        }
    }

    #[test]
    fn no_two_ways_to_name_users_are_one_owner() {
        let bodies = [
            json!({}),
            json!({"user": ""}),
            json!({"user": "a"}),
            json!({"prompt_cache_key": "a"}),
            json!({"safety_identifier": "a"}),
            json!({"user": "a", "prompt_cache_key": "b"}),
            json!({"user": "a\",\"b"}),
            json!({"user": "ab"}),
            json!({"user": "[null,\"a\",null]"}),
        ];
        let owners: BTreeSet<_> = bodies.iter().map(|body| owner(body.clone()).unwrap()).collect();
        assert_eq!(owners.len(), bodies.len());
        assert_eq!(owner(json!({"user": null})).unwrap(), "");
    }

    #[test]
    fn names_are_texts_of_bounded_length() {
        assert_eq!(owner(json!({"user": 5})).unwrap_err().code, Some("invalid_type"));
        let long = owner(json!({"safety_identifier": "a".repeat(513)})).unwrap_err();
        assert_eq!(long.param.as_deref(), Some("safety_identifier"));
        assert_eq!(long.code, Some("string_above_max_length"));
    }
}

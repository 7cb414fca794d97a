//! A value and its place in the body, checked by hand: each type and range, as OpenAI words it.
//!
//! Not here: which fields there are (each `request` module).

use std::fmt::Display;
use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::mistake::{Mistake, excerpt};

#[derive(Clone)]
pub struct Field<'v> {
    /// Such as `messages[0].role`; "" is the body itself.
    pub place: String,
    pub value: &'v Value,
}

/// The members of an object. Null members count as absent.
pub struct Object<'v> {
    place: String,
    members: &'v Map<String, Value>,
}

/// What values of a kind are called, and what OpenAI calls their mistakes.
struct Kind {
    name: &'static str,
    one: &'static str,
    below: &'static str,
    above: &'static str,
}

const INTEGER: Kind = Kind {
    name: "integer",
    one: "an integer",
    below: "integer_below_min_value",
    above: "integer_above_max_value",
};
const DECIMAL: Kind = Kind {
    name: "decimal",
    one: "a decimal",
    below: "decimal_below_min_value",
    above: "decimal_above_max_value",
};
/// Nothing here has to be longer than one: what is too short is empty.
const STRING: Kind =
    Kind { name: "string", one: "a string", below: "empty_string", above: "string_above_max_length" };
const ARRAY: Kind =
    Kind { name: "array", one: "an array", below: "empty_array", above: "array_above_max_length" };

impl<'v> Field<'v> {
    pub fn body(value: &'v Value) -> Self {
        Self { place: String::new(), value }
    }

    pub fn boolean(&self) -> Result<bool, Mistake> {
        self.value.as_bool().ok_or_else(|| self.wrong_type("a boolean"))
    }

    pub fn integer(&self, range: RangeInclusive<i64>) -> Result<i64, Mistake> {
        let number = match (self.value.as_i64(), self.value.as_u64()) {
            (Some(number), _) => number,
            // Saturates, which keeps it outside every range but the widest.
            (None, Some(_)) => i64::MAX,
            (None, None) => return Err(self.wrong_type(INTEGER.one)),
        };
        self.within(&INTEGER, number, range)
    }

    /// A whole number that fits the contract, `least` or more.
    pub fn count(&self, least: u32) -> Result<u32, Mistake> {
        let number = self.integer(i64::from(least)..=i64::from(u32::MAX))?;
        Ok(u32::try_from(number).unwrap_or(u32::MAX))
    }

    pub fn number(&self, range: RangeInclusive<f64>) -> Result<f32, Mistake> {
        let number = self.value.as_f64().ok_or_else(|| self.wrong_type(DECIMAL.one))?;
        self.within(&DECIMAL, number, range).map(|number| number as f32)
    }

    /// `lengths` are bytes.
    pub fn text(&self, lengths: RangeInclusive<usize>) -> Result<&'v str, Mistake> {
        let text = self.value.as_str().ok_or_else(|| self.wrong_type(STRING.one))?;
        self.measured(&STRING, text.len(), lengths).map(|()| text)
    }

    pub fn list(&self, lengths: RangeInclusive<usize>) -> Result<Vec<Field<'v>>, Mistake> {
        let items = self.value.as_array().ok_or_else(|| self.wrong_type(ARRAY.one))?;
        self.measured(&ARRAY, items.len(), lengths)?;
        let place = |index| format!("{}[{index}]", self.place);
        Ok(items.iter().enumerate().map(|(index, value)| Field { place: place(index), value }).collect())
    }

    pub fn object(&self) -> Result<Object<'v>, Mistake> {
        let members = self.value.as_object().ok_or_else(|| self.wrong_type("an object"))?;
        Ok(Object { place: self.place.clone(), members })
    }

    /// One of the names, which `supported` lists for people.
    pub fn choice(&self, names: &[&'static str], supported: &str) -> Result<&'static str, Mistake> {
        let text = self.value.as_str().ok_or_else(|| self.wrong_type(STRING.one))?;
        let found = names.iter().find(|name| **name == text).copied();
        found.ok_or_else(|| Mistake::no_choice(&self.place, self.value, supported))
    }

    pub fn wrong_type(&self, expected: &str) -> Mistake {
        Mistake::wrong_type(&self.place, expected, self.value)
    }

    /// A value of the right type that is out of its form.
    pub fn invalid(&self, code: &'static str, what: &str) -> Mistake {
        Mistake::invalid(&self.place, code, what)
    }

    fn within<T: PartialOrd + Display>(
        &self,
        kind: &Kind,
        number: T,
        range: RangeInclusive<T>,
    ) -> Result<T, Mistake> {
        let (least, most) = range.into_inner();
        let (code, side, bound) = if number < least {
            (kind.below, "below minimum", format!(">= {least}"))
        } else if number > most {
            (kind.above, "above maximum", format!("<= {most}"))
        } else {
            return Ok(number);
        };
        let Kind { name, .. } = kind;
        let what = format!("{name} {side} value. Expected a value {bound}, but got {} instead", self.value);
        Err(self.invalid(code, &what))
    }

    fn measured(&self, kind: &Kind, length: usize, lengths: RangeInclusive<usize>) -> Result<(), Mistake> {
        let Kind { name, one, .. } = kind;
        let (least, most) = lengths.into_inner();
        let (code, what) = if length < least {
            (kind.below, format!("empty {name}. Expected {one} with minimum length {least}"))
        } else if length > most {
            (kind.above, format!("{name} too long. Expected {one} with maximum length {most}"))
        } else {
            return Ok(());
        };
        Err(self.invalid(code, &format!("{what}, but got {one} with length {length} instead")))
    }
}

impl<'v> Object<'v> {
    pub fn get(&self, name: &str) -> Option<Field<'v>> {
        let value = self.members.get(name).filter(|value| !value.is_null())?;
        Some(Field { place: self.place_of(name), value })
    }

    pub fn required(&self, name: &str) -> Result<Field<'v>, Mistake> {
        self.get(name).ok_or_else(|| Mistake::missing(&self.place_of(name)))
    }

    /// What the field is read as, if it is there.
    pub fn read<T>(
        &self,
        name: &str,
        read: impl FnOnce(Field<'v>) -> Result<T, Mistake>,
    ) -> Result<Option<T>, Mistake> {
        self.get(name).map(read).transpose()
    }

    /// The members that are there, with their names.
    pub fn members(&self) -> impl Iterator<Item = (&'v str, Field<'v>)> {
        self.members
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.as_str(), Field { place: self.place_of(name), value }))
    }

    /// Refuses the first member that is none of these.
    pub fn only(&self, names: &[&str]) -> Result<(), Mistake> {
        match self.members().find(|(name, _)| !names.contains(name)) {
            Some((_, field)) => Err(Mistake::unknown(&field.place)),
            None => Ok(()),
        }
    }

    fn place_of(&self, name: &str) -> String {
        let name = excerpt(name);
        if self.place.is_empty() { name.to_owned() } else { format!("{}.{name}", self.place) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn field(value: &Value) -> Field<'_> {
        Field { place: "x".to_owned(), value }
    }

    fn told<T: std::fmt::Debug>(result: Result<T, Mistake>) -> (&'static str, String) {
        let mistake = result.unwrap_err();
        (mistake.code.unwrap(), mistake.message)
    }

    #[test]
    fn numbers_have_a_type_and_a_range() {
        assert_eq!(field(&json!(7)).integer(1..=9), Ok(7));
        assert_eq!(field(&json!(u64::MAX)).count(0).unwrap_err().code, Some("integer_above_max_value"));
        assert_eq!(field(&json!(1)).number(0.0..=2.0), Ok(1.0));
        assert_eq!(
            told(field(&json!(1.5)).integer(1..=9)),
            (
                "invalid_type",
                "Invalid type for 'x': expected an integer, but got a decimal instead.".to_owned()
            )
        );
        assert_eq!(
            told(field(&json!(0)).integer(1..=9)),
            (
                "integer_below_min_value",
                "Invalid 'x': integer below minimum value. Expected a value >= 1, but got 0 instead."
                    .to_owned()
            )
        );
        assert_eq!(
            told(field(&json!(2.5)).number(-2.0..=2.0)),
            (
                "decimal_above_max_value",
                "Invalid 'x': decimal above maximum value. Expected a value <= 2, but got 2.5 instead."
                    .to_owned()
            )
        );
        assert_eq!(told(field(&json!("1")).number(0.0..=2.0)).0, "invalid_type");
        assert_eq!(told(field(&json!(true)).integer(0..=2)).0, "invalid_type");
    }

    #[test]
    fn texts_and_lists_have_a_length() {
        assert_eq!(field(&json!("ab")).text(1..=2), Ok("ab"));
        assert_eq!(told(field(&json!("")).text(1..=2)).0, "empty_string");
        assert_eq!(
            told(field(&json!("abc")).text(1..=2)),
            (
                "string_above_max_length",
                "Invalid 'x': string too long. Expected a string with maximum length 2, but got a string with \
                 length 3 instead."
                    .to_owned()
            )
        );
        let list = json!([1, 2]);
        let items = field(&list);
        assert_eq!(items.list(1..=2).unwrap()[1].place, "x[1]");
        assert_eq!(told(items.list(1..=1).map(drop)).0, "array_above_max_length");
        assert_eq!(told(field(&json!([])).list(1..=1).map(drop)).0, "empty_array");
        assert_eq!(told(field(&json!({})).list(0..=1).map(drop)).0, "invalid_type");
    }

    #[test]
    fn members_that_are_null_are_not_there() {
        let value = json!({"a": {"b": 1, "c": null}, "d": null});
        let object = Field::body(&value).object().unwrap();
        let inner = object.required("a").unwrap().object().unwrap();
        assert_eq!(inner.required("b").unwrap().place, "a.b");
        assert!(inner.get("c").is_none() && object.get("d").is_none());
        assert_eq!(inner.required("c").map(drop).unwrap_err(), Mistake::missing("a.c"));
        assert_eq!(object.only(&["a"]), Ok(()));
        assert_eq!(inner.only(&["x"]), Err(Mistake::unknown("a.b")));
        let long = json!({"é".repeat(5000): 1});
        let place = Field::body(&long).object().unwrap().only(&[]).unwrap_err().param.unwrap();
        assert!(place.chars().count() < 100, "{place}");
    }
}

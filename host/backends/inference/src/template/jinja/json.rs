//! JSON as chat templates expect it: as Python writes it, and not as HTML wants it.

use minijinja::{Error, ErrorKind, Value, value::Kwargs};
use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};
use std::io::{Result as Written, Write};

/// The filter `tojson` of Hugging Face's tools. Their other arguments say what holds here anyway.
pub(super) fn tojson(value: &Value, arguments: Kwargs) -> Result<Value, Error> {
    let indent: Option<usize> = arguments.get("indent")?;
    let _ascii: Option<bool> = arguments.get("ensure_ascii")?;
    arguments.assert_all_used()?;
    let mut text = Vec::new();
    match indent {
        Some(width) => {
            let indent = " ".repeat(width);
            write(
                value,
                Serializer::with_formatter(&mut text, PrettyFormatter::with_indent(indent.as_bytes())),
            )
        }
        None => write(value, Serializer::with_formatter(&mut text, Python)),
    }?;
    Ok(Value::from(String::from_utf8_lossy(&text).into_owned()))
}

fn write<W: Write, F: Formatter>(value: &Value, mut serializer: Serializer<W, F>) -> Result<(), Error> {
    value.serialize(&mut serializer).map_err(|error| {
        Error::new(ErrorKind::InvalidOperation, "this cannot be written as JSON").with_source(error)
    })
}

/// A space after each comma and colon.
struct Python;

impl Formatter for Python {
    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> Written<()> {
        comma(writer, first)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> Written<()> {
        comma(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> Written<()> {
        writer.write_all(b": ")
    }
}

fn comma<W: ?Sized + Write>(writer: &mut W, first: bool) -> Written<()> {
    if first { Ok(()) } else { writer.write_all(b", ") }
}

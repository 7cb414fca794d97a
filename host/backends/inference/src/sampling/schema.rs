//! Makes a JSON schema a grammar: brings it into the form that llama.cpp's converter keeps to, and refuses what would stop
//! the converter, or what it would make something else of.
//!
//! Not here: the grammar itself (`grammar`). What neither is kept to nor refused, docs/openai.md lists.

mod allowance;
mod json;
mod pattern;

use llama_cpp_2::json_schema_to_grammar;

use allowance::Allowance;
use json::Json;

/// Those of the converter's integers without a bound: 16 digits.
const LARGEST: i64 = 9_999_999_999_999_999;
/// What holds examples, and no schema.
const VALUES: [&str; 5] = ["enum", "const", "default", "examples", "example"];
/// What holds schemas by names that people chose.
const NAMED: [&str; 5] = ["properties", "$defs", "definitions", "patternProperties", "dependentSchemas"];

/// The grammar in llama.cpp's GBNF, or why there is none.
pub(crate) fn to_grammar(schema: &str) -> Result<String, String> {
    // serde_json also bounds the nesting, which the converter does not.
    let mut schema: Json =
        serde_json::from_str(schema).map_err(|error| format!("it is not JSON: {error}"))?;
    prepare(&mut schema)?;
    Allowance::check(&schema)?;
    let schema = serde_json::to_string(&schema).map_err(|error| error.to_string())?;
    json_schema_to_grammar(&schema).map_err(|_code| {
        "it has a reference to nowhere, or a keyword whose value is not of its kind".to_owned()
    })
}

/// Brings a schema and all that are in it into the converter's form.
fn prepare(schema: &mut Json) -> Result<(), String> {
    if let Json::Array(items) = schema {
        return items.iter_mut().try_for_each(prepare);
    }
    let Json::Object(members) = schema else { return Ok(()) };
    for (key, value) in members.iter_mut() {
        match (key.as_str(), value) {
            (key, _) if VALUES.contains(&key) => {}
            (key, Json::Object(named)) if NAMED.contains(&key) => {
                named.iter_mut().try_for_each(|(_, schema)| prepare(schema))?;
            }
            ("pattern", Json::Text(pattern)) => *pattern = pattern::converted(pattern)?,
            (_, value) => prepare(value)?,
        }
    }
    check_counts(schema)?;
    check_types(schema)?;
    bound_integers(schema)?;
    merge_only_part(schema);
    Ok(())
}

/// The converter takes them as 32 bits. A maximum of more is none, as is every one above 2,000.
fn check_counts(schema: &mut Json) -> Result<(), String> {
    for (least, most) in [("minLength", "maxLength"), ("minItems", "maxItems")] {
        let (min, max) = (schema.integer(least, f64::ceil), schema.integer(most, f64::floor));
        if let Some(min) = min
            && min > max.unwrap_or(i32::MAX.into())
        {
            return Err(format!("{least} is {min}, which is more than there can be"));
        }
        if let Json::Object(members) = schema
            && max > Some(i32::MAX.into())
        {
            members.retain(|(key, _)| key != most);
        }
    }
    Ok(())
}

/// The converter copies the schema for each type of a list, and what is in it with it.
fn check_types(schema: &Json) -> Result<(), String> {
    let Some(Json::Array(types)) = schema.get("type") else { return Ok(()) };
    let twice = types.iter().enumerate().any(|(place, kind)| types[..place].contains(kind));
    match twice || (types.len() > 1 && schema.get("allOf").is_some()) {
        true => Err("a list of types has one twice, or stands beside allOf".into()),
        false => Ok(()),
    }
}

/// With one bound alone, the converter loses zeros: from 100 on there would be 15.
fn bound_integers(schema: &mut Json) -> Result<(), String> {
    let is_integer = match schema.get("type") {
        Some(Json::Text(kind)) => kind == "integer",
        Some(Json::Array(kinds)) => {
            kinds.iter().any(|kind| matches!(kind, Json::Text(kind) if kind == "integer"))
        }
        _ => false,
    };
    if !is_integer {
        return Ok(());
    }
    // As the converter reads them: the inclusive bound counts where there are both.
    let above = schema.integer("exclusiveMinimum", f64::floor).map(|bound| bound.saturating_add(1));
    let below = schema.integer("exclusiveMaximum", f64::ceil).map(|bound| bound.saturating_sub(1));
    let min = schema.integer("minimum", f64::ceil).or(above);
    let max = schema.integer("maximum", f64::floor).or(below);
    if min.unwrap_or(-LARGEST) > max.unwrap_or(LARGEST) {
        return Err("no integer of 16 digits is within minimum and maximum".into());
    }
    match (min, max) {
        (Some(10..), None) => schema.set("maximum", LARGEST),
        (None, Some(..-9)) => schema.set("minimum", -LARGEST),
        _ => {}
    }
    Ok(())
}

/// `allOf` of one schema is that schema; the converter knows only objects there.
fn merge_only_part(schema: &mut Json) {
    const APART: [&str; 6] = ["properties", "$ref", "anyOf", "oneOf", "const", "enum"];
    if APART.iter().any(|key| schema.get(key).is_some()) {
        return;
    }
    if !matches!(schema.get("allOf"), Some(Json::Array(parts)) if matches!(parts[..], [Json::Object(_)])) {
        return;
    }
    let Json::Object(members) = schema else { return };
    let Some(place) = members.iter().position(|(key, _)| key == "allOf") else { return };
    if let (_, Json::Array(parts)) = members.remove(place)
        && let Some(Json::Object(part)) = parts.into_iter().next()
    {
        // What the part says itself counts.
        members.retain(|(key, _)| part.iter().all(|(other, _)| key != other));
        members.extend(part);
    }
}

#[cfg(test)]
mod tests;

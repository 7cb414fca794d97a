//! What the converter may make of a schema: it follows references within `allOf` each time that it meets one, without an
//! end or a bound of its own, and names a rule after the whole way to it.

use std::collections::HashSet;

use super::Json;

/// Bytes of the names of all rules.
const MAX_WORK: usize = 4 << 20;
/// What a rule costs beside its name.
const RULE: usize = 32;
/// Of properties' names and of references: the converter's regular expressions take a call for each byte.
const MAX_NAME: usize = 256;
/// Of an object, with those of its `allOf`: the converter's work grows with their cube.
const MAX_PROPERTIES: usize = 256;
/// References that lead to one another through `allOf`.
const MAX_CHAIN: usize = 16;

/// What is left of it.
pub(super) struct Allowance<'a> {
    root: &'a Json,
    left: usize,
    /// References that were met outside of `allOf`: the converter follows each of them once.
    known: HashSet<&'a str>,
    waiting: Vec<&'a str>,
    /// References within `allOf` that are being followed.
    chain: Vec<&'a str>,
}

impl<'a> Allowance<'a> {
    /// Says what is too much.
    pub fn check(root: &'a Json) -> Result<(), String> {
        let (known, waiting, chain) = (HashSet::new(), Vec::new(), Vec::new());
        let mut allowance = Self { root, left: MAX_WORK, known, waiting, chain };
        allowance.visit(root, 0)?;
        while let Some(reference) = allowance.waiting.pop() {
            if let Some(schema) = allowance.target(reference) {
                allowance.visit(schema, reference.len())?;
            }
        }
        Ok(())
    }

    /// A schema to which a way of so many bytes leads.
    fn visit(&mut self, schema: &'a Json, way: usize) -> Result<(), String> {
        self.left = self.left.checked_sub(way + RULE).ok_or("it becomes too many rules")?;
        if let Some(reference) = reference(schema)? {
            if self.known.insert(reference) {
                self.waiting.push(reference);
            }
            return Ok(());
        }
        if self.properties(schema, way)? > MAX_PROPERTIES {
            return Err(too_many());
        }
        if let Some(Json::Array(parts)) = schema.get("allOf")
            && schema.get("properties").is_none()
        {
            self.all_of(parts, way)?;
        }
        for key in ["items", "prefixItems", "additionalProperties", "anyOf", "oneOf"] {
            match schema.get(key) {
                Some(Json::Array(schemas)) => {
                    schemas.iter().try_for_each(|schema| self.visit(schema, way + RULE))?;
                }
                Some(schema) => self.visit(schema, way + RULE)?,
                None => {}
            }
        }
        Ok(())
    }

    /// Gives their number.
    fn properties(&mut self, schema: &'a Json, way: usize) -> Result<usize, String> {
        let Some(Json::Object(properties)) = schema.get("properties") else { return Ok(0) };
        for (name, schema) in properties {
            check_name(name)?;
            self.visit(schema, way + 1 + name.len())?;
        }
        Ok(properties.len())
    }

    /// The converter makes one object of all parts, or one of the values that all have.
    fn all_of(&mut self, parts: &'a [Json], way: usize) -> Result<(), String> {
        let mut properties = 0;
        for part in parts {
            match part.get("oneOf").or(part.get("anyOf")) {
                Some(Json::Array(schemas)) => {
                    for schema in schemas {
                        properties += self.part(schema, way)?;
                    }
                }
                _ => properties += self.part(part, way)?,
            }
        }
        match properties {
            0 => Err("allOf is kept to only of objects with properties, and of enums".into()),
            1..=MAX_PROPERTIES => Ok(()),
            _ => Err(too_many()),
        }
    }

    /// Gives what it adds to the whole.
    fn part(&mut self, part: &'a Json, way: usize) -> Result<usize, String> {
        if let Some(reference) = reference(part)? {
            if self.chain.contains(&reference) {
                return Err("a reference leads to itself through allOf".into());
            }
            if self.chain.len() == MAX_CHAIN {
                return Err(format!("more than {MAX_CHAIN} references lead to one another through allOf"));
            }
            self.left = self.left.checked_sub(RULE).ok_or("it becomes too many rules")?;
            self.chain.push(reference);
            let added = self.target(reference).map_or(Ok(0), |schema| self.part(schema, way));
            self.chain.pop();
            return added;
        }
        if let Some(Json::Array(values)) = part.get("enum") {
            return Ok(values.len().min(1));
        }
        let is_object =
            part.get("type").is_none_or(|kind| matches!(kind, Json::Text(kind) if kind == "object"));
        let keys =
            ["allOf", "anyOf", "oneOf", "const", "items", "pattern", "minLength", "maxLength", "format"];
        if !is_object || (part.get("properties").is_none() && keys.iter().any(|key| part.get(key).is_some()))
        {
            return Err("allOf is kept to only of objects with properties, and of enums".into());
        }
        self.properties(part, way)
    }

    /// What a reference leads to, as the converter finds it.
    fn target(&self, reference: &str) -> Option<&'a Json> {
        let mut target = self.root;
        for step in reference.strip_prefix("#/")?.split('/') {
            target = match target {
                Json::Array(items) => items.get(step.parse::<usize>().ok()?)?,
                target => target.get(step)?,
            };
        }
        Some(target)
    }
}

fn reference(schema: &Json) -> Result<Option<&str>, String> {
    let Some(Json::Text(reference)) = schema.get("$ref") else { return Ok(None) };
    check_name(reference)?;
    Ok(Some(reference))
}

fn check_name(name: &str) -> Result<(), String> {
    match name.len() > MAX_NAME {
        true => Err(format!("a property's name or a reference is longer than {MAX_NAME} bytes")),
        false => Ok(()),
    }
}

fn too_many() -> String {
    format!("an object has more than {MAX_PROPERTIES} properties")
}

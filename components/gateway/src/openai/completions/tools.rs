//! The tools that a model may call: `tools`, `tool_choice` and `parallel_tool_calls`.
//!
//! Not here: earlier calls (`messages/calls.rs`).

use crate::corral::host::inference::{Tool, ToolChoice, Toolbox};
use crate::json::member;
use crate::openai::Mistake;
use crate::openai::field::{Field, Object};

/// What is read here.
pub const NAMES: &[&str] = &["tools", "tool_choice", "parallel_tool_calls"];

pub const NO_CUSTOM: &str = "Only 'function' is supported.";

/// Bounds of OpenAI's.
const TOOLS: usize = 128;
const NAME: usize = 64;
const PATTERN: &str = "^[a-zA-Z0-9_-]{1,64}$";

/// `text` is the body's own: models are told of a schema's members in their order.
pub fn read(body: &Object, text: &str) -> Result<Toolbox, Mistake> {
    let tools = body.read("tools", |field| tools(&field, text))?.unwrap_or_default();
    let choice = match body.get("tool_choice") {
        Some(field) => choice(&field, &tools)?,
        None => ToolChoice::Auto,
    };
    let parallel = body.read("parallel_tool_calls", |field| field.boolean())?.unwrap_or(true);
    Ok(Toolbox { tools, choice, parallel })
}

/// Whether the model is told of any tool.
pub fn are_offered(toolbox: &Toolbox) -> bool {
    !toolbox.tools.is_empty() && !matches!(toolbox.choice, ToolChoice::None)
}

/// A tool's name.
pub fn name<'v>(field: &Field<'v>) -> Result<&'v str, Mistake> {
    let name = field.text(1..=NAME)?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if name.bytes().all(is_plain) {
        return Ok(name);
    }
    let what =
        format!("string does not match pattern. Expected a string that matches the pattern '{PATTERN}'");
    Err(field.invalid("invalid_value", &what))
}

fn tools(field: &Field, text: &str) -> Result<Vec<Tool>, Mistake> {
    let fields = field.list(0..=TOOLS)?;
    let written = member::text(text, &["tools"]).map(member::items).unwrap_or_default();
    let mut tools: Vec<Tool> = Vec::with_capacity(fields.len());
    for (index, field) in fields.iter().enumerate() {
        let tool = tool(field, written.get(index).copied())?;
        if tools.iter().any(|other| other.name == tool.name) {
            let place = format!("{}.function.name", field.place);
            return Err(Mistake::invalid(&place, "invalid_value", "another tool has this name"));
        }
        tools.push(tool);
    }
    Ok(tools)
}

fn tool(field: &Field, written: Option<&str>) -> Result<Tool, Mistake> {
    let tool = field.object()?;
    let kind = tool.required("type")?;
    if kind.choice(&["function", "custom"], "'function'")? != "function" {
        return Err(Mistake::unsupported_value(&kind.place, kind.value, NO_CUSTOM));
    }
    tool.only(&["type", "function"])?;
    let function = tool.required("function")?.object()?;
    function.only(&["name", "description", "parameters", "strict"])?;
    let written = written.and_then(|tool| member::text(tool, &["function", "parameters"]));
    Ok(Tool {
        name: name(&function.required("name")?)?.to_owned(),
        description: function.read("description", |field| field.text(0..=usize::MAX).map(str::to_owned))?,
        parameters: function.read("parameters", |field| parameters(&field, written))?,
        strict: function.read("strict", |field| field.boolean())?.unwrap_or_default(),
    })
}

fn parameters(field: &Field, written: Option<&str>) -> Result<String, Mistake> {
    let schema = field.object()?;
    if let Some(kind) = schema.get("type").filter(|kind| kind.value != "object") {
        let what = "arguments are an object. Expected the type 'object'";
        return Err(kind.invalid("invalid_function_parameters", what));
    }
    Ok(written.map_or_else(|| field.value.to_string(), str::to_owned))
}

fn choice(field: &Field, tools: &[Tool]) -> Result<ToolChoice, Mistake> {
    let choice = match field.value.is_object() {
        true => ToolChoice::Named(named(&field.object()?, tools)?),
        false => match field.choice(&["none", "auto", "required"], "'none', 'auto' and 'required'")? {
            "none" => ToolChoice::None,
            "auto" => ToolChoice::Auto,
            _ => ToolChoice::Required,
        },
    };
    if tools.is_empty() && matches!(choice, ToolChoice::Required) {
        let message = "'tool_choice' is only allowed when 'tools' are specified.";
        return Err(Mistake::out_of_place(&field.place, message));
    }
    Ok(choice)
}

fn named(choice: &Object, tools: &[Tool]) -> Result<String, Mistake> {
    let kind = choice.required("type")?;
    if kind.choice(&["function", "custom", "allowed_tools"], "'function'")? != "function" {
        return Err(Mistake::unsupported_value(&kind.place, kind.value, NO_CUSTOM));
    }
    choice.only(&["type", "function"])?;
    let function = choice.required("function")?.object()?;
    function.only(&["name"])?;
    let field = function.required("name")?;
    let name = name(&field)?;
    match tools.iter().any(|tool| tool.name == name) {
        true => Ok(name.to_owned()),
        false => Err(field.invalid("invalid_value", "no tool in 'tools' has this name")),
    }
}

#[cfg(test)]
mod tests;

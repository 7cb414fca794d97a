//! What is out of its form, and what is not.

use super::*;

fn tool(name: &str, parameters: Option<&str>) -> Tool {
    Tool { name: name.into(), description: None, parameters: parameters.map(str::to_owned), strict: false }
}

fn user() -> Turn {
    Turn::Plain(Message { role: Role::User, content: "x".into() })
}

fn calls(id: &str, arguments: &str) -> Turn {
    let call = ToolCall { id: id.into(), name: "f".into(), arguments: arguments.into() };
    Turn::Calls { content: String::new(), calls: vec![call] }
}

fn outcome(call: &str) -> Turn {
    Turn::Outcome { call: call.into(), content: "x".into() }
}

fn offering(tools: Vec<Tool>, choice: Choice) -> Dialogue {
    Dialogue { turns: vec![user()], tools, choice, parallel: true }
}

fn saying(turns: Vec<Turn>) -> Dialogue {
    Dialogue { turns, tools: Vec::new(), choice: Choice::Auto, parallel: true }
}

#[test]
fn tools_have_names_of_their_own_and_schemas_of_objects() {
    let good = [tool("get-it_2", None), tool("g", Some("{}")), tool("h", Some(r#"{"type":"object"}"#))];
    assert_eq!(offering(good.to_vec(), Choice::Required).check(), Ok(()));
    for bad in [
        vec![tool("", None)],
        vec![tool("a b", None)],
        vec![tool("é", None)],
        vec![tool(&"a".repeat(65), None)],
        vec![tool("f", None), tool("f", None)],
        vec![tool("f", Some("{"))],
        vec![tool("f", Some("[]"))],
        vec![tool("f", Some(r#"{"type":"string"}"#))],
        (0..129).map(|number| tool(&format!("f{number}"), None)).collect(),
    ] {
        let checked = offering(bad.clone(), Choice::Auto).check();
        assert!(matches!(checked, Err(Error::InvalidArgument(_))), "{bad:?}");
    }
}

#[test]
fn what_is_chosen_is_there() {
    let tools = || vec![tool("f", None)];
    assert_eq!(offering(tools(), Choice::Named("f".into())).check(), Ok(()));
    assert!(offering(tools(), Choice::Named("g".into())).check().is_err());
    assert!(offering(Vec::new(), Choice::Required).check().is_err());
    assert_eq!(offering(Vec::new(), Choice::Auto).check(), Ok(()));
    assert!(offering(tools(), Choice::None).offered().is_empty());
}

#[test]
fn outcomes_are_of_earlier_calls_and_the_assistant_does_not_speak_last() {
    assert_eq!(saying(vec![user(), calls("1", "{}"), outcome("1")]).check(), Ok(()));
    for bad in [
        vec![user(), outcome("1")],
        vec![user(), outcome("1"), calls("1", "{}"), user()],
        vec![user(), calls("1", "{}"), outcome("2")],
        vec![user(), calls("1", "[]"), outcome("1")],
        vec![user(), calls("1", "{"), outcome("1")],
        vec![user(), calls("1", "{}")],
        vec![user(), Turn::Calls { content: "x".into(), calls: Vec::new() }, user()],
        vec![],
    ] {
        assert!(saying(bad.clone()).check().is_err(), "{bad:?}");
    }
    assert_eq!(saying(vec![user(), calls("1", "{}"), outcome("1")]).called("1"), Some("f"));
}

#[test]
fn grammars_and_odds_do_not_go_with_tools() {
    let tools = || offering(vec![tool("f", None)], Choice::Auto);
    let constraint = Some(Constraint::Grammar("root ::= \"x\"".into()));
    let bound = Options { constraint, ..Options::default() };
    assert!(tools().check_options(&bound).is_err());
    assert_eq!(Dialogue { choice: Choice::None, ..tools() }.check_options(&bound), Ok(()));
    let schema = |text: &str| {
        let constraint = Some(Constraint::JsonSchema(text.into()));
        tools().check_options(&Options { constraint, ..Options::default() })
    };
    assert_eq!(schema("{}"), Ok(()));
    assert!(schema("{}},\"tool0\":{").is_err());
    assert!(tools().check_options(&Options { log_probabilities: Some(0), ..Options::default() }).is_err());
    assert_eq!(tools().check_options(&Options::default()), Ok(()));
}

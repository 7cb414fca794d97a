//! What is bound, when, and that llama.cpp takes it.

use super::*;

fn tool(name: &str, parameters: Option<&str>, strict: bool) -> Tool {
    Tool { name: name.into(), description: None, parameters: parameters.map(str::to_owned), strict }
}

fn binding(style: Style, choice: Choice, parallel: bool, tools: Vec<Tool>) -> Option<Binding> {
    Binding::of(style, &Dialogue { turns: Vec::new(), tools, choice, parallel }, None)
}

const SCHEMA: &str = r##"{"type":"object","properties":{"b":{"type":"integer"},"a":{"$ref":"#/$defs/a"}},
    "required":["b","a"],"additionalProperties":false,"$defs":{"a":{"enum":["x","y"]}}}"##;

#[test]
fn calls_that_have_to_be_made_are_bound_from_the_beginning() {
    for style in [Style::Hermes, Style::Llama3, Style::Mistral] {
        for parallel in [true, false] {
            let tools =
                vec![tool("f", Some(SCHEMA), false), tool("g", None, false), tool("h", Some("{}"), true)];
            let bound = binding(style, Choice::Required, parallel, tools).unwrap();
            assert_eq!(bound.trigger, None);
            let grammar = bound.grammar().unwrap();
            assert_eq!(grammar.matches("\nroot ::= ").count(), 1, "{grammar}");
            assert_eq!(grammar.matches("one-call ::= ").count(), 1, "{grammar}");
            for name in ["f", "g", "h"] {
                assert!(grammar.contains(&format!(r#""\"{name}\"""#)), "{grammar}");
            }
            assert_eq!(grammar.contains(r#""\"parameters\"""#), style == Style::Llama3, "{grammar}");
        }
    }
}

#[test]
fn a_named_tool_is_the_only_one() {
    let tools = vec![tool("f", None, false), tool("g", None, false)];
    let grammar = binding(Style::Hermes, Choice::Named("g".into()), true, tools).unwrap().grammar().unwrap();
    assert!(grammar.contains(r#""\"g\"""#) && !grammar.contains(r#""\"f\"""#), "{grammar}");
}

#[test]
fn free_answers_are_bound_only_for_strict_tools_and_from_the_marker_on() {
    let tools = |strict| vec![tool("f", Some(SCHEMA), strict), tool("g", Some("{\"not\":{}}"), false)];
    assert_eq!(binding(Style::Hermes, Choice::Auto, true, tools(false)), None);
    assert_eq!(binding(Style::Llama3, Choice::Auto, true, tools(true)), None);
    assert_eq!(binding(Style::Hermes, Choice::None, true, tools(true)), None);
    let bound = binding(Style::Hermes, Choice::Auto, true, tools(true)).unwrap();
    assert_eq!(bound.trigger, Some("<tool_call>"));
    // What is not strict is any object.
    assert!(bound.schema.ends_with(r#","tool1":{"type":"object"}}}"#), "{}", bound.schema);
}

#[test]
fn an_answer_in_place_of_calls_keeps_to_its_schema() {
    let dialogue = |choice| Dialogue {
        turns: Vec::new(),
        tools: vec![tool("f", Some(SCHEMA), false), tool("g", Some(SCHEMA), true)],
        choice,
        parallel: true,
    };
    for style in [Style::Hermes, Style::Llama3, Style::Mistral] {
        // Its `$defs/a` is another than the tools'.
        let answer = SCHEMA.replace(r#"["x","y"]"#, r#"["p","q"]"#);
        let bound = Binding::of(style, &dialogue(Choice::Auto), Some(&answer)).unwrap();
        let grammar = bound.grammar().unwrap();
        assert_eq!(bound.trigger, None);
        for rule in ["root ::= ", "one-call ::= ", "the-answer ::= "] {
            assert_eq!(grammar.lines().filter(|line| line.starts_with(rule)).count(), 1, "{rule}{grammar}");
        }
        let root = grammar.lines().find(|line| line.starts_with("root")).unwrap();
        assert!(root.contains("-call") && root.ends_with(" | the-answer"), "{root}");
        let enums = |values: [&str; 2]| values.map(|value| format!(r#""\"{value}\"""#)).join(" | ");
        // Of the tool that is not strict, any arguments are taken.
        for (values, count) in [(["x", "y"], 1), (["p", "q"], 1)] {
            assert_eq!(grammar.matches(&enums(values)).count(), count, "{values:?}{grammar}");
        }
        // Calls that have to be made leave no answer.
        let bound = Binding::of(style, &dialogue(Choice::Required), Some(&answer)).unwrap();
        assert!(!bound.grammar().unwrap().contains("the-answer"));
        assert_eq!(Binding::of(style, &dialogue(Choice::None), Some(&answer)), None);
    }
}

#[test]
fn schemas_that_refer_to_themselves_still_do() {
    let place = "/$defs/tool0";
    assert_eq!(
        rebased(r##"{"$ref" : "#/a","$ref":"http://x"}"##, place),
        r##"{"$ref":"#/$defs/tool0/a","$ref":"http://x"}"##
    );
    assert_eq!(rebased(r##"{"items":{"$ref":"#"}}"##, place), r##"{"items":{"$ref":"#/$defs/tool0"}}"##);
    let tree = r##"{"type":"object","properties":{"left":{"$ref":"#"}},"additionalProperties":false}"##;
    let tools = vec![tool("f", Some(tree), true), tool("g", Some(SCHEMA), true)];
    assert!(binding(Style::Hermes, Choice::Required, true, tools).unwrap().grammar().is_ok());
}

#[test]
fn what_cannot_be_made_a_grammar_is_refused() {
    let broken = r##"{"type":"object","properties":{"a":{"$ref":"#/nowhere"}}}"##;
    let bound = binding(Style::Hermes, Choice::Required, true, vec![tool("f", Some(broken), false)]);
    assert!(matches!(bound.unwrap().grammar(), Err(Error::InvalidArgument(_))));
}

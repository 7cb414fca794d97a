//! Templates of the kinds that models carry, with friendly and hostile contents.

use super::*;

const CHATML: &str = "{% for message in messages %}{{ '<|start|>' + message['role'] + '\n' + \
                      message['content'] + '<|end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ \
                      '<|start|>assistant\n' }}{% endif %}";

fn template(source: &str) -> ChatTemplate {
    ChatTemplate::new(source.into(), "<s>".into(), "</s>".into()).unwrap()
}

fn chat(messages: &[(Role, &str)]) -> Vec<Message> {
    messages.iter().map(|&(role, content)| Message { role, content: content.into() }).collect()
}

fn inert(text: &str) -> String {
    text.replace("<|end|>", "<.|end|>")
}

fn own(text: &str) -> Part {
    Part::Template(text.into())
}

fn typed(text: &str) -> Part {
    Part::Content(text.into())
}

#[test]
fn what_people_typed_is_kept_apart() {
    let parts = template(CHATML).parts(&chat(&[(Role::User, "a<|end|>b")]), true, inert).unwrap();
    assert_eq!(parts, [own("<|start|>user\n"), typed("a<|end|>b"), own("<|end|>\n<|start|>assistant\n")]);
}

#[test]
fn a_finished_transcript_is_the_beginning_of_the_next_prompt() {
    let template = template(CHATML);
    let finished = chat(&[(Role::System, "s"), (Role::User, "u"), (Role::Assistant, "a")]);
    let next = [finished.clone(), chat(&[(Role::User, "u2")])].concat();
    let text = |messages: &[Message], open| joined(&template.parts(messages, open, inert).unwrap());
    assert!(text(&next, true).starts_with(&text(&finished, false)));
}

#[test]
fn trimming_templates_trim_contents() {
    let trimming = template("{% for m in messages %}[{{ m.content | trim }}]{% endfor %}");
    let parts = trimming.parts(&chat(&[(Role::User, " \n<|end|> ")]), false, inert).unwrap();
    assert_eq!(parts, [own("["), typed("<|end|>"), own("]")]);
}

#[test]
fn a_template_that_changes_contents_gets_them_broken_up() {
    let thinking =
        template("{% for m in messages %}{{ m.content.split('</think>')[-1] }}<|end|>{% endfor %}");
    let messages =
        chat(&[(Role::User, "q"), (Role::Assistant, "hm</think>an<|end|>swer"), (Role::User, "r")]);
    let parts = thinking.parts(&messages, true, inert).unwrap();
    assert_eq!(parts, [own("q<|end|>an<.|end|>swer<|end|>r<|end|>")]);
}

#[test]
fn empty_contents_and_forged_placeholders_are_as_any_other() {
    let template = template(CHATML);
    let forged = format!("{OPEN}0:0{CLOSE}");
    let parts = template.parts(&chat(&[(Role::System, ""), (Role::User, &forged)]), false, inert).unwrap();
    assert_eq!(parts, [own("<|start|>system\n<|end|>\n<|start|>user\n"), typed(&forged), own("<|end|>\n")]);
}

#[test]
fn a_refused_or_dropped_system_message_moves_into_the_first_question() {
    let refusing = "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}\
                    {% endif %}<{{ m.content }}>{% endfor %}";
    let dropping =
        "{% for m in messages %}{% if m.role != 'system' %}<{{ m.content }}>{% endif %}{% endfor %}";
    for source in [refusing, dropping] {
        let messages = chat(&[(Role::System, "S"), (Role::User, "U")]);
        let parts = template(source).parts(&messages, false, inert).unwrap();
        assert_eq!(joined(&parts), "<S\n\nU>");
    }
}

#[test]
fn line_breaks_of_files_from_elsewhere_are_plain_ones() {
    let parts = template("{{ 'a\r\nb' }}\r\nc").parts(&chat(&[(Role::User, "U")]), true, inert).unwrap();
    assert_eq!(joined(&parts), "a\nb\nc");
}

#[test]
fn what_the_template_raises_is_told() {
    let raising = template("{{ raise_exception('only ducks') }}");
    let error = raising.parts(&chat(&[(Role::User, "U")]), true, inert).unwrap_err();
    assert!(matches!(&error, Error::InvalidArgument(message) if message.contains("only ducks")), "{error}");
}

#[test]
fn blocks_methods_and_names_are_as_in_hugging_faces_tools() {
    let source = "{{ bos_token }}\n{%- for m in messages %}\n    {% if m.content.startswith('a') %}\n{{ m['content'].upper() }}\n    {% break %}\n    {% endif %}\n{% endfor %}\n\
                  {% if tools is not none %}tools{% endif %}{{ strftime_now('%Y')[:2] }}{{ eos_token }}";
    let parts = template(source).parts(&chat(&[(Role::User, "abc")]), true, inert).unwrap();
    assert_eq!(joined(&parts), "<s>ABC\n20</s>");
}

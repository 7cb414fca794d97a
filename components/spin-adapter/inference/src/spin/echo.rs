//! The prompt that Spin's own engine repeats before its answer.
//!
//! It decodes all tokens, the prompt's too, and leaves out control tokens; spaces at their places may differ. Other
//! engines behind the same import repeat nothing, so it is cut only where all of it is there.

use crate::template::plain;

/// What follows the prompt in the text; none if the text does not begin with the whole of it.
pub fn after<'text>(prompt: &str, text: &'text str) -> Option<&'text str> {
    let prompt = plain(prompt);
    let mut rest = text;
    let mut some = false;
    for wanted in prompt.chars().filter(|char| !char.is_whitespace()) {
        rest = rest.trim_start().strip_prefix(wanted)?;
        some = true;
    }
    some.then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_prompt_is_cut_and_nothing_less() {
        let prompt = "[INST] U1 [/INST] A1 </s><s>[INST] U2 [/INST]";
        for echo in [
            prompt,
            "[INST] U1 [/INST] A1  [INST] U2 [/INST]",
            " [INST] U1 [/INST] A1 [INST] U2 [/INST]",
            "<s>",
        ] {
            let expected = (echo != "<s>").then_some(" Hi");
            assert_eq!(
                after("[INST] U1 [/INST] A1 </s><s>[INST] U2 [/INST]", &plain(&format!("{echo} Hi"))),
                expected
            );
        }
        assert_eq!(after(prompt, " Hi"), None);
        assert_eq!(after(prompt, "[INST] U1 [/INST] A1"), None);
        assert_eq!(after("Count: 1", "Count: 2"), None);
        assert_eq!(after("é🐎\n", "é🐎\nno"), Some("\nno"));
        assert_eq!(after(" \n", " \nx"), None);
    }
}

//! The page for people, at `/`: the files of `components/gateway/page`, which a browser takes as they are.
//!
//! Not here: what the page does (the files themselves).

use std::borrow::Cow;

use super::{Asset, CSS, HTML, JAVASCRIPT};

const SVG: &str = "image/svg+xml";

/// Its own files and its own host, and never HTML or code made of a text. The one policy for that, `inert`, is for
/// reading the text of HTML files that people bring.
const PAGE: Option<&str> = Some(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
     base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types inert",
);

const INDEX: &str = include_str!("../../page/index.html");

macro_rules! files {
    ($($name:literal is $content_type:ident,)*) => {
        &[
            Asset { path: "/", content_type: HTML, encoding: None, policy: PAGE, bytes: INDEX.as_bytes() },
            $(Asset {
                path: concat!("/page/", $name),
                content_type: $content_type,
                encoding: None,
                policy: None,
                bytes: include_bytes!(concat!("../../page/", $name)),
            }),*
        ]
    };
}

pub const FILES: &[Asset] = files![
    "answer.js" is JAVASCRIPT,
    "api.js" is JAVASCRIPT,
    "base.css" is CSS,
    "clipboard.js" is JAVASCRIPT,
    "composer.js" is JAVASCRIPT,
    "conversation.js" is JAVASCRIPT,
    "documents.js" is JAVASCRIPT,
    "dom.js" is JAVASCRIPT,
    "drop.js" is JAVASCRIPT,
    "events.js" is JAVASCRIPT,
    "failure.js" is JAVASCRIPT,
    "files.js" is JAVASCRIPT,
    "frame.css" is CSS,
    "main.js" is JAVASCRIPT,
    "mark.svg" is SVG,
    "markdown.js" is JAVASCRIPT,
    "memory.js" is JAVASCRIPT,
    "passage.js" is JAVASCRIPT,
    "sheet.js" is JAVASCRIPT,
    "sheets.css" is CSS,
    "sidebar.js" is JAVASCRIPT,
    "smd.js" is JAVASCRIPT,
    "theme.js" is JAVASCRIPT,
    "turn.js" is JAVASCRIPT,
    "turns.css" is CSS,
    "welcome.js" is JAVASCRIPT,
];

/// The page with addresses below the prefix that was taken off the request's path. Its own are relative, which is right
/// wherever an address ends with a slash; `/chat`, where the page is at `/chat/`, does not.
pub fn below(prefix: Option<&str>) -> Cow<'static, [u8]> {
    match prefix.filter(|prefix| is_path(prefix)) {
        Some(prefix) => {
            let prefix = prefix.trim_end_matches('/');
            Cow::Owned(INDEX.replace("\"./", &format!("\"{prefix}/")).into_bytes())
        }
        None => Cow::Borrowed(INDEX.as_bytes()),
    }
}

/// Only what stays on this host and in its attribute: a client can send this header too.
fn is_path(prefix: &str) -> bool {
    let harmless = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~%".contains(&byte);
    prefix.starts_with('/') && !prefix.starts_with("//") && prefix.bytes().all(harmless)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_file_of_the_page_is_served_and_together_they_are_small() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("page");
        let there: BTreeSet<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| format!("/page/{}", entry.unwrap().file_name().into_string().unwrap()))
            .filter(|path| path != "/page/index.html")
            .collect();
        let served: BTreeSet<_> =
            FILES.iter().map(|file| file.path.to_owned()).filter(|path| path != "/").collect();
        assert_eq!(served, there);
        let size: usize = FILES.iter().map(|file| file.bytes.len()).sum();
        assert!(size < 120 << 10, "{size} bytes");
    }

    #[test]
    fn the_pages_addresses_lead_to_its_files_wherever_it_is() {
        for (prefix, before) in [(None, "./"), (Some("/chat"), "/chat/"), (Some("//evil.example"), "./")] {
            let page = String::from_utf8(below(prefix).into_owned()).unwrap();
            let addresses: Vec<_> =
                ["src=\"", "href=\""].iter().flat_map(|name| page.split(name).skip(1)).collect();
            assert!(addresses.len() > 8);
            for address in addresses.into_iter().map(|rest| rest.split('"').next().unwrap()) {
                let path = address.strip_prefix(before).map(|path| format!("/{path}"));
                let leads =
                    |path: &str| FILES.iter().any(|file| file.path == path) || path == "/openapi.json";
                assert!(address == "#message" || path.is_some_and(|path| leads(&path)), "{address}");
            }
        }
    }

    #[test]
    fn nothing_is_inline() {
        for inline in ["style=", "<style", "onclick=", "onload=", "javascript:", "<script>"] {
            assert!(!INDEX.contains(inline), "{inline}");
        }
    }

    #[test]
    fn a_prefix_that_leads_elsewhere_is_none() {
        assert!(["/rhyme", "/a/b-c", "/"].into_iter().all(is_path));
        for other in ["", "rhyme", "//evil.example", "/\"><script>", "/a b", "/a\\b", "https://evil.example"]
        {
            assert!(!is_path(other), "{other}");
        }
    }
}

//! Paths as templates, so that neither logs nor metrics grow with every id that is asked for.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, PoisonError, RwLock},
};

/// Routes that metrics tell apart of each application; every further one is `other`.
const MOST: usize = 64;
/// Segments of a path that a template keeps.
const DEEPEST: usize = 8;
/// Characters that a word in a path has at most; longer ones are ids.
const LONGEST_WORD: usize = 24;

/// The routes that metrics tell apart.
///
/// The host does not know a component's routes, so it learns them from answers that succeeded:
/// made-up paths never become labels.
pub struct Routes {
    /// By application, whose names are bounded by nature.
    known: RwLock<HashMap<Arc<str>, HashSet<Arc<str>>>>,
    other: Arc<str>,
}

impl Routes {
    /// None known yet.
    pub fn new() -> Self {
        Self { known: RwLock::default(), other: "other".into() }
    }

    /// The label for a template of an application; `succeeded` tells that something answers there.
    pub fn label(&self, app: &Arc<str>, template: &str, succeeded: bool) -> Arc<str> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let label = known.get(app).and_then(|routes| routes.get(template)).cloned();
        drop(known);
        label
            .or_else(|| succeeded.then(|| self.learn(app, template)).flatten())
            .unwrap_or_else(|| self.other.clone())
    }

    fn learn(&self, app: &Arc<str>, template: &str) -> Option<Arc<str>> {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let routes = known.entry(app.clone()).or_default();
        (routes.len() < MOST).then(|| {
            let label: Arc<str> = template.into();
            routes.insert(label.clone());
            label
        })
    }
}

impl Default for Routes {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether a route answers turns of a conversation.
pub fn is_turn(template: &str) -> bool {
    ["/chat/text", "/chat/stream", "/chat/completions"].iter().any(|turn| template.ends_with(turn))
}

/// A path with `{id}` in place of everything that does not look like a word of an API.
pub fn template(path: &str) -> String {
    let mut template = String::with_capacity(path.len().min(128));
    for (depth, segment) in path.split('/').skip(1).enumerate() {
        template.push('/');
        if depth == DEEPEST {
            template.push_str("{rest}");
            break;
        }
        template.push_str(if word(segment, depth) { segment } else { "{id}" });
    }
    template
}

/// Lowercase words such as `chat`, versions such as `v1`, and at the top files such as `openapi.json`; further down
/// these are what somebody named after a file.
fn word(segment: &str, depth: usize) -> bool {
    let version = segment.strip_prefix('v').is_some_and(|digits| {
        (1..=2).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit())
    });
    let plain = segment.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'-' | b'_'));
    let plain = plain || depth == 0 && segment.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'.'));
    version || (plain && segment.len() <= LONGEST_WORD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_cut() {
        for (path, expected) in [
            ("/", "/"),
            ("/api/v1/chat/chat/text", "/api/v1/chat/chat/text"),
            ("/api/v1/chat/session/3f0c6a1e-4f8e-4c5a-9a51-d2c6f8f2b8aa", "/api/v1/chat/session/{id}"),
            ("/api/v1/chat/documents/Report%202024", "/api/v1/chat/documents/{id}"),
            ("/api/v1/chat/documents/faq.md", "/api/v1/chat/documents/{id}"),
            ("/openapi.json", "/openapi.json"),
            ("/a/b/c/d/e/f/g/h/i/j", "/a/b/c/d/e/f/g/h/{rest}"),
            ("/averylongwordthatisnotawordofanyapi", "/{id}"),
            ("*", ""),
        ] {
            assert_eq!(template(path), expected, "{path}");
        }
    }

    #[test]
    fn only_routes_that_answered_become_labels() {
        let (routes, app) = (Routes::new(), "chat".into());
        assert_eq!(&*routes.label(&app, "/made-up", false), "other");
        assert_eq!(&*routes.label(&app, "/chat", true), "/chat");
        assert_eq!(&*routes.label(&app, "/chat", false), "/chat");
        assert_eq!(&*routes.label(&"sales".into(), "/chat", false), "other");
    }

    #[test]
    fn labels_are_bounded_for_each_application() {
        let routes = Routes::new();
        for app in ["chat".into(), "sales".into()] {
            let labels: HashSet<_> = (0..1000).map(|n| routes.label(&app, &format!("/{n}"), true)).collect();
            assert_eq!(labels.len(), MOST + 1);
        }
    }
}

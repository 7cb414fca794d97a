//! The operators' page: its files, built in. What it shows and does it asks of this listener, with the token that the
//! operator gives it; the files themselves tell nothing.

/// A file of the page.
pub struct File {
    /// Where it is.
    path: &'static str,
    /// What it is.
    pub media_type: &'static str,
    /// What it says.
    pub text: &'static str,
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// What a browser lets the page do: its own files, this host, and never HTML or code made of a text.
pub const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

const FILES: &[File] = &[
    File { path: "/", media_type: HTML, text: include_str!("page/index.html") },
    File { path: "/page/admin.css", media_type: CSS, text: include_str!("page/admin.css") },
    File { path: "/page/api.js", media_type: JAVASCRIPT, text: include_str!("page/api.js") },
    File { path: "/page/apps.js", media_type: JAVASCRIPT, text: include_str!("page/apps.js") },
    File { path: "/page/dom.js", media_type: JAVASCRIPT, text: include_str!("page/dom.js") },
    File { path: "/page/main.js", media_type: JAVASCRIPT, text: include_str!("page/main.js") },
    File { path: "/page/mark.svg", media_type: SVG, text: include_str!("page/mark.svg") },
    File { path: "/page/metrics.js", media_type: JAVASCRIPT, text: include_str!("page/metrics.js") },
    File { path: "/page/plot.js", media_type: JAVASCRIPT, text: include_str!("page/plot.js") },
];

/// The file at a path.
pub fn find(path: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.path == path)
}

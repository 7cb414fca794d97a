//! Says who was asked for what, and what the host said of the request.

use spin_sdk::http::{IntoResponse, Request, Response};
use spin_sdk::http_component;

/// A simple Spin HTTP component.
#[http_component]
fn handle_other(req: Request) -> anyhow::Result<impl IntoResponse> {
    let route = req.header("spin-matched-route").and_then(|value| value.as_str()).unwrap_or("none");
    let body = String::from_utf8_lossy(req.body());
    Ok(Response::builder()
        .status(200)
        .header("content-type", "text/plain")
        .body(format!("other: {} {} by {route}: {body}", req.method(), req.path()))
        .build())
}

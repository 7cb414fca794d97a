//! Outbound HTTP.

use crate::{Query, one, said};
use serde_json::{Value, json};
use spin_sdk::http::{self, Method, Request, Response};

/// Sends a request on to `?url=…`, its body too.
pub async fn fetch(req: &Request, query: &Query) -> Value {
    let mut request = Request::builder();
    request.method(req.method().clone()).uri(one(query, "url")).header("x-kitchen", "five");
    if *req.method() != Method::Get {
        request.body(req.body().to_vec());
    }
    answer(http::send(request.build()).await)
}

/// Asks the component `?component=…`, or `other`, for `?path=…`.
pub async fn chain(query: &Query) -> Value {
    let component = query.get("component").map_or("other", String::as_str);
    let url = format!("http://{component}.spin.internal/{}", one(query, "path"));
    answer(http::send(Request::post(url, "from the kitchen").build()).await)
}

fn answer(result: Result<Response, http::SendError>) -> Value {
    said(result.map(|response| {
        json!({
            "status": response.status(),
            "x-kitchen": response.header("x-kitchen").and_then(|value| value.as_str()),
            "body": String::from_utf8_lossy(response.body()),
        })
    }))
}

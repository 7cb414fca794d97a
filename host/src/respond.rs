//! What the host itself answers: the only place in it that chooses a status.
//!
//! Clients learn little, the log everything. Answers of applications pass by untouched.

use crate::{
    apps::{Stage, deploy},
    server::{
        admin::{apps, models, page},
        health::Report,
    },
};
use bytes::Bytes;
use corral_telemetry as telemetry;
use corral_wasm::guest;
use http::{
    HeaderValue, Response, StatusCode,
    header::{
        ALLOW, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER, WWW_AUTHENTICATE,
        X_CONTENT_TYPE_OPTIONS,
    },
};
use http_body_util::{BodyExt as _, Full};
use serde_json::json;
use std::{borrow::Cow, time::Duration};

/// When a client may come back while the models load.
const LOADING: Duration = Duration::from_secs(5);
const INTERNAL: &str = "Something went wrong on our side.";

/// Why the host answers, and not an application.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The application could not.
    #[error(transparent)]
    Guest(#[from] guest::Failure),
    /// No application serves this path.
    #[error("no application serves this path")]
    NotFound,
    /// The models are not loaded yet.
    #[error("the host is still loading")]
    Loading,
    /// Neither the URI nor a `Host` header says who is asked.
    #[error("the request names no host")]
    NoHost,
    /// Only these methods.
    #[error("the method is not one of {0}")]
    MethodNotAllowed(&'static str),
    /// The bearer token is missing or another.
    #[error("the bearer token is missing or wrong")]
    Unauthorized,
    /// The request's body is larger than it may be.
    #[error("the request's body is too large")]
    BodyTooLarge,
    /// The request's body did not come in time.
    #[error("the request's body did not come in time")]
    BodyTooSlow,
    /// The request's body broke off or is malformed.
    #[error("the request's body cannot be read")]
    BodyBroken,
    /// No model of that name is in the settings.
    #[error("no such model")]
    NoSuchModel,
    /// Nothing was deployed, and why.
    #[error(transparent)]
    NotDeployed(#[from] deploy::Error),
    /// An operator's request that cannot be understood, and why.
    #[error("{0}")]
    Misunderstood(&'static str),
    /// An operator's wish for a model could not be fulfilled.
    #[error("{0}")]
    ModelNotChanged(String),
    /// The metrics could not be written.
    #[error("the metrics cannot be written")]
    Metrics(#[from] std::fmt::Error),
}

/// How a client expects to be told about errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `{"detail"}`, as FastAPI does.
    Detail,
    /// `{"error": {"message", "type", "param", "code"}}`, as OpenAI does.
    OpenAi,
}

struct Row(StatusCode, &'static str, Cow<'static, str>);

impl Row {
    fn new(status: StatusCode, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self(status, code, message.into())
    }
}

impl Failure {
    /// A fixed word for the log and the metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Guest(failure) => failure.kind(),
            _ => row(self).1,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Guest(guest::Failure::Overloaded { retry_after }) => Some(*retry_after),
            Self::Loading => Some(LOADING),
            Self::Guest(guest::Failure::Retired) => Some(Duration::ZERO),
            _ => None,
        }
    }
}

impl Dialect {
    /// The dialect of the API that a path belongs to.
    pub fn of(path: &str) -> Self {
        if path.starts_with("/v1/") { Self::OpenAi } else { Self::Detail }
    }
}

/// The answer in place of an application's.
pub fn failure(failure: &Failure, dialect: Dialect) -> Response<guest::Body> {
    let Row(status, code, message) = row(failure);
    let body = match dialect {
        Dialect::Detail => json!({ "detail": message }),
        Dialect::OpenAi => {
            json!({ "error": { "message": message, "type": kind(status), "param": null, "code": code } })
        }
    };
    let mut response = json(status, &body);
    if let Some(after) = failure.retry_after() {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds(after)));
    }
    match failure {
        Failure::MethodNotAllowed(allowed) => {
            response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
        }
        Failure::Unauthorized => {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        _ => {}
    }
    response
}

/// The process runs.
pub fn alive() -> Response<guest::Body> {
    json(StatusCode::OK, &json!({ "alive": true }))
}

/// Whether the host can do its work.
pub fn readiness(report: &Report) -> Response<guest::Body> {
    let status = if report.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    json(status, &json!({ "ready": report.ready, "checks": report.checks }))
}

/// The models, for operators.
pub fn models(states: &[models::State]) -> Response<guest::Body> {
    json(StatusCode::OK, &json!({ "models": states }))
}

/// The applications, for operators.
pub fn apps(states: &[apps::State]) -> Response<guest::Body> {
    json(StatusCode::OK, &json!({ "apps": states }))
}

/// A file of the operators' page.
pub fn page(file: &page::File) -> Response<guest::Body> {
    let mut response = response(StatusCode::OK, file.media_type, file.text.to_owned());
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(page::POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// The metrics, as text.
pub fn metrics(text: String) -> Response<guest::Body> {
    response(StatusCode::OK, telemetry::metrics::MEDIA_TYPE, text)
}

fn row(failure: &Failure) -> Row {
    use guest::Failure as Guest;
    match failure {
        Failure::Guest(Guest::Overloaded { .. }) => {
            Row::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "The service is busy. Try again shortly.")
        }
        Failure::Guest(Guest::Retired) => {
            Row::new(StatusCode::SERVICE_UNAVAILABLE, "retired", "The service was replaced. Try again.")
        }
        Failure::Guest(Guest::DeadlinePassed) => {
            Row::new(StatusCode::GATEWAY_TIMEOUT, "timeout", "The answer took too long.")
        }
        Failure::Guest(
            Guest::CpuExceeded
            | Guest::OutOfMemory
            | Guest::Trapped(_)
            | Guest::NoResponse
            | Guest::Refused(_),
        )
        | Failure::Metrics(_) => Row::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", INTERNAL),
        Failure::NotFound | Failure::Guest(Guest::NotFound) => {
            Row::new(StatusCode::NOT_FOUND, "not_found", "Not Found")
        }
        Failure::Loading => Row::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "loading",
            "The service is starting. Try again shortly.",
        ),
        Failure::NoHost => Row::new(StatusCode::BAD_REQUEST, "no_host", "The request names no host."),
        Failure::MethodNotAllowed(_) => {
            Row::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "Method Not Allowed")
        }
        Failure::Unauthorized => {
            Row::new(StatusCode::UNAUTHORIZED, "unauthorized", "A bearer token is needed.")
        }
        Failure::BodyTooLarge => {
            Row::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "The request is too large.")
        }
        Failure::BodyTooSlow => {
            Row::new(StatusCode::REQUEST_TIMEOUT, "too_slow", "The request took too long to arrive.")
        }
        Failure::BodyBroken => {
            Row::new(StatusCode::BAD_REQUEST, "broken_body", "The request's body cannot be read.")
        }
        Failure::NoSuchModel => {
            Row::new(StatusCode::NOT_FOUND, "no_model", "No model of that name is in the settings.")
        }
        Failure::ModelNotChanged(_) => {
            Row::new(StatusCode::CONFLICT, "model", "The model was not changed. The log says why.")
        }
        Failure::NotDeployed(error) => not_deployed(error),
        Failure::Misunderstood(why) => Row::new(StatusCode::UNPROCESSABLE_ENTITY, "misunderstood", *why),
    }
}

/// Operators hear all of it: they have to mend it.
fn not_deployed(error: &deploy::Error) -> Row {
    let (status, code) = match error {
        deploy::Error::NoSuchApp => {
            let message = "No application of that name is in the settings.";
            return Row::new(StatusCode::NOT_FOUND, "no_app", message);
        }
        deploy::Error::Busy => (StatusCode::CONFLICT, "busy"),
        // Not the component's fault.
        deploy::Error::Refused(refusal) if refusal.stage == Stage::Record => {
            (StatusCode::INTERNAL_SERVER_ERROR, "not_recorded")
        }
        deploy::Error::Refused(_) => (StatusCode::UNPROCESSABLE_ENTITY, "not_deployed"),
        deploy::Error::NoSuchGeneration(_) => (StatusCode::NOT_FOUND, "no_generation"),
        deploy::Error::NoCanary => (StatusCode::NOT_FOUND, "no_canary"),
    };
    Row::new(status, code, error.to_string())
}

/// OpenAI's word for whose fault it is.
fn kind(status: StatusCode) -> &'static str {
    if status.is_server_error() { "server_error" } else { "invalid_request_error" }
}

/// Whole seconds, rounded up, at least one.
fn seconds(after: Duration) -> u64 {
    let rounded = if after.subsec_nanos() > 0 { after.as_secs().saturating_add(1) } else { after.as_secs() };
    rounded.max(1)
}

fn json(status: StatusCode, body: &serde_json::Value) -> Response<guest::Body> {
    response(status, "application/json", body.to_string())
}

fn response(status: StatusCode, media_type: &'static str, body: String) -> Response<guest::Body> {
    let body = Full::new(Bytes::from(body)).map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use guest::Failure as Guest;
    use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;

    fn overloaded(milliseconds: u64) -> Failure {
        Guest::Overloaded { retry_after: Duration::from_millis(milliseconds) }.into()
    }

    async fn seen(failure: &Failure, dialect: Dialect) -> (u16, String) {
        let response = super::failure(failure, dialect);
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn every_row() {
        for (failure, status, kind, detail) in [
            (overloaded(1), 503, "overloaded", "The service is busy. Try again shortly."),
            (Guest::DeadlinePassed.into(), 504, "deadline", "The answer took too long."),
            (Guest::CpuExceeded.into(), 500, "cpu", INTERNAL),
            (Guest::OutOfMemory.into(), 500, "memory", INTERNAL),
            (Guest::Trapped(anyhow::anyhow!("secret")).into(), 500, "trap", INTERNAL),
            (Guest::NoResponse.into(), 500, "no_response", INTERNAL),
            (Guest::Refused(ErrorCode::LoopDetected).into(), 500, "refused", INTERNAL),
            (Failure::NotFound, 404, "not_found", "Not Found"),
            (Guest::NotFound.into(), 404, "not_found", "Not Found"),
            (Failure::Loading, 503, "loading", "The service is starting. Try again shortly."),
            (Failure::NoHost, 400, "no_host", "The request names no host."),
            (Failure::MethodNotAllowed("GET"), 405, "method_not_allowed", "Method Not Allowed"),
            (Failure::Unauthorized, 401, "unauthorized", "A bearer token is needed."),
            (Failure::BodyTooLarge, 413, "too_large", "The request is too large."),
            (Failure::BodyTooSlow, 408, "too_slow", "The request took too long to arrive."),
            (Failure::BodyBroken, 400, "broken_body", "The request's body cannot be read."),
            (Guest::Retired.into(), 503, "retired", "The service was replaced. Try again."),
            (
                deploy::Error::NoSuchApp.into(),
                404,
                "no_app",
                "No application of that name is in the settings.",
            ),
            (deploy::Error::Busy.into(), 409, "busy", "another deployment of this application is under way"),
            (deploy::Error::NoSuchGeneration("why".into()).into(), 404, "no_generation", "why"),
            (Failure::Misunderstood("why"), 422, "misunderstood", "why"),
            (Failure::NoSuchModel, 404, "no_model", "No model of that name is in the settings."),
            (
                Failure::ModelNotChanged("secret".into()),
                409,
                "model",
                "The model was not changed. The log says why.",
            ),
            (Failure::Metrics(std::fmt::Error), 500, "internal", INTERNAL),
        ] {
            let body = json!({ "detail": detail }).to_string();
            assert_eq!(seen(&failure, Dialect::Detail).await, (status, body), "{failure:?}");
            assert_eq!(failure.kind(), kind, "{failure:?}");
        }
    }

    #[tokio::test]
    async fn openai_clients_get_their_own_form() {
        assert_eq!(Dialect::of("/v1/chat/completions"), Dialect::OpenAi);
        assert_eq!(Dialect::of("/api/v1/chat/session"), Dialect::Detail);
        let (_, body) = seen(&Guest::DeadlinePassed.into(), Dialect::OpenAi).await;
        let expected = r#"{"error":{"code":"timeout","message":"The answer took too long.","param":null,"type":"server_error"}}"#;
        assert_eq!(body, expected);
        let (_, body) = seen(&Failure::BodyTooLarge, Dialect::OpenAi).await;
        assert!(body.contains(r#""type":"invalid_request_error""#), "{body}");
    }

    #[test]
    fn headers_say_what_to_do_next() {
        let header =
            |failure: &Failure, name| super::failure(failure, Dialect::Detail).headers().get(name).cloned();
        assert_eq!(header(&overloaded(1), RETRY_AFTER).unwrap(), "1");
        assert_eq!(header(&overloaded(0), RETRY_AFTER).unwrap(), "1");
        assert_eq!(header(&overloaded(2_001), RETRY_AFTER).unwrap(), "3");
        assert_eq!(header(&Failure::Loading, RETRY_AFTER).unwrap(), "5");
        assert_eq!(header(&Failure::NotFound, RETRY_AFTER), None);
        assert_eq!(header(&Failure::MethodNotAllowed("GET, HEAD"), ALLOW).unwrap(), "GET, HEAD");
        assert_eq!(header(&Failure::Unauthorized, WWW_AUTHENTICATE).unwrap(), "Bearer");
    }
}

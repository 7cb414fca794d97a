//! Compares with what FastAPI answered to the same requests (`tests/fixtures/fastapi`), and the
//! interface's description with the routes.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::reply::{Dialect, Reply};
use crate::request::Input;
use crate::route::{self, Endpoint, ROUTES};
use crate::{chat, documents, query};

#[derive(Deserialize)]
struct Recorded {
    method: String,
    path: String,
    headers: Headers,
    #[serde(default)]
    body: String,
    body_hex: Option<String>,
    status: u16,
    #[serde(default)]
    answer: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Headers {
    content_type: Option<String>,
    idempotency_key: Option<String>,
}

#[derive(Deserialize)]
struct Record {
    answers: Vec<Recorded>,
}

/// What we understand of a request, or why we refuse it.
fn understand(recorded: &Recorded) -> Result<Value, Failure> {
    let (path, query) = recorded.path.split_once('?').unwrap_or((&recorded.path, ""));
    let body = match &recorded.body_hex {
        Some(hex) => {
            let encoded: String = hex
                .as_bytes()
                .chunks(2)
                .map(|pair| format!("\\x{}", String::from_utf8_lossy(pair)))
                .collect();
            encoded.split("\\x").skip(1).map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
        }
        None => recorded.body.clone().into_bytes(),
    };
    let input = Input {
        content_type: recorded.headers.content_type.clone(),
        idempotency_key: recorded.headers.idempotency_key.clone(),
        body,
        ..Input::default()
    };
    Ok(match route::find(&recorded.method, path)? {
        Endpoint::ReadSession(id) => json!({"session_id": id}),
        Endpoint::AnswerText => chat::Request::read(&input)?.as_understood(),
        Endpoint::StoreDocuments => documents::Request::read(&input)?.as_understood(),
        Endpoint::ListDocuments => json!({"session_id": query::session_id(Some(query))?}),
        Endpoint::ReadDocument(id) => {
            json!({"session_id": query::session_id(Some(query))?, "document_id": id})
        }
        other => panic!("nothing is recorded of {other:?}"),
    })
}

/// Our own way to show what FastAPI understood: each of our models says no more than the gateway
/// goes on with.
fn shown(answer: &Value) -> Value {
    let mut shown = answer.clone();
    if answer.get("message").is_some() {
        let named: Vec<_> = answer["include"].as_array().into_iter().flatten().collect();
        shown["include"] = ["sources", "usage", "trimmed"]
            .map(|name| (name.to_owned(), Value::Bool(named.contains(&&json!(name)))))
            .into_iter()
            .collect();
        shown["stop"] = answer["stop"].as_array().cloned().unwrap_or_default().into();
        for name in ["temperature", "top_p"] {
            shown[name] = json!(answer[name].as_f64().map(|number| format!("{}", number as f32)));
        }
    }
    for document in shown.get_mut("documents").and_then(Value::as_array_mut).into_iter().flatten() {
        *document = match &*document {
            Value::String(text) => json!({"text": text, "id": null, "metadata": {}}),
            object => {
                let text_of = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                let members = object["metadata"].as_object().cloned().unwrap_or_default();
                let metadata: Value =
                    members.iter().map(|(key, value)| (key.clone(), Value::from(text_of(value)))).collect();
                json!({"text": object["text"], "id": object["id"], "metadata": metadata})
            }
        };
    }
    shown
}

#[test]
fn requests_are_understood_and_refused_as_fastapi_does() {
    let record: Record =
        serde_json::from_str(include_str!("../tests/fixtures/fastapi/answers.json")).unwrap();
    assert!(record.answers.len() > 400);
    let mut wrong = Vec::new();
    // The recorded application has no page for people.
    for recorded in record.answers.iter().filter(|recorded| recorded.path != "/") {
        let (status, answer) = match understand(recorded) {
            Ok(understood) => (200, understood),
            Err(failure) => {
                let reply = Reply::refusal(failure, Dialect::Detail);
                (reply.status, serde_json::from_slice(&reply.body).unwrap())
            }
        };
        let expected = if recorded.status == 200 { shown(&recorded.answer) } else { recorded.answer.clone() };
        if status != recorded.status || (answer != expected && recorded.method != "HEAD") {
            let Recorded { method, path, body, status: theirs, .. } = recorded;
            wrong.push(format!(
                "{method} {path} {body}\n  ours   {status} {answer}\n  theirs {theirs} {expected}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_description_has_every_route_and_no_other() {
    let document: Value = serde_json::from_str(include_str!("../openapi.json")).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    let described: BTreeSet<_> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            item.as_object().unwrap().keys().map(move |method| (path.clone(), method.to_uppercase()))
        })
        .collect();
    let served: BTreeSet<_> = ROUTES
        .iter()
        .flat_map(|route| {
            // The description has no word for a parameter of several segments.
            let path = route.path.replace("{*", "{");
            route.methods.iter().map(move |(method, _)| (path.clone(), (*method).to_owned()))
        })
        .collect();
    assert_eq!(described, served);
}

#[test]
fn every_reference_in_the_description_leads_somewhere() {
    fn references<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str));
                members.values().for_each(|member| references(member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let document: Value = serde_json::from_str(include_str!("../openapi.json")).unwrap();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 20);
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

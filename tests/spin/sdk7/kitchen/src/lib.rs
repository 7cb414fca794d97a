//! Uses what Spin offers, one thing a path, and says in JSON what came of it. On WASI 0.3.

use anyhow::Result;
use futures::SinkExt;
use serde_json::{Value, json};
use spin_sdk::{
    http::{self, BoxBody, FullBody, IntoResponse, Request, Response, body, body::IncomingBodyExt, box_body},
    http_service,
    key_value::{self, Store},
    llm::{self, EmbeddingModel, InferencingModel, InferencingParams},
    redis, sqlite, time, variables,
};
use std::{collections::BTreeMap, fmt::Debug, time::Duration};

const PAUSE: Duration = Duration::from_millis(150);

/// The parameters of a query.
type Query = BTreeMap<String, String>;

#[http_service]
async fn handle_kitchen(req: Request) -> impl IntoResponse {
    let parameters = form_urlencoded::parse(req.uri().query().unwrap_or_default().as_bytes());
    let query: Query = parameters.into_owned().collect();
    let path = text(&req, "spin-path-info").trim_matches('/').to_owned();
    let answer = match path.as_str() {
        "stream" => return stream(),
        "key-value" => key_value(&query).await,
        "sqlite" => in_database().await,
        "redis" => in_redis(&query).await,
        "variables" => said(variables::get(one(&query, "name")).await),
        "llm" => infer(&query),
        "embeddings" => embed(&query),
        "fetch" => fetch(one(&query, "url"), req).await,
        "chain" => {
            answered(http::get(format!("http://other.spin.internal/{}", one(&query, "path"))).await).await
        }
        _ => echo(req).await,
    };
    let body = box_body(FullBody::new(bytes::Bytes::from(answer.to_string())));
    let mut response = Response::new(body);
    response.headers_mut().insert("content-type", http::HeaderValue::from_static("application/json"));
    response
}

/// Five lines, with a pause before each but the first.
fn stream() -> Response<BoxBody> {
    let (mut lines, body) = body::stream::<String>();
    spin_sdk::wasip3::spawn(async move {
        for number in 0..5 {
            if number > 0 {
                time::sleep(PAUSE).await;
            }
            // A client that has left ends it.
            if lines.send(format!("line {number}\n")).await.is_err() {
                return;
            }
        }
    });
    Response::new(box_body(body))
}

async fn echo(req: Request) -> Value {
    let headers: BTreeMap<_, _> = req
        .headers()
        .keys()
        .map(|name| (name.as_str().to_owned(), text(&req, name.as_str()).to_owned()))
        .collect();
    json!({
        "method": req.method().as_str(),
        "path": req.uri().path(),
        "query": req.uri().query().unwrap_or_default(),
        "headers": headers,
        "body": req.into_body().bytes().await.map(|body| String::from_utf8_lossy(&body).into_owned()).unwrap_or_default(),
    })
}

/// `?do=set&key=…&value=…`, `get`, `exists`, `delete` or `keys`, of `?store=…` or the default one.
async fn key_value(query: &Query) -> Value {
    let store = match query.get("store") {
        Some(name) => Store::open(name).await,
        None => Store::open_default().await,
    };
    match store {
        Ok(store) => said(in_store(&store, query).await),
        Err(error) => said(Err::<Value, _>(error)),
    }
}

async fn in_store(store: &Store, query: &Query) -> Result<Value, key_value::Error> {
    let key = one(query, "key");
    Ok(match one(query, "do") {
        "set" => {
            store.set(key, one(query, "value")).await?;
            json!("set")
        }
        "get" => json!(store.get(key).await?.map(|value| String::from_utf8_lossy(&value).into_owned())),
        "exists" => json!(store.exists(key).await?),
        "delete" => {
            store.delete(key).await?;
            json!("deleted")
        }
        _ => {
            // A stream of them, and then whether that was all.
            let mut stream = store.get_keys().await;
            let mut keys = Vec::new();
            while let Some(key) = stream.next().await {
                keys.push(key);
            }
            stream.result().await?;
            keys.sort();
            json!(keys)
        }
    })
}

/// Writes a row, and reads it by its stream.
async fn in_database() -> Value {
    said(rows().await)
}

async fn rows() -> Result<Value, sqlite::Error> {
    let database = sqlite::Connection::open_default().await?;
    database.execute("CREATE TABLE IF NOT EXISTS birds (name TEXT, wings INTEGER)", []).await?;
    database.execute("DELETE FROM birds", []).await?;
    let values = [sqlite::Value::Text("ada".to_owned()), sqlite::Value::Integer(2)];
    database.execute("INSERT INTO birds VALUES (?, ?)", values).await?;
    let mut result = database.execute("SELECT name, wings FROM birds", []).await?;
    let columns = result.columns().to_vec();
    let mut names = Vec::new();
    while let Some(row) = result.next().await {
        names.push(row.get::<&str>(0).map(str::to_owned));
    }
    result.result().await?;
    Ok(json!({ "columns": columns, "names": names }))
}

async fn in_redis(query: &Query) -> Value {
    let key = format!("{}value", one(query, "prefix"));
    let result = async {
        let redis = redis::Connection::open(one(query, "address")).await?;
        redis.set(&key, "Eureka!").await?;
        let got = redis.get(&key).await?.map(|value| String::from_utf8_lossy(&value).into_owned());
        let deleted = redis.del([&key]).await?;
        Ok::<_, redis::Error>(json!({ "got": got, "deleted": deleted }))
    };
    said(result.await)
}

/// A greedy answer of eight tokens.
fn infer(query: &Query) -> Value {
    let model = InferencingModel::Other(query.get("model").map_or("llama2-chat", String::as_str));
    let greedy = InferencingParams { max_tokens: 8, temperature: 0.0, ..Default::default() };
    said(llm::infer_with_options(model, one(query, "prompt"), greedy).map(|result| {
        json!({
            "text": result.text,
            "prompt_tokens": result.usage.prompt_token_count,
            "generated_tokens": result.usage.generated_token_count,
        })
    }))
}

fn embed(query: &Query) -> Value {
    let texts: Vec<_> = one(query, "texts").split('|').map(str::to_owned).collect();
    let result = llm::generate_embeddings(EmbeddingModel::AllMiniLmL6V2, &texts);
    said(result.map(|result| json!({ "embeddings": result.embeddings })))
}

/// Sends a request's body on.
async fn fetch(url: &str, req: Request) -> Value {
    let result = match req.method().as_str() {
        "POST" => match req.into_body().bytes().await {
            Ok(body) => http::post(url, body).await,
            Err(error) => Err(error),
        },
        _ => http::get(url).await,
    };
    answered(result).await
}

async fn answered<E: Debug>(result: Result<Response, E>) -> Value {
    match result {
        Ok(response) => {
            let status = response.status().as_u16();
            let body = response.into_body().bytes().await.unwrap_or_default();
            json!({ "status": status, "body": String::from_utf8_lossy(&body) })
        }
        Err(error) => said(Err::<Value, _>(error)),
    }
}

/// A value as it is, or the variant of the error.
fn said<E: Debug>(result: Result<impl Into<Value>, E>) -> Value {
    match result {
        Ok(value) => value.into(),
        Err(error) => json!({ "error": format!("{error:?}") }),
    }
}

/// A parameter, or nothing.
fn one<'q>(query: &'q Query, name: &str) -> &'q str {
    query.get(name).map(String::as_str).unwrap_or_default()
}

fn text<'r>(req: &'r Request, header: &str) -> &'r str {
    req.headers().get(header).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

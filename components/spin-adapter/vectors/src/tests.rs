//! A server that fails, loses a collection, and says things that are none.

use super::*;
use corral_spin_platform::http::{Lost, Piece};
use corral_spin_testing::http::{Prepared, Scripted};

fn json(body: &str) -> Result<Prepared, Lost> {
    Ok(Prepared::json(200, body))
}

fn opened(id: &str) -> [Result<Prepared, Lost>; 2] {
    let collection = format!(
        r#"{{"id":"{id}","dimension":2,"metadata":{{"corral:model":"compass","corral:dimensions":2}},"configuration_json":{{"hnsw":{{"space":"cosine"}}}}}}"#
    );
    [json(r#"{"max_batch_size":100}"#), json(&collection)]
}

fn vectors(answers: Vec<Result<Prepared, Lost>>) -> (Vectors, Arc<Scripted>) {
    let http = Scripted::new(answers);
    let settings = Settings {
        url: "http://chroma.example:8000/".into(),
        tenant: "a b".into(),
        database: "d/e".into(),
        collection: "chat_documents".into(),
        token: Some("secret".into()),
        token_header: "Authorization".into(),
    };
    let model = Model { name: "compass".into(), dimensions: 2 };
    (Vectors::new(http.clone(), &settings, model).unwrap(), http)
}

#[test]
fn a_collection_is_found_once_and_again_when_its_id_is_gone() {
    let mut answers: Vec<_> = opened("old").into();
    answers.extend([json(r#"{"ids":["s/a"]}"#), Ok(Prepared::json(404, "{}"))]);
    answers.extend(opened("new"));
    answers.push(json(r#"{"ids":["s/a","s/b"]}"#));
    let (vectors, http) = vectors(answers);
    assert_eq!((vectors.count("s").unwrap(), vectors.count("s").unwrap()), (1, 2));
    let asked = http.asked();
    let base = "http://chroma.example:8000/api/v2/tenants/a%20b/databases/d%2Fe/collections";
    assert_eq!(asked[1].url, format!("{base}/chat_documents"));
    let gets: Vec<_> =
        asked.iter().filter(|asked| asked.url.ends_with("/get")).map(|asked| &asked.url).collect();
    assert_eq!(gets, [&format!("{base}/old/get"), &format!("{base}/old/get"), &format!("{base}/new/get")]);
    assert!(
        asked.iter().all(|asked| asked.headers.contains(&("authorization".into(), "Bearer secret".into())))
    );
}

#[test]
fn an_answer_is_read_in_whatever_pieces_it_comes() {
    let body = r#"{"ids":["s/a","s/é"]}"#;
    for size in 1..body.len() {
        let pieces = body.as_bytes().chunks(size).map(<[u8]>::to_vec).collect();
        let mut answers: Vec<_> = opened("id").into();
        answers.push(Ok(Prepared::new(200, "application/json", pieces)));
        assert_eq!(vectors(answers).0.count("s").unwrap(), 2, "in pieces of {size}");
    }
}

#[test]
fn what_passes_is_tried_again_and_what_does_not_is_unavailable() {
    let mut answers: Vec<_> = opened("id").into();
    answers.extend([Err(Lost::Broken("reset".into())), Ok(Prepared::json(503, "{}")), json(r#"{"ids":[]}"#)]);
    assert_eq!(vectors(answers).0.count("s").unwrap(), 0);
    let broken = || Ok(Prepared::json(200, "{\"ids\":[\"what a person typed"));
    for answer in [
        broken(),
        Ok(Prepared::json(400, r#"{"error":"InvalidArgumentError","message":"what a person typed"}"#)),
        Ok(Prepared::new(200, "application/json", vec![b"{\"ids\":[".to_vec()]).then(Ok(Piece::Nothing))),
        Err(Lost::Timeout),
    ] {
        let mut answers: Vec<_> = opened("id").into();
        answers.push(answer);
        match vectors(answers).0.count("s") {
            Err(Error::Unavailable(cause)) => assert!(!cause.contains("person"), "{cause}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn what_one_request_does_not_hold_is_sent_in_several() {
    let mut answers: Vec<_> = opened("id").into();
    let nothing_old = || json(r#"{"ids":[],"metadatas":[],"documents":null,"embeddings":null}"#);
    answers.extend([nothing_old(), json("{}"), nothing_old(), json("{}")]);
    let (vectors, http) = vectors(answers);
    let item = |number: usize| Item {
        id: number.to_string(),
        text: "x".into(),
        embedding: vec![3.0, 4.0],
        metadata: vec![],
    };
    vectors.upsert("s", (0..150).map(item).collect()).unwrap();
    let asked = http.asked();
    let upserts: Vec<_> = asked.iter().filter(|asked| asked.url.ends_with("/upsert")).collect();
    let sent: Vec<_> = upserts.iter().map(|asked| asked.body.matches("[0.6,0.8]").count()).collect();
    assert_eq!(sent, [100, 50]);
    assert!(
        upserts[0].body.contains(r#""ids":["s/0","s/1""#) && upserts[0].body.contains(r#""chat_id":"s""#)
    );
}

#[test]
fn an_id_that_is_none_becomes_no_part_of_an_address() {
    for id in ["", "../../other", "a?b"] {
        assert!(matches!(vectors(opened(id).into()).0.count("s"), Err(Error::Unavailable(_))), "{id}");
    }
}

#[test]
fn arguments_are_checked_before_anybody_is_asked() {
    let (vectors, http) = vectors(vec![]);
    let item = Item { id: "a".into(), text: String::new(), embedding: vec![1.0], metadata: vec![] };
    assert!(matches!(vectors.upsert("s", vec![item]), Err(Error::DimensionMismatch { given: 1, stored: 2 })));
    assert!(matches!(vectors.count(""), Err(Error::InvalidArgument(_))));
    let reserved = Entry { key: "chat_id".into(), value: "other".into() };
    assert!(matches!(vectors.delete("s", &reserved), Err(Error::InvalidArgument(_))));
    assert!(matches!(vectors.query("s", &[1.0, f32::NAN], 1), Err(Error::InvalidArgument(_))));
    assert!(http.asked().is_empty());
}

#[test]
fn an_address_that_is_none_is_refused_and_not_repeated() {
    for url in ["chroma:8000", "http://user:secret@h", "http://h?token=secret"] {
        let settings = Settings {
            url: url.into(),
            tenant: "t".into(),
            database: "d".into(),
            collection: "chat_documents".into(),
            token: None,
            token_header: "x".into(),
        };
        let model = Model { name: "compass".into(), dimensions: 2 };
        let error = Vectors::new(Scripted::new([]), &settings, model).err().unwrap().to_string();
        assert!(error.starts_with("chroma_url: ") && !error.contains("secret"), "{error}");
    }
}

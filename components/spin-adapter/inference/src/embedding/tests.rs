//! Vectors of engines with stock Spin's ways, and of servers that refuse what is too long.

use super::*;
use corral_spin_platform::{http::Lost, llm};
use corral_spin_testing::{
    http::{Prepared, Scripted as Server},
    llm::Scripted,
};
use std::sync::Arc;

fn model() -> Model {
    Model { name: "minilm".into(), dimensions: 3, max_tokens: 8 }
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

fn server(answers: Vec<Result<Prepared, Lost>>) -> (Remote, Arc<Server>) {
    let server = Server::new(answers);
    let address = crate::remote::Address::parse("http://corral.example:3000").unwrap();
    (Remote::new(server.clone(), address, Some("secret"), model()), server)
}

fn vectors(vectors: &[[f32; 3]]) -> Result<Prepared, Lost> {
    let data = vectors.iter().enumerate().rev();
    let data = data.map(|(index, values)| format!(r#"{{"index":{index},"embedding":{values:?}}}"#));
    Ok(Prepared::json(200, &format!(r#"{{"data":[{}]}}"#, data.collect::<Vec<_>>().join(","))))
}

fn too_long() -> Result<Prepared, Lost> {
    let message =
        "the text has 300 tokens. This model's maximum context length is 256 tokens, its markers included";
    let error = format!(r#"{{"error":{{"message":"{message}","code":"context_length_exceeded"}}}}"#);
    Ok(Prepared::json(400, &error))
}

#[test]
fn a_vector_does_not_change_with_the_texts_beside_it_and_has_length_1() {
    let llm = Arc::new(Scripted::stock("", 0));
    let spin = Spin::new(llm.clone(), model());
    let together = spin.embed(&texts(&["a", "a b c d", "ab"])).unwrap();
    assert_eq!(together.values[..3], spin.embed(&texts(&["a"])).unwrap().values);
    assert_eq!(together.values[6..], spin.embed(&texts(&["ab"])).unwrap().values);
    for vector in together.values.chunks(3) {
        let length: f32 = vector.iter().map(|value| value * value).sum();
        assert!((length - 1.0).abs() < 1e-6, "{vector:?}");
    }
    assert!(llm.embedded().iter().all(|texts| texts.len() == 1));
    assert!(spin.embed(&[]).unwrap().values.is_empty());
}

#[test]
fn a_text_that_spin_did_not_read_to_its_end_is_told() {
    let spin = Spin::new(Arc::new(Scripted::stock("", 0)), model());
    let embeddings = spin.embed(&texts(&["a b", "a b c d e f g h", "a b c d e"])).unwrap();
    assert_eq!(embeddings.truncated, [1]);
}

#[test]
fn what_no_model_takes_is_refused_before_it_is_asked() {
    let llm = Arc::new(Scripted::stock("", 0));
    let spin = Spin::new(llm.clone(), model());
    for bad in [vec![String::new(); 257], vec!["x".repeat((1 << 20) + 1)]] {
        assert!(matches!(spin.embed(&bad), Err(Error::InvalidArgument(_))));
    }
    assert!(matches!(spin.count_tokens(&vec![String::new(); 4097]), Err(Error::InvalidArgument(_))));
    assert!(llm.embedded().is_empty());
    assert_eq!(spin.count_tokens(&texts(&["a heron", ""])).unwrap(), [3, 0]);
}

#[test]
fn vectors_that_are_none_are_not_believed() {
    let wide = Model { dimensions: 4, ..model() };
    let spin = Spin::new(Arc::new(Scripted::stock("", 0)), wide);
    assert!(matches!(spin.embed(&texts(&["a"])), Err(Error::Unavailable(_))));
    let down = Spin::new(Arc::new(Scripted::failing(llm::Error::ModelNotSupported)), model());
    assert!(matches!(down.embed(&texts(&["a"])), Err(Error::Unavailable(_))));
    for answer in
        [vectors(&[[0.0, 0.0, 0.0]]), vectors(&[]), Ok(Prepared::json(200, "{}")), Err(Lost::Timeout)]
    {
        let (remote, _) = server(vec![answer]);
        assert!(matches!(remote.embed(&texts(&["a"])), Err(Error::Unavailable(_))));
    }
}

#[test]
fn a_server_is_asked_for_all_texts_at_once_in_its_protocol() {
    let (remote, server) = server(vec![vectors(&[[3.0, 0.0, 4.0], [0.0, 2.0, 0.0]])]);
    let embeddings = remote.embed(&texts(&["a \"b\"", "c"])).unwrap();
    assert_eq!(embeddings, Embeddings { values: vec![0.6, 0.0, 0.8, 0.0, 1.0, 0.0], truncated: vec![] });
    let asked = &server.asked()[0];
    assert_eq!(asked.url, "http://corral.example:3000/v1/embeddings");
    assert_eq!(asked.body, r#"{"model":"minilm","input":["a \"b\"","c"]}"#);
    assert!(asked.headers.contains(&("authorization".into(), "Bearer secret".into())));
}

#[test]
fn a_text_that_a_server_refuses_for_its_length_is_sent_by_its_beginning() {
    let one = || vectors(&[[1.0, 0.0, 0.0]]);
    let long = "one two three four five six seven eight nine ten";
    let (remote, server) = server(vec![one(), too_long(), too_long(), one(), one()]);
    let embeddings = remote.embed(&texts(&["a", long, "b"])).unwrap();
    assert_eq!(embeddings.truncated, [1]);
    let bodies: Vec<_> = server.asked().into_iter().map(|asked| asked.body).collect();
    assert!(bodies[2].contains("\"one two three four \""), "{}", bodies[2]);
    assert!(bodies[3].contains("\"one two thr\""), "{}", bodies[3]);
}

#[test]
fn a_full_server_says_when_to_come_back() {
    let full = Prepared::json(503, r#"{"error":{"code":"overloaded"}}"#).header("retry-after", "7");
    let (remote, _) = server(vec![Ok(full)]);
    let error = remote.embed(&texts(&["a"])).unwrap_err();
    assert_eq!(error, Error::Overloaded { retry_after: Duration::from_secs(7) });
}

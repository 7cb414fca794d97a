//! Answers over HTTP that follow a script, in whatever pieces.

use corral_spin_platform::http::{Answer, Body, Http, Lost, Method, Piece, Request};
use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// A server that gives prepared answers, one after the other.
#[derive(Default)]
pub struct Scripted {
    answers: Mutex<VecDeque<Result<Prepared, Lost>>>,
    asked: Mutex<Vec<Asked>>,
}

/// A request that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// How.
    pub method: Method,
    /// The whole address.
    pub url: String,
    /// As they were sent.
    pub headers: Vec<(String, String)>,
    /// As text.
    pub body: String,
}

/// An answer to give.
#[derive(Clone)]
pub struct Prepared {
    status: u16,
    headers: Vec<(String, String)>,
    pieces: VecDeque<Result<Piece, Lost>>,
    left: Arc<AtomicBool>,
}

impl Prepared {
    /// JSON.
    pub fn json(status: u16, body: &str) -> Self {
        Self::new(status, "application/json", vec![body.as_bytes().to_vec()])
    }

    /// Events, in these pieces.
    pub fn events(pieces: Vec<Vec<u8>>) -> Self {
        Self::new(200, "text/event-stream; charset=utf-8", pieces)
    }

    /// Any answer.
    pub fn new(status: u16, kind: &str, pieces: Vec<Vec<u8>>) -> Self {
        let pieces = pieces.into_iter().map(|piece| Ok(Piece::Bytes(piece))).collect();
        let headers = vec![("content-type".to_owned(), kind.to_owned())];
        Self { status, headers, pieces, left: Arc::default() }
    }

    /// With this header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With this instead of the end.
    pub fn then(mut self, piece: Result<Piece, Lost>) -> Self {
        self.pieces.push_back(piece);
        self
    }

    /// Becomes true when whoever reads the answer leaves it.
    pub fn left(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.left)
    }
}

impl Scripted {
    /// A server with these answers.
    pub fn new(answers: impl IntoIterator<Item = Result<Prepared, Lost>>) -> Arc<Self> {
        Arc::new(Self { answers: Mutex::new(answers.into_iter().collect()), asked: Mutex::default() })
    }

    /// The requests so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

impl Http for Scripted {
    fn send(&self, request: &Request<'_>, _within: Duration) -> Result<Answer, Lost> {
        let headers = request.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        self.asked.lock().unwrap().push(Asked {
            method: request.method,
            url: request.url.to_owned(),
            headers: headers.collect(),
            body: String::from_utf8(request.body.to_vec()).unwrap(),
        });
        let prepared = self.answers.lock().unwrap().pop_front().expect("one request too many")?;
        let Prepared { status, headers, pieces, left } = prepared;
        Ok(Answer { status, headers, body: Box::new(Pieces { pieces, left }) })
    }
}

struct Pieces {
    pieces: VecDeque<Result<Piece, Lost>>,
    left: Arc<AtomicBool>,
}

impl Body for Pieces {
    fn read(&mut self, _within: Duration) -> Result<Piece, Lost> {
        self.pieces.pop_front().unwrap_or(Ok(Piece::End))
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        self.left.store(true, Ordering::Relaxed);
    }
}

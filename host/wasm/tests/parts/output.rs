//! What a guest prints is bounded, however often it opens its outputs.

use corral_wasm::guest::output::Output;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};
use tokio::io::AsyncWriteExt as _;
use tracing::{Event, Metadata, Subscriber, span};
use wasmtime_wasi::cli::StdoutStream as _;

/// Counts lines of the log.
#[derive(Clone, Default)]
struct Log(Arc<AtomicUsize>);

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        if event.metadata().target().starts_with("corral") {
            self.0.fetch_add(1, Relaxed);
        }
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// Opens an output, prints, and closes it.
async fn print(output: &Output, text: &str) {
    Box::into_pin(output.async_stream()).write_all(text.as_bytes()).await.unwrap();
}

#[tokio::test]
async fn outputs_that_are_opened_again_and_again_are_cut_as_one() {
    let log = Log::default();
    let _logging = tracing::subscriber::set_default(log.clone());
    let (stdout, stderr) = Output::both();
    for _ in 0..10_000 {
        print(&stdout, "x\n").await;
        print(&stderr, "x\n").await;
    }
    // Two bytes a line, and one that says that it is too much.
    assert_eq!(log.0.load(Relaxed), (16 << 10) / 2 + 1);
}

#[tokio::test]
async fn a_line_goes_on_where_its_output_is_opened_again() {
    let log = Log::default();
    let _logging = tracing::subscriber::set_default(log.clone());
    let (stdout, stderr) = Output::both();
    for part in ["one ", "line", "\n"] {
        print(&stdout, part).await;
    }
    print(&stderr, "another").await;
    drop((stdout, stderr));
    assert_eq!(log.0.load(Relaxed), 2);
}

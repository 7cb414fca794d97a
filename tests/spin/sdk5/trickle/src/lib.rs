//! Five lines, with a pause before each but the first.

use futures::SinkExt;
use spin_sdk::http::{Fields, IncomingRequest, OutgoingResponse, ResponseOutparam};
use spin_sdk::http_component;
use std::{thread, time::Duration};

const PAUSE: Duration = Duration::from_millis(150);

/// Sends a streaming response.
#[http_component]
async fn handle_trickle(_req: IncomingRequest, response_out: ResponseOutparam) {
    let headers = Fields::from_list(&[("content-type".to_owned(), b"text/plain".to_vec())]).unwrap();
    let response = OutgoingResponse::new(headers);
    response.set_status_code(200).unwrap();
    let mut body = response.take_body();
    response_out.set(response);
    for number in 0..5 {
        if number > 0 {
            thread::sleep(PAUSE);
        }
        // A client that has left ends it.
        if body.send(format!("line {number}\n").into_bytes()).await.is_err() {
            return;
        }
    }
}

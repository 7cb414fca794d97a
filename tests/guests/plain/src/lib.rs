//! A component that answers HTTP by itself: it knows nothing of Corral.

#[expect(unsafe_code, reason = "generated")]
mod bindings {
    wit_bindgen::generate!({
        path: [
            "../../../wit/deps/io", "../../../wit/deps/clocks", "../../../wit/deps/random",
            "../../../wit/deps/filesystem", "../../../wit/deps/sockets", "../../../wit/deps/cli",
            "../../../wit/deps/http",
        ],
        inline: "
            package tests:plain;

            world plain {
                export wasi:http/incoming-handler@0.2.6;
            }
        ",
        world: "tests:plain/plain",
        generate_all,
    });

    use super::Plain;
    export!(Plain);
}

use bindings::{
    exports::wasi::http::incoming_handler::Guest,
    wasi::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam},
};

struct Plain;

impl Guest for Plain {
    fn handle(request: IncomingRequest, outparam: ResponseOutparam) {
        let text = format!("{} as ever\n", request.path_with_query().unwrap_or_default());
        let response = OutgoingResponse::new(Fields::new());
        let body = response.body();
        ResponseOutparam::set(outparam, Ok(response));
        let Ok(body) = body else { return };
        // A client that has left is no concern here.
        let written =
            body.write().and_then(|stream| stream.blocking_write_and_flush(text.as_bytes()).map_err(drop));
        if written.is_ok() {
            drop(OutgoingBody::finish(body, None));
        }
    }
}

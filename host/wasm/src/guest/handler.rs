//! A component's way to answer: `wasi:http/incoming-handler@0.2`, or `wasi:http/handler@0.3`, which is experimental.

use super::{State, body};
use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use std::{
    pin::Pin,
    task::{Context, Poll},
};
use tokio::sync::oneshot;
use wasmtime::{Store, component::InstancePre};
use wasmtime_wasi_http::{
    WasiHttpView,
    p2::{
        self,
        bindings::http::types::{ErrorCode, Scheme},
        body::HyperOutgoingBody,
    },
    p3,
};

/// Where the head of the answer goes.
pub(super) type Head = oneshot::Sender<Result<Response<HyperOutgoingBody>, ErrorCode>>;

/// A pre-linked component.
#[derive(Clone)]
pub enum Handler {
    /// With WASI 0.2.
    Wasi02(p2::bindings::ProxyPre<State>),
    /// With WASI 0.3.
    Wasi03(p3::bindings::ServicePre<State>),
}

impl Handler {
    /// As the component's exports say.
    ///
    /// # Errors
    /// When it exports neither.
    pub fn new(pre: InstancePre<State>) -> wasmtime::Result<Self> {
        let concurrent = |name: &str| name.starts_with("wasi:http/handler@0.3");
        let component = pre.component().clone();
        let exports = component.component_type();
        let exports_it = exports.exports(pre.engine()).any(|(name, _)| concurrent(name));
        Ok(match exports_it {
            true => Self::Wasi03(p3::bindings::ServicePre::new(pre)?),
            false => Self::Wasi02(p2::bindings::ProxyPre::new(pre)?),
        })
    }

    pub(super) fn engine(&self) -> &wasmtime::Engine {
        match self {
            Self::Wasi02(proxy) => proxy.engine(),
            Self::Wasi03(service) => service.engine(),
        }
    }

    /// Runs a fresh instance until it has answered, and done what it does afterwards.
    pub(super) async fn handle(
        &self,
        store: &mut Store<State>,
        request: Request<body::Incoming>,
        head: Head,
    ) -> wasmtime::Result<()> {
        match self {
            Self::Wasi02(proxy) => {
                let request = store.data_mut().http().new_incoming_request(Scheme::Http, request)?;
                let outparam = store.data_mut().http().new_response_outparam(head)?;
                let proxy = proxy.instantiate_async(&mut *store).await?;
                proxy.wasi_http_incoming_handler().call_handle(store, request, outparam).await
            }
            Self::Wasi03(service) => {
                let service = service.instantiate_async(&mut *store).await?;
                concurrent(&service, store, request, head).await
            }
        }
    }
}

async fn concurrent(
    service: &p3::bindings::Service,
    store: &mut Store<State>,
    request: Request<body::Incoming>,
    head: Head,
) -> wasmtime::Result<()> {
    let (request, sent) = p3::Request::from_http(store.data_mut().http().hooks, request);
    let run = async |accessor: &wasmtime::component::Accessor<State>| {
        let response = match service.handle(accessor, request).await? {
            Ok(response) => response,
            Err(code) => {
                // Whoever asked may have left.
                tracing::warn!(?code, "the component answered with an error of wasi:http");
                drop(head.send(Err(ErrorCode::InternalError(Some(code.to_string())))));
                return Ok(());
            }
        };
        let response = accessor.with(|store| response.into_http(store, sent))?;
        let (ended, end) = oneshot::channel();
        let response = response.map(|body| Followed { body, _ended: ended }.boxed_unsync());
        drop(head.send(Ok(response)));
        // The guest writes the body while this waits.
        drop(end.await);
        Ok(())
    };
    store.run_concurrent(run).await?
}

/// A body that says when it is dropped, be it at its end or before.
struct Followed<B> {
    body: B,
    _ended: oneshot::Sender<()>,
}

impl<B: Body<Data = Bytes> + Unpin> Body for Followed<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

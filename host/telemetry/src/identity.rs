//! What names a request on both sides: its id, and the trace that it is part of.

use super::trace::{TRACEPARENT, TRACESTATE, Trace};
use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// The header that carries the id, on the request, to the guest and on the response.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id that is taken from a client.
const LONGEST: usize = 128;

/// The names of one request.
#[derive(Debug, Clone)]
pub struct Identity {
    id: String,
    trace: Option<Trace>,
}

impl Identity {
    /// What the client calls its request, as far as that is well formed; else a fresh id.
    pub fn of(headers: &HeaderMap) -> Self {
        let id = only(headers, REQUEST_ID.as_str()).filter(|id| acceptable(id)).map(str::to_owned);
        let trace = only(headers, TRACEPARENT).and_then(Trace::parse);
        Self { id: id.unwrap_or_else(|| Uuid::new_v4().to_string()), trace }
    }

    /// The request's id: 1 to 128 visible ASCII characters.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The trace's id, if the client told one.
    pub fn trace_id(&self) -> Option<&str> {
        self.trace.as_ref().map(Trace::id)
    }

    /// The id as a header.
    pub fn header(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(&self.id).ok()
    }

    /// Makes a request's headers tell the same names to the guest.
    pub fn hand_on(&self, headers: &mut HeaderMap) {
        if let Some(id) = self.header() {
            headers.insert(REQUEST_ID, id);
        }
        let parent = self.trace.as_ref().and_then(|trace| HeaderValue::from_str(&trace.child()).ok());
        if let Some(parent) = parent {
            headers.insert(TRACEPARENT, parent);
        } else {
            headers.remove(TRACEPARENT);
            headers.remove(TRACESTATE);
        }
    }
}

fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    values.next().is_none().then(|| value.to_str().ok()).flatten()
}

fn acceptable(id: &str) -> bool {
    (1..=LONGEST).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn a_well_formed_id_is_kept() {
        let longest = "x".repeat(128);
        for id in ["a", "job-7/retry#2", longest.as_str()] {
            assert_eq!(Identity::of(&headers(&[("x-request-id", id)])).id(), id);
        }
    }

    #[test]
    fn any_other_is_replaced() {
        let long = "x".repeat(129);
        for given in
            [&[][..], &[("x-request-id", "")], &[("x-request-id", "a b")], &[("x-request-id", &long)]]
        {
            let identity = Identity::of(&headers(given));
            assert!(Uuid::parse_str(identity.id()).is_ok(), "{given:?}");
        }
        let twice = Identity::of(&headers(&[("x-request-id", "a"), ("x-request-id", "b")]));
        assert!(Uuid::parse_str(twice.id()).is_ok());
    }

    #[test]
    fn the_guest_hears_the_same_names() {
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let mut map = headers(&[("traceparent", parent), ("tracestate", "a=1")]);
        let identity = Identity::of(&map);
        identity.hand_on(&mut map);
        assert_eq!(map[REQUEST_ID], identity.id());
        assert!(map[TRACEPARENT].to_str().unwrap().contains(identity.trace_id().unwrap()));
        assert_ne!(map[TRACEPARENT], parent);
        assert_eq!(map[TRACESTATE], "a=1");
    }

    #[test]
    fn a_broken_trace_is_not_handed_on() {
        let mut map = headers(&[("traceparent", "00-broken"), ("tracestate", "a=1")]);
        Identity::of(&map).hand_on(&mut map);
        assert!(!map.contains_key(TRACEPARENT) && !map.contains_key(TRACESTATE));
    }
}

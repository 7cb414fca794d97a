//! The W3C trace context: whose larger story a request is part of.

use uuid::Uuid;

/// The header's name.
pub const TRACEPARENT: &str = "traceparent";
/// The header that travels with it, meaningless without.
pub const TRACESTATE: &str = "tracestate";

/// A valid `traceparent`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    id: String,
    flags: u8,
}

impl Trace {
    /// What a `traceparent` header says, or nothing if it is not valid.
    pub fn parse(header: &str) -> Option<Self> {
        let mut parts = header.split('-');
        let version = hex(parts.next()?, 2)?;
        let id = hex(parts.next()?, 32)?;
        let parent = hex(parts.next()?, 16)?;
        let flags = hex(parts.next()?, 2)?;
        // Only later versions may say more.
        let closed = version != "00" || parts.next().is_none();
        let valid = version != "ff" && !zero(id) && !zero(parent) && closed;
        let flags = u8::from_str_radix(flags, 16).ok()?;
        valid.then(|| Self { id: id.to_owned(), flags })
    }

    /// Names the whole trace: 32 lowercase hexadecimal digits.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The header for whoever is called next, with a fresh span of ours as the parent.
    pub fn child(&self) -> String {
        // The second half of a random uuid is never zero: it carries the variant.
        let (_, span) = Uuid::new_v4().as_u64_pair();
        // Of the flags only `sampled` is ours to hand on.
        format!("00-{}-{span:016x}-{:02x}", self.id, self.flags & 1)
    }
}

fn hex(part: &str, length: usize) -> Option<&str> {
    let lowercase = part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (part.len() == length && lowercase).then_some(part)
}

fn zero(part: &str) -> bool {
    part.bytes().all(|byte| byte == b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn the_trace_goes_on_with_a_span_of_ours() {
        let trace = Trace::parse(VALID).unwrap();
        assert_eq!(trace.id(), "0af7651916cd43dd8448eb211c80319c");
        let child = trace.child();
        let again = Trace::parse(&child).unwrap();
        assert_eq!(again, trace);
        assert!(!child.contains("b7ad6b7169203331"));
    }

    #[test]
    fn what_is_not_valid_is_nothing() {
        for header in [
            "",
            "00",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0g",
        ] {
            assert_eq!(Trace::parse(header), None, "{header:?}");
        }
    }

    #[test]
    fn a_later_version_may_say_more() {
        assert!(Trace::parse(&VALID.replacen("00", "cc", 1)).is_some());
        assert!(Trace::parse(&format!("{}-more", VALID.replacen("00", "cc", 1))).is_some());
    }
}

//! The position of a call in a trace: the `traceparent` header (W3C Trace Context, level 1).

use http::HeaderMap;
use uuid::Uuid;

const HEADER: &str = "traceparent";

/// The position of a call in its trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TraceContext {
    pub(crate) trace: u128,
    /// The caller's span. `None` if the trace begins with this call.
    pub(crate) parent: Option<u64>,
    pub(crate) span: u64,
    /// Whether the spans of the trace are recorded.
    pub(crate) is_sampled: bool,
}

impl TraceContext {
    /// Returns the caller's trace, or a new trace with the id of the request. `sample` is the fraction of new traces
    /// that are recorded, from 0 to 1. `None` if neither the caller nor the server traces the call.
    pub(crate) fn of(headers: &HeaderMap, request: Uuid, sample: Option<f64>) -> Option<Self> {
        let (first, last) = request.as_u64_pair();
        if let Some(parent) = parse(headers) {
            return Some(Self {
                span: last,
                // The caller's decision about sampling applies, even without an exporter.
                ..parent
            });
        }
        let sample = sample?;
        // The first 32 bits of a request's id are random.
        #[expect(clippy::cast_precision_loss, reason = "32 bits fit")]
        let is_sampled = ((first >> 32) as f64) < sample * 4_294_967_296.0;
        Some(Self {
            trace: request.as_u128(),
            parent: None,
            span: last,
            is_sampled,
        })
    }

    /// Returns the header for requests that the call makes.
    pub(crate) fn header(&self) -> String {
        let Self {
            trace,
            span,
            is_sampled,
            ..
        } = self;
        format!("00-{trace:032x}-{span:016x}-0{}", u8::from(*is_sampled))
    }
}

/// Parses the caller's trace. Ignores a malformed or repeated header, as the standard requires.
fn parse(headers: &HeaderMap) -> Option<TraceContext> {
    let mut values = headers.get_all(HEADER).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let value = value.to_str().ok()?;
    let mut parts = value.split('-');
    let (version, trace, parent, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    // Later versions may have more fields.
    let has_known_form = match version {
        "00" => parts.next().is_none(),
        version => hex(version, 2).is_some_and(|version| version != 0xff),
    };
    let trace = hex(trace, 32).filter(|trace| *trace != 0)?;
    let parent = hex(parent, 16).filter(|parent| *parent != 0)?;
    let flags = hex(flags, 2)?;
    has_known_form.then_some(TraceContext {
        trace,
        parent: u64::try_from(parent).ok(),
        span: 0,
        is_sampled: flags & 1 == 1,
    })
}

/// Parses a number of exactly this many lower-case hexadecimal digits.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if text.len() != digits || !text.bytes().all(is_hex) {
        return None;
    }
    u128::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: Uuid = Uuid::from_u128(0x0123_4567_89ab_4cde_8f01_2345_6789_abcd);
    const CALLERS: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn of(values: &[&str], sample: Option<f64>) -> Option<TraceContext> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(HEADER, value.parse().unwrap());
        }
        TraceContext::of(&headers, REQUEST, sample)
    }

    #[test]
    fn a_call_continues_the_trace_of_its_caller() {
        let context = of(&[CALLERS], None).unwrap();
        assert_eq!(context.parent, Some(0xb7ad_6b71_6920_3331));
        assert_eq!(
            context.header(),
            "00-0af7651916cd43dd8448eb211c80319c-8f0123456789abcd-01"
        );
        let unsampled = of(&[&CALLERS.replace("-01", "-00")], Some(1.0)).unwrap();
        assert!(!unsampled.is_sampled);
        let later = of(
            &[&CALLERS.replace("00-0af", "01-0af").replace("-01", "-01-x")],
            None,
        );
        assert!(later.is_some());
    }

    #[test]
    fn a_call_without_a_trace_begins_one_if_traces_are_recorded() {
        assert_eq!(of(&[], None), None);
        let context = of(&[], Some(1.0)).unwrap();
        assert_eq!(
            context.header(),
            "00-0123456789ab4cde8f0123456789abcd-8f0123456789abcd-01"
        );
        assert!(!of(&[], Some(0.0)).unwrap().is_sampled);
    }

    #[test]
    fn other_headers_are_ignored() {
        let upper = CALLERS.to_uppercase();
        let zero_trace = CALLERS.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32));
        let zero_parent = CALLERS.replace("b7ad6b7169203331", &"0".repeat(16));
        let longer = format!("{CALLERS}-x");
        let unknown = CALLERS.replace("00-0af", "ff-0af");
        for values in [
            &[upper.as_str()][..],
            &[&zero_trace],
            &[&zero_parent],
            &[&longer],
            &[&unknown],
            &[CALLERS, CALLERS],
            &["", CALLERS],
            &["00-1-2-01"],
        ] {
            assert_eq!(of(values, None), None, "{values:?}");
        }
    }
}

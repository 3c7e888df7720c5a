//! Parses `Forwarded` (RFC 7239) and `X-Forwarded-For` into addresses, the farthest first. An element without a
//! readable address becomes `None`.

use std::net::{IpAddr, SocketAddr};

use http::header::{FORWARDED, HeaderMap};

/// Returns the addresses of `X-Forwarded-For`. `None` if the header is missing.
pub(super) fn of_x_forwarded_for(headers: &HeaderMap) -> Option<Vec<Option<IpAddr>>> {
    let values = headers.get_all("x-forwarded-for");
    let elements: Vec<_> = values
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(|element| address(str::from_utf8(element).ok()?.trim()))
        .collect();
    (!elements.is_empty()).then_some(elements)
}

/// Returns the addresses of `Forwarded`. `None` if the header is missing.
pub(super) fn of_forwarded(headers: &HeaderMap) -> Option<Vec<Option<IpAddr>>> {
    let mut elements = Vec::new();
    for value in headers.get_all(FORWARDED) {
        let Ok(text) = value.to_str() else {
            elements.push(None);
            continue;
        };
        elements.extend(split_outside_quotes(text, ',').map(node));
    }
    (!elements.is_empty()).then_some(elements)
}

/// Returns the `for` address of one element.
fn node(element: &str) -> Option<IpAddr> {
    let mut nodes = split_outside_quotes(element, ';').filter_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        name.eq_ignore_ascii_case("for").then_some(value)
    });
    match (nodes.next(), nodes.next()) {
        (Some(value), None) => {
            let quoted = value
                .strip_prefix('"')
                .and_then(|value| value.strip_suffix('"'));
            address(quoted.unwrap_or(value))
        }
        _ => None,
    }
}

/// Parses an address with or without a port. An IPv6 address may have brackets.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or(text);
    bare.parse()
        .or_else(|_| text.parse::<SocketAddr>().map(|socket| socket.ip()))
        .ok()
        .map(|address: IpAddr| address.to_canonical())
}

fn split_outside_quotes(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let mut escaped = false;
    text.split(move |character| {
        if escaped {
            escaped = false;
            return false;
        }
        match character {
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        character == separator && !quoted
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn forwarded(text: &'static str) -> Vec<Option<String>> {
        let mut headers = HeaderMap::new();
        headers.insert(FORWARDED, HeaderValue::from_static(text));
        let read = of_forwarded(&headers).unwrap();
        read.into_iter()
            .map(|address| address.map(|address| address.to_string()))
            .collect()
    }

    #[test]
    fn elements_of_forwarded() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            forwarded(
                "for=192.0.2.60;proto=http;by=203.0.113.43, For=\"[2001:db8:cafe::17]:4711\""
            ),
            [some("192.0.2.60"), some("2001:db8:cafe::17")]
        );
        // A quoted comma or semicolon is not a separator.
        assert_eq!(
            forwarded("host=\"a,b;for=6.6.6.6\\\"\";for=192.0.2.1:80"),
            [some("192.0.2.1")]
        );
        assert_eq!(
            forwarded("for=unknown, for=_hidden, proto=http, for=1.1.1.1;for=2.2.2.2"),
            [None, None, None, None]
        );
    }
}

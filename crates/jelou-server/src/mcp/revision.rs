//! Determines the protocol revision of a request, and checks that its head and its body agree.

use http::HeaderMap;
use http::StatusCode;
use serde_json::{Map, Value};

use super::header_values::{decode, single};
use super::message::{JsonRpcError, Request};
use crate::documents::mcp::{LEGACY, MODERN, SUPPORTED};

const VERSION_HEADER: &str = "mcp-protocol-version";
const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Revision {
    Modern,
    Legacy,
}

impl Revision {
    pub(super) fn of(headers: &HeaderMap, request: &Request) -> Result<Self, JsonRpcError> {
        let header = single(headers, VERSION_HEADER)?;
        let meta = request.params.get("_meta").and_then(Value::as_object);
        let Some(version) = meta.and_then(|meta| meta.get(VERSION)) else {
            return match header {
                // The header exists since revision 2025-06-18, and `initialize` does not need it.
                None => Ok(Self::Legacy),
                Some(version) if LEGACY.contains(&version) => Ok(Self::Legacy),
                Some(_) if request.method == "initialize" => Ok(Self::Legacy),
                Some(MODERN) => Err(missing(VERSION)),
                Some(other) => Err(JsonRpcError::unsupported_version(other, &SUPPORTED)),
            };
        };
        let Some(version) = version.as_str() else {
            return Err(missing(VERSION));
        };
        expect("MCP-Protocol-Version", header, version)?;
        if LEGACY.contains(&version) {
            return Ok(Self::Legacy);
        }
        if version != MODERN {
            return Err(JsonRpcError::unsupported_version(version, &SUPPORTED));
        }
        check_capabilities(meta)?;
        expect(
            "Mcp-Method",
            single(headers, "mcp-method")?,
            &request.method,
        )?;
        if request.method == "tools/call"
            && let Some(name) = request.params.get("name").and_then(Value::as_str)
        {
            let header = single(headers, "mcp-name")?.map(decode);
            // A value that cannot be decoded becomes empty, so that it does not match the body.
            let header = header.map(Option::unwrap_or_default);
            expect("Mcp-Name", header.as_deref(), name)?;
        }
        Ok(Self::Modern)
    }
}

fn check_capabilities(meta: Option<&Map<String, Value>>) -> Result<(), JsonRpcError> {
    let declared = meta.and_then(|meta| meta.get(CAPABILITIES));
    if declared.is_some_and(Value::is_object) {
        Ok(())
    } else {
        Err(missing(CAPABILITIES))
    }
}

fn missing(field: &str) -> JsonRpcError {
    JsonRpcError::invalid_params(format!("`_meta` must have `{field}`"))
        .with_status(StatusCode::BAD_REQUEST)
}

fn expect(name: &str, header: Option<&str>, body: &str) -> Result<(), JsonRpcError> {
    match header {
        Some(header) if header == body => Ok(()),
        Some(header) => Err(JsonRpcError::header_mismatch(format!(
            "Header mismatch: {name} is '{header}', and the body says '{body}'"
        ))),
        None => Err(JsonRpcError::header_mismatch(format!(
            "Header mismatch: {name} is missing, and the body says '{body}'"
        ))),
    }
}

/// Refuses a notification with an unknown version. No header is required.
pub(super) fn check_notification(headers: &HeaderMap) -> Result<(), JsonRpcError> {
    match single(headers, VERSION_HEADER)? {
        Some(version) if !SUPPORTED.contains(&version) => {
            Err(JsonRpcError::unsupported_version(version, &SUPPORTED))
        }
        _ => Ok(()),
    }
}

/// Returns the version for `initialize`: the client's version if it is supported, otherwise the latest one that has
/// `initialize`.
pub(super) fn negotiate(request: &Request) -> Result<&'static str, JsonRpcError> {
    let Some(wanted) = request
        .params
        .get("protocolVersion")
        .and_then(Value::as_str)
    else {
        return Err(JsonRpcError::invalid_params(
            "`protocolVersion` must be a string",
        ));
    };
    let known = LEGACY.into_iter().find(|version| *version == wanted);
    Ok(known.unwrap_or(LEGACY[0]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn revision(
        headers: &[(&'static str, &'static str)],
        method: &str,
        params: Value,
    ) -> Result<Revision, String> {
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).parse().unwrap(), value.parse().unwrap()))
            .collect();
        let Value::Object(params) = params else {
            panic!("params are an object");
        };
        let request = Request {
            id: json!(1),
            method: method.to_owned(),
            params,
        };
        Revision::of(&headers, &request).map_err(|refusal| format!("{refusal:?}"))
    }

    fn meta(version: &str) -> Value {
        json!({ VERSION: version, CAPABILITIES: {} })
    }

    #[test]
    fn a_request_without_a_version_is_of_the_old_era() {
        let legacy = |headers: &[_]| revision(headers, "tools/list", json!({}));
        assert_eq!(legacy(&[]), Ok(Revision::Legacy));
        for version in LEGACY {
            assert_eq!(legacy(&[(VERSION_HEADER, version)]), Ok(Revision::Legacy));
        }
        let modern = legacy(&[(VERSION_HEADER, MODERN)]).unwrap_err();
        assert!(modern.contains("-32602"), "{modern}");
        let unknown = legacy(&[(VERSION_HEADER, "2024-11-05")]).unwrap_err();
        assert!(unknown.contains("-32022"), "{unknown}");
        let handshake = revision(&[(VERSION_HEADER, MODERN)], "initialize", json!({}));
        assert_eq!(handshake, Ok(Revision::Legacy));
    }

    #[test]
    fn head_and_body_must_agree() {
        let version = (VERSION_HEADER, MODERN);
        let method = ("mcp-method", "tools/call");
        let call = |headers: &[_]| {
            let params = json!({ "_meta": meta(MODERN), "name": "añadir" });
            revision(headers, "tools/call", params)
        };
        let name = ("mcp-name", "=?base64?YcOxYWRpcg==?=");
        assert_eq!(call(&[version, method, name]), Ok(Revision::Modern));
        for wrong in [
            &[method, name] as &[_],
            &[version, name],
            &[version, method],
            &[version, method, ("mcp-name", "other")],
            &[version, method, name, name],
            &[version, ("mcp-method", "TOOLS/CALL"), name],
            &[(VERSION_HEADER, LEGACY[0]), method, name],
        ] {
            let refusal = call(wrong).unwrap_err();
            assert!(refusal.contains("-32020"), "{wrong:?}: {refusal}");
        }
    }

    #[test]
    fn the_new_era_says_all_in_each_request() {
        let discover = |meta: Value| {
            let headers = [(VERSION_HEADER, MODERN), ("mcp-method", "server/discover")];
            revision(&headers, "server/discover", json!({ "_meta": meta }))
        };
        assert_eq!(discover(meta(MODERN)), Ok(Revision::Modern));
        for incomplete in [
            json!({}),
            json!({ VERSION: MODERN }),
            json!({ CAPABILITIES: {} }),
        ] {
            let refusal = discover(incomplete.clone()).unwrap_err();
            assert!(refusal.contains("-32602"), "{incomplete}: {refusal}");
        }
    }
}

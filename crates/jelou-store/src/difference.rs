//! The difference between two states, for the audit trail.

use serde::Serialize;
use serde_json::{Map, Value};

/// Returns the members that differ between two states, before and after. Neither state may contain a secret.
pub(crate) fn difference(
    before: &impl Serialize,
    after: &impl Serialize,
) -> (Option<Value>, Option<Value>) {
    let (mut before, mut after) = (members(before), members(after));
    before.retain(|name, value| {
        let is_same = after.get(name) == Some(value);
        if is_same {
            after.remove(name);
        }
        !is_same
    });
    (some(before), some(after))
}

/// Returns all members of a state, for the creation or the deletion of a resource.
pub(crate) fn whole(state: &impl Serialize) -> Option<Value> {
    some(members(state))
}

/// Returns the members of a state that are set.
pub(crate) fn set_members(state: &impl Serialize) -> Option<Value> {
    let mut members = members(state);
    members.retain(|_, value| match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        _ => true,
    });
    some(members)
}

fn members(state: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(state) {
        Ok(Value::Object(members)) => members,
        _ => Map::new(),
    }
}

fn some(members: Map<String, Value>) -> Option<Value> {
    (!members.is_empty()).then_some(Value::Object(members))
}

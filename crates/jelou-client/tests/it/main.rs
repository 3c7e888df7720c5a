//! Tests against a server that answers from a script.

//! The shared state of all handlers.

use std::sync::Arc;

use crate::control::Control;

pub(crate) type App = Arc<Control>;

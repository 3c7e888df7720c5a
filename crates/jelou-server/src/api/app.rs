//! The state that every handler gets.

use std::sync::Arc;

use crate::control::Control;

pub(crate) type App = Arc<Control>;

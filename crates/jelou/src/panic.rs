//! The message of a panic.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{Location, PanicHookInfo};

/// Prints only the place of a panic and the constant part of its message. A formatted message may contain any value that
/// the program works with, for example the text that was cut at a wrong place.
pub(crate) fn hide_values() {
    std::panic::set_hook(Box::new(|info: &PanicHookInfo<'_>| {
        eprintln!("{}", message(info.payload(), info.location()));
        let backtrace = Backtrace::capture();
        if backtrace.status() == BacktraceStatus::Captured {
            eprintln!("{backtrace}");
        }
    }));
}

fn message(payload: &dyn Any, place: Option<&Location<'_>>) -> String {
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("without a name");
    let place = place.map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    let text = payload.downcast_ref::<&'static str>().map_or(
        "(the text is not shown, because it may contain a secret)",
        |text| text,
    );
    format!("thread {name} panicked at {place}: {text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message_of(panics: impl FnOnce() + std::panic::UnwindSafe) -> String {
        let payload = std::panic::catch_unwind(panics).unwrap_err();
        message(payload.as_ref(), Some(Location::caller()))
    }

    #[test]
    fn only_a_constant_text_is_shown() {
        let secret = "canary-ñ";
        for panics in [
            || drop("canary-ñ".to_owned().split_off(8)),
            || {
                let number = "x".parse::<u8>().map_err(|_| "canary-ñ");
                assert_eq!(number.unwrap(), 0);
            },
            || {
                std::panic::panic_any("canary-ñ".to_owned());
            },
        ] {
            let text = message_of(panics);
            assert!(!text.contains(&secret[..6]), "{text}");
            assert!(text.contains("panic.rs:"), "{text}");
        }
        let text = message_of(|| panic!("a constant"));
        assert!(text.ends_with(": a constant"), "{text}");
    }
}

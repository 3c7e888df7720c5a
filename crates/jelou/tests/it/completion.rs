//! `jelou completion`.

use crate::support::Sandbox;

#[test]
fn completion_is_a_script_also_in_a_pipe() {
    for (shell, start) in [
        ("bash", "_jelou() {"),
        ("zsh", "#compdef jelou"),
        ("fish", "# Print an optspec"),
    ] {
        let outcome = Sandbox::new().jelou(&format!("completion {shell}")).run();
        assert_eq!(outcome.code, 0, "{outcome}");
        assert!(outcome.stdout().starts_with(start), "{outcome}");
    }
}

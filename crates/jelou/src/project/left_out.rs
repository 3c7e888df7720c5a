//! Files and folders of a project that are not deployed, with the reason.

use std::fmt;

use serde::{Serialize, Serializer};

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct LeftOut {
    /// Relative to the project's folder. A path with a final `/` is a folder with all its content.
    pub(crate) path: String,
    pub(crate) reason: Reason,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reason {
    Hidden,
    Packages,
    BuildOutput,
    /// A module of tests.
    Test,
    OtherTool,
    /// A folder that `jelou deployments download` wrote.
    Download,
    /// The file is `jelou.json`.
    Settings,
    /// A line of an ignore file excludes the path.
    Ignored {
        file: &'static str,
        line: String,
    },
    Excluded {
        pattern: String,
    },
    Link(&'static str),
    NotPlain,
    NotUtf8Name,
    Unused,
}

impl LeftOut {
    pub(crate) fn unused(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            reason: Reason::Unused,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hidden => f.write_str("hidden"),
            Self::Packages => f.write_str("packages are resolved at the deploy"),
            Self::BuildOutput => f.write_str("build output"),
            Self::Test => f.write_str("a test"),
            Self::Settings => f.write_str("read by the command line"),
            Self::OtherTool => f.write_str("belongs to another tool"),
            Self::Download => f.write_str("a downloaded deployment"),
            Self::Ignored { file, line } => write!(f, "{file} ({line})"),
            Self::Excluded { pattern } => write!(f, "`exclude` ({pattern})"),
            Self::Link(target) => write!(f, "a symbolic link {target}"),
            Self::NotPlain => f.write_str("not a plain file"),
            Self::NotUtf8Name => f.write_str("its name is not UTF-8"),
            Self::Unused => f.write_str("nothing uses it"),
        }
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

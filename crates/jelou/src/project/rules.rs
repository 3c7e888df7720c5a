//! Decides which files of a project may be deployed, by `.gitignore`, `.jelouignore`, and `include` and `exclude` of
//! `jelou.json`. All use the syntax of `.gitignore`.

use std::path::{Path, PathBuf};

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder, Glob};
use jelou_core::DeploymentId;
use jelou_core::source::AssetPatterns;

use super::left_out::Reason;
use super::{FILE_NAME, ProjectFile};
use crate::exit::Failure;

const GITIGNORE: &str = ".gitignore";
const JELOUIGNORE: &str = ".jelouignore";

/// Files of other tools, which are never deployed.
const TOOL_FILES: [&str; 4] = ["bun.lock", "bun.lockb", "pnpm-lock.yaml", "yarn.lock"];

/// The configuration of TypeScript. The build reads it in folders without a configuration of Deno.
const TSCONFIG: &str = "tsconfig.json";
const DENO_FILES: [&str; 2] = ["deno.json", "deno.jsonc"];

#[derive(Debug)]
pub(super) struct Rules {
    /// The canonical path of the project's folder.
    root: PathBuf,
    include: Gitignore,
    exclude: Gitignore,
    pub(super) assets: AssetPatterns,
}

/// The ignore files of one folder.
#[derive(Debug)]
pub(super) struct Level {
    gitignore: Option<Gitignore>,
    jelouignore: Option<Gitignore>,
}

/// The decision about a file or a folder.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Taken,
    /// Left out, unless `include`, an asset pattern or the entrypoint names this file or, if this is a folder, a file in
    /// it.
    Unless(Reason),
    LeftOut(Reason),
}

impl Rules {
    pub(super) fn of(root: PathBuf, project: Option<&ProjectFile>) -> anyhow::Result<Self> {
        let patterns = |patterns: Option<&[String]>, key| {
            let mut builder = GitignoreBuilder::new(&root);
            for pattern in patterns.unwrap_or_default() {
                builder
                    .add_line(None, pattern)
                    .map_err(|error| invalid(key, pattern, &error))?;
            }
            builder.build().map_err(|error| invalid(key, "", &error))
        };
        let include = patterns(project.map(ProjectFile::include), "include")?;
        let exclude = patterns(project.map(ProjectFile::exclude), "exclude")?;
        // The error is ignored here, because invalid patterns are reported with the other problems of the upload.
        let (assets, _) =
            AssetPatterns::parse(project.map(ProjectFile::assets).unwrap_or_default());
        Ok(Self {
            root,
            include,
            exclude,
            assets,
        })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the ignore files above the project's folder, up to the root of the Git repository. Empty outside a
    /// repository.
    pub(super) fn levels_above(&self) -> Vec<Level> {
        let repository = self
            .root
            .ancestors()
            .find(|folder| folder.join(".git").exists());
        let Some(repository) = repository else {
            return Vec::new();
        };
        let mut folders: Vec<_> = self
            .root
            .ancestors()
            .skip(1)
            .take_while(|folder| folder.starts_with(repository))
            .collect();
        folders.reverse();
        folders.into_iter().map(Level::of).collect()
    }

    /// Decides about `path`, which is relative to the project's folder. `levels` are the ignore files of the folders
    /// above it, the innermost last.
    pub(super) fn verdict(&self, levels: &[Level], path: &str, is_folder: bool) -> Verdict {
        let name = path.rsplit('/').next().unwrap_or(path);
        if name.starts_with('.') {
            return Verdict::LeftOut(Reason::Hidden);
        }
        if name == "node_modules" {
            return Verdict::LeftOut(Reason::Packages);
        }
        if path == FILE_NAME {
            return Verdict::LeftOut(Reason::Settings);
        }
        let absolute = self.root.join(path);
        let has_deno = || {
            let beside = |name: &&str| absolute.with_file_name(name).exists();
            DENO_FILES.iter().any(beside)
        };
        if TOOL_FILES.contains(&name) || name == TSCONFIG && has_deno() {
            return Verdict::LeftOut(Reason::OtherTool);
        }
        if is_folder && name.parse::<DeploymentId>().is_ok() {
            return Verdict::LeftOut(Reason::Download);
        }
        if let Match::Ignore(glob) = self.exclude.matched(&absolute, is_folder) {
            let pattern = glob.original().to_owned();
            return Verdict::LeftOut(Reason::Excluded { pattern });
        }
        match find(
            levels,
            |level| level.jelouignore.as_ref(),
            &absolute,
            is_folder,
        ) {
            Match::Ignore(glob) => return Verdict::LeftOut(ignored(JELOUIGNORE, glob)),
            Match::Whitelist(_) => return Verdict::Taken,
            Match::None => {}
        }
        match find(
            levels,
            |level| level.gitignore.as_ref(),
            &absolute,
            is_folder,
        ) {
            Match::Ignore(glob) => Verdict::Unless(ignored(GITIGNORE, glob)),
            Match::None if is_folder && name == "dist" => Verdict::Unless(Reason::BuildOutput),
            Match::None if !is_folder && is_test(name) => Verdict::Unless(Reason::Test),
            Match::None | Match::Whitelist(_) => Verdict::Taken,
        }
    }

    /// Whether `include` or an asset pattern names the file.
    pub(super) fn names(&self, path: &str) -> bool {
        self.assets.matches(path)
            || self
                .include
                .matched_path_or_any_parents(self.root.join(path), false)
                .is_ignore()
    }

    /// Whether `include` or an asset pattern may name files in ignored folders.
    pub(super) fn names_any(&self) -> bool {
        !self.include.is_empty() || !self.assets.is_empty()
    }
}

impl Level {
    pub(super) fn of(folder: &Path) -> Self {
        let read = |name: &str| {
            let file = folder.join(name);
            // Ignores errors: invalid lines are skipped, as in Git.
            file.is_file().then(|| Gitignore::new(file).0)
        };
        Self {
            gitignore: read(GITIGNORE),
            jelouignore: read(JELOUIGNORE),
        }
    }
}

/// Whether a file has the name of a test: `a.test.ts`, `a_test.ts`. `jelou test` and Deno run these files.
fn is_test(name: &str) -> bool {
    let Some((stem, extension)) = name.rsplit_once('.') else {
        return false;
    };
    let is_code = matches!(extension, "ts" | "tsx" | "mts" | "js" | "jsx" | "mjs");
    let before = stem.strip_suffix("test");
    is_code && before.is_some_and(|before| before.ends_with(['.', '_']))
}

/// Returns the match of the innermost folder that has a rule for the path.
fn find<'a>(
    levels: &'a [Level],
    of: impl Fn(&'a Level) -> Option<&'a Gitignore>,
    path: &Path,
    is_folder: bool,
) -> Match<&'a Glob> {
    levels
        .iter()
        .rev()
        .filter_map(of)
        .map(|rules| rules.matched(path, is_folder))
        .find(|found| !found.is_none())
        .unwrap_or(Match::None)
}

fn ignored(file: &'static str, glob: &Glob) -> Reason {
    Reason::Ignored {
        file,
        line: glob.original().to_owned(),
    }
}

fn invalid(key: &str, pattern: &str, error: &ignore::Error) -> Failure {
    Failure::validation(format!("`{pattern}` of `{key}` is not a pattern: {error}"))
        .hint("write it as in a .gitignore, for example \"fixtures/\" or \"*.test.ts\"")
}

//! Reads the provenance from the environment variables of a pipeline: GitHub Actions, GitLab CI/CD and Bitbucket
//! Pipelines, as their documentation defines them.

use jelou_core::Provenance;

use crate::env;

pub(super) fn of_environment() -> Provenance {
    of(env::read)
}

fn of(read: impl Fn(&str) -> Option<String>) -> Provenance {
    let joined = |parts: &[&str]| -> Option<String> {
        let parts = parts.iter().map(|part| match part.strip_prefix('$') {
            Some(name) => read(name),
            None => Some((*part).to_owned()),
        });
        parts.collect()
    };
    if read("GITHUB_RUN_ID").is_some() {
        return Provenance {
            commit: read("GITHUB_SHA"),
            // Ignores the names of tags and of merge references, which are not branches.
            branch: read("GITHUB_HEAD_REF").or_else(|| {
                let is_branch = read("GITHUB_REF_TYPE").is_none_or(|kind| kind == "branch");
                read("GITHUB_REF_NAME").filter(|_| is_branch)
            }),
            author: read("GITHUB_ACTOR"),
            repository: joined(&["$GITHUB_SERVER_URL", "/", "$GITHUB_REPOSITORY"]),
            ci_url: joined(&[
                "$GITHUB_SERVER_URL",
                "/",
                "$GITHUB_REPOSITORY",
                "/actions/runs/",
                "$GITHUB_RUN_ID",
            ]),
            ..Provenance::default()
        };
    }
    if read("GITLAB_CI").is_some() {
        return Provenance {
            commit: read("CI_COMMIT_SHA"),
            branch: read("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME")
                .or_else(|| read("CI_COMMIT_BRANCH")),
            // The value has the form `Name <address>`.
            author: read("CI_COMMIT_AUTHOR").map(|author| match author.split_once(" <") {
                Some((name, _)) => name.to_owned(),
                None => author,
            }),
            subject: read("CI_COMMIT_TITLE"),
            repository: read("CI_PROJECT_URL"),
            ci_url: read("CI_JOB_URL").or_else(|| read("CI_PIPELINE_URL")),
            dirty: None,
        };
    }
    if read("BITBUCKET_BUILD_NUMBER").is_some() {
        return Provenance {
            commit: read("BITBUCKET_COMMIT"),
            branch: read("BITBUCKET_BRANCH"),
            repository: read("BITBUCKET_GIT_HTTP_ORIGIN"),
            ci_url: joined(&[
                "$BITBUCKET_GIT_HTTP_ORIGIN",
                "/pipelines/results/",
                "$BITBUCKET_BUILD_NUMBER",
            ]),
            ..Provenance::default()
        };
    }
    Provenance::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(variables: &[(&str, &str)]) -> Provenance {
        of(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn each_service() {
        let github = from(&[
            ("GITHUB_RUN_ID", "7"),
            ("GITHUB_SHA", "abc"),
            ("GITHUB_REF_NAME", "main"),
            ("GITHUB_REF_TYPE", "branch"),
            ("GITHUB_ACTOR", "ana"),
            ("GITHUB_SERVER_URL", "https://github.com"),
            ("GITHUB_REPOSITORY", "a/b"),
        ]);
        assert_eq!(github.branch.as_deref(), Some("main"));
        assert_eq!(
            github.ci_url.as_deref(),
            Some("https://github.com/a/b/actions/runs/7")
        );
        let gitlab = from(&[
            ("GITLAB_CI", "true"),
            ("CI_COMMIT_SHA", "abc"),
            ("CI_COMMIT_BRANCH", "main"),
            ("CI_COMMIT_AUTHOR", "Ana Paz <ana@example.com>"),
            ("CI_COMMIT_TITLE", "Fix it"),
            ("CI_JOB_URL", "https://gitlab.com/a/-/jobs/7"),
        ]);
        assert_eq!(gitlab.author.as_deref(), Some("Ana Paz"));
        assert_eq!(
            gitlab.ci_url.as_deref(),
            Some("https://gitlab.com/a/-/jobs/7")
        );
        let bitbucket = from(&[
            ("BITBUCKET_BUILD_NUMBER", "7"),
            ("BITBUCKET_COMMIT", "abc"),
            ("BITBUCKET_BRANCH", "main"),
            ("BITBUCKET_GIT_HTTP_ORIGIN", "https://bitbucket.org/a/b"),
        ]);
        assert_eq!(bitbucket.commit.as_deref(), Some("abc"));
        assert_eq!(
            bitbucket.ci_url.as_deref(),
            Some("https://bitbucket.org/a/b/pipelines/results/7")
        );
        assert!(from(&[("CI", "true")]).is_empty());
    }

    #[test]
    fn a_tag_is_no_branch_and_a_pull_request_has_one() {
        let run = ("GITHUB_RUN_ID", "7");
        let tag = from(&[run, ("GITHUB_REF_NAME", "v1"), ("GITHUB_REF_TYPE", "tag")]);
        assert_eq!(tag.branch, None);
        let pull = from(&[
            run,
            ("GITHUB_REF_NAME", "12/merge"),
            ("GITHUB_HEAD_REF", "fix"),
        ]);
        assert_eq!(pull.branch.as_deref(), Some("fix"));
    }
}

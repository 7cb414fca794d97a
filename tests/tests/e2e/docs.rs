//! Every command in README.md and docs/ is run, page by page and from top to bottom, as a reader would.
//!
//! A reader's host listens on ports of its own here, and `my-logic.wasm`, `faq.md` and so on are there; what else a
//! command needs, its page makes. Not here: where links lead (`tidy.rs`).

use anyhow::{Context, Result, ensure};
use e2e::{Host, Settings, binary, parrot, root};
use std::{fmt::Write, fs, os::unix::fs::symlink, path::Path, process::Stdio, time::Duration};
use tokio::process::Command;

/// A page that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// Blocks that are not run, by their page and how they begin, and why.
const NOT_RUN: &[(&str, &str, &str)] = &[
    ("README.md", "make run", "it is what builds and runs all of this"),
    (
        "README.md",
        "target/release/corral models fetch",
        "needs the model hub; cli/models/tests.rs runs it against one",
    ),
    ("README.md", "target/release/corral dev", "goes on for ever; tests/e2e/projects.rs runs it with --once"),
    ("docs/guide.md", "make run", "it is what builds and runs all of this"),
    ("docs/guide.md", "corral dev", "goes on for ever; tests/e2e/projects.rs runs it with --once"),
    (
        "docs/hot-swap.md",
        "corral deploy chat oci:",
        "needs a registry; tests/e2e/hot_swap/registry.rs has one",
    ),
    (
        "docs/moving.md",
        "corral migrate sessions --from embedded:.corral/corral.db --to redis",
        "needs servers; tests/e2e/migrate.rs has them",
    ),
    ("docs/spin.md", "corral serve --spin", "goes on for ever; tests/e2e has it serve applications of Spin"),
    (
        "docs/spin.md",
        "make spin-app",
        "needs spin, which is not installed here; tests/e2e has its engine's ways",
    ),
    ("docs/spin.md", "spin registry push", "needs spin, a registry and a cluster"),
    ("docs/writing-logic.md", "corral dev", "goes on for ever; tests/e2e/projects.rs runs it with --once"),
    ("docs/writing-logic.md", "npm install", "tests/e2e/projects.rs runs it, with what is installed already"),
];

/// Commands of a page in their order, but for those that are not run.
struct Page {
    name: String,
    blocks: Vec<String>,
}

#[tokio::test]
async fn every_command_in_the_documents_does_what_it_says() -> Result<()> {
    let pages = pages()?;
    ensure!(pages.len() > 5, "where are the documents?");
    let host = host().await?;
    for page in pages {
        page.run(&host).await?;
    }
    Ok(())
}

#[test]
fn what_is_not_run_is_still_there() -> Result<()> {
    for (page, beginning, _) in NOT_RUN {
        let text = fs::read_to_string(root().join(page))?;
        let there = blocks(&text).iter().any(|block| block.starts_with(beginning));
        assert!(there, "{page} has no block that begins with {beginning:?}: take it off the list");
    }
    Ok(())
}

/// What docs/security.md claims is shown by tests that are there.
#[test]
fn every_claim_of_the_security_model_has_its_test() -> Result<()> {
    let text = fs::read_to_string(root().join("docs/security.md"))?;
    let shown: Vec<_> = text.split("[`").skip(1).filter_map(|rest| rest.split_once("`](../")).collect();
    assert!(shown.len() > 20, "{shown:?}");
    for (test, rest) in shown.into_iter().filter(|(test, _)| !test.contains('.')) {
        let file = rest.split(')').next().unwrap_or_default();
        let source = fs::read_to_string(root().join(file)).with_context(|| file.to_owned())?;
        assert!(source.contains(&format!("fn {test}()")), "{file} has no {test}");
    }
    Ok(())
}

/// README.md, then docs/ by name, but what replaces the chat logic last.
fn pages() -> Result<Vec<Page>> {
    let mut names = vec!["README.md".to_owned()];
    for entry in fs::read_dir(root().join("docs"))? {
        let name = entry?.file_name().into_string().ok().context("a name that is no text")?;
        names.extend(name.ends_with(".md").then(|| format!("docs/{name}")));
    }
    names.sort_by_key(|name| (name == "docs/hot-swap.md", name.clone()));
    let page = |name: String| {
        let text = fs::read_to_string(root().join(&name))?;
        let run = |block: &String| {
            !NOT_RUN.iter().any(|(page, beginning, _)| *page == name && block.starts_with(beginning))
        };
        let blocks = blocks(&text).into_iter().filter(run).collect();
        Ok(Page { name, blocks })
    };
    names.into_iter().map(page).collect()
}

/// What is fenced as `sh` or `console`.
fn blocks(text: &str) -> Vec<String> {
    let mut lines = text.lines();
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        if ["```sh", "```shell", "```console", "```bash"].contains(&line) {
            found.push(lines.by_ref().take_while(|line| *line != "```").collect::<Vec<_>>().join("\n"));
        }
    }
    found
}

/// With short answers, and the second model of docs/inference.md.
async fn host() -> Result<Host> {
    let settings = Settings::new()?;
    let file = settings.get("inference.model").cloned().context("no model")?;
    let settings = settings
        .set("inference.defaults.max_tokens", 12)
        .set("apps.chat.config.answer_tokens", 12)
        .set("inference.models.small.model", file)
        .set("inference.models.small.load", false)
        .set("inference.models.small.n_ctx", 512)
        .set("inference.models.small.parallel", 1)
        .set("inference.models.small.threads", 1);
    Host::with(settings).await
}

/// A reader's folder: with the host's settings and data, and files of the reader's own.
fn furnish(folder: &Path, host: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    fs::copy(host.join("runtime.toml"), folder.join("runtime.toml"))?;
    symlink(host.join(".corral"), folder.join(".corral"))?;
    fs::create_dir(folder.join("handbook"))?;
    fs::write(folder.join("handbook/travel.md"), "# Travel\n\nTrains before planes.\n")?;
    fs::create_dir(folder.join("docs"))?;
    fs::write(folder.join("docs/page.md"), "# Corral\n\nA host for chat logic.\n")?;
    fs::write(folder.join("faq.md"), "# Questions\n\nThe lighthouse opens at ten.\n")?;
    fs::write(folder.join("notes.log"), "The keeper's cat is called Boje.\n")?;
    fs::write(folder.join("my-logic.wasm"), parrot(1)?)?;
    let gateway = root().join("target/wasm32-wasip2/component/corral_gateway.wasm");
    fs::copy(gateway, folder.join("my-gateway.wasm"))?;
    fs::create_dir(folder.join("bin"))?;
    symlink(binary()?, folder.join("bin/corral"))?;
    // An answer that is an error is one for the test too.
    fs::write(folder.join(".curlrc"), "fail-with-body\nshow-error\n")?;
    Ok(())
}

impl Page {
    async fn run(&self, host: &Host) -> Result<()> {
        if self.blocks.is_empty() {
            return Ok(());
        }
        let folder = host.folder().join("readers").join(&self.name);
        furnish(&folder, &host.folder())?;
        let run = Command::new("bash")
            .args(["-euo", "pipefail", "-c", &self.script(host)?])
            .current_dir(&folder)
            .env("CURL_HOME", &folder)
            .env("XDG_STATE_HOME", folder.join("state"))
            .env("HOME", &folder)
            .env("CORRAL_ADMIN__LISTEN", host.admin_address()?)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let output = tokio::time::timeout(PATIENCE, run).await.context("it hangs")??;
        let said =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), "{} stops here, with {}:\n{said}", self.name, output.status);
        Ok(())
    }

    /// The page's commands, each block behind its number, for this host in place of the reader's.
    fn script(&self, host: &Host) -> Result<String> {
        let url = host.url();
        let mut script = format!(
            "PATH=\"$PWD/bin:$PATH\"\ncorral() {{ case $1 in chat | ingest) command corral \"$@\" --url {url} ;; *) command corral \"$@\" ;; esac }}\n"
        );
        for (number, block) in (1..).zip(&self.blocks) {
            writeln!(script, "echo '--- block {number}'\n{block}")?;
        }
        let address = url.trim_start_matches("http://");
        Ok(script
            .replace("target/release/corral", "corral")
            .replace("localhost:3000", address)
            .replace("127.0.0.1:3000", address)
            .replace("localhost:3001", &host.admin_address()?))
    }
}

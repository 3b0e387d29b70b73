//! `scripts/rollback.sh` and `make rollback`: what they take a service for, how they call the tool, and
//! that hostile text starts nothing.
//!
//! The programs that they would call are stubs, which write down that they were started.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

const ALL: [&str; 4] = ["docker", "kubectl", "rollback", "timeout"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A `PATH` of these stubs and a bash, and what they were started for.
struct World {
    folder: TempDir,
    containers: String,
    docker_code: &'static str,
    kubectl_code: &'static str,
}

impl World {
    fn new(stubs: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bin = folder.path().join("bin");
        std::fs::create_dir(&bin).unwrap();
        for stub in stubs {
            symlink(root().join("examples/tests/script/stubs").join(stub), bin.join(stub)).unwrap();
        }
        symlink("/bin/bash", bin.join("bash")).unwrap();
        Self { folder, containers: String::new(), docker_code: "0", kubectl_code: "1" }
    }

    /// With these containers, a line each: names, project and service.
    fn with(containers: &[&str]) -> Self {
        Self { containers: containers.join("\n"), ..Self::new(&ALL) }
    }

    fn output(&self, program: &str, arguments: &[&str]) -> Output {
        Command::new(program)
            .args(arguments)
            .current_dir(root())
            .env_clear()
            .env("PATH", self.folder.path().join("bin"))
            .env("CARGO_TARGET_DIR", "/nonexistent")
            .env("STUB_LOG", self.log())
            .env("STUB_CONTAINERS", &self.containers)
            .env("STUB_DOCKER_CODE", self.docker_code)
            .env("STUB_KUBECTL_CODE", self.kubectl_code)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    fn script(&self, arguments: &[&str]) -> Output {
        self.output("/bin/bash", &[&["scripts/rollback.sh"], arguments].concat())
    }

    /// What the tool was called with, or what the script said.
    fn said(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = self.script(arguments);
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap().trim().to_owned())
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// The programs that were started, in their order.
    fn started(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap_or_default()
    }
}

#[test]
fn the_service_is_found_and_the_tool_is_called_for_what_it_is() {
    let url = "<--health-url><http://localhost:8080/healthz>";
    let container = format!("<docker><stillme-prod><--to><tag:v1.2.3>{url}");
    let compose = "<compose><web><--project><shop><--to><tag:v1.2.3>";
    for (containers, arguments, expected) in [
        (&["stillme-prod  "][..], &["--tag", "v1.2.3"][..], container.clone()),
        (&["other  ", "stillme-prod,x/alias  "], &["-t", "v1.2.3"], container.clone()),
        (&["stillme-prod  "], &["--tag=tag:v1.2.3"], container.clone()),
        (&["stillme-prod  "], &["-t", "v1.2.3", "--", "--yes"], format!("{container}<--yes>")),
        (
            &["a.b  "],
            &["-t", "7", "-s", "a.b", "-u", "https://x/y?z=1&w"],
            "<docker><a.b><--to><tag:7><--health-url><https://x/y?z=1&w>".to_owned(),
        ),
        // By its service, by the name of a container, and once for all its replicas.
        (&["shop-web-1 shop web"], &["-t", "v1.2.3", "-s", "web"], compose.to_owned()),
        (&["shop-web-1 shop web"], &["-t", "v1.2.3", "-s", "shop-web-1"], compose.to_owned()),
        (
            &["shop-web-1 shop web", "shop-web-2 shop web", "shop-db-1 shop db"],
            &["-t", "v1.2.3", "-s", "web"],
            compose.to_owned(),
        ),
        // The default URL is that of a container.
        (
            &["shop-web-1 shop web"],
            &["-t", "v1.2.3", "-s", "web", "--url", "http://x/"],
            format!("{compose}<--health-url><http://x/>"),
        ),
    ] {
        let world = World::with(containers);
        assert_eq!(world.said(arguments), (Some(0), expected), "{containers:?} {arguments:?}");
    }
}

#[test]
fn a_deployment_is_found_or_named_by_its_namespace() {
    let web = "<deployment><web><--namespace>";
    for (kubectl, containers, arguments, expected) in [
        ("0", &[][..], &["-t", "v1", "-s", "web"][..], format!("{web}<stillme><--to><tag:v1>")),
        // A bare number is a revision, and an explicit namespace means Kubernetes.
        (
            "1",
            &["web  "],
            &["-t", "7", "-s", "web", "-n", "prod", "--", "--plan"],
            format!("{web}<prod><--to><7><--plan>"),
        ),
        (
            "1",
            &[],
            &["-t", "hash:5d4f", "-s", "web", "-n", "prod", "-u", "http://x/"],
            format!("{web}<prod><--to><hash:5d4f><--health-url><http://x/>"),
        ),
    ] {
        let world = World { kubectl_code: kubectl, ..World::with(containers) };
        assert_eq!(world.said(arguments), (Some(0), expected), "{containers:?} {arguments:?}");
    }
}

#[test]
fn what_is_not_clear_is_an_error_that_names_what_there_is() {
    let web = ["-t", "v1", "-s", "web"];
    for (containers, kubectl, arguments, named) in [
        (
            &[][..],
            "1",
            &web[..],
            &["no container, no Compose service and no Deployment called web"][..],
        ),
        // The beginning of an id, a part of a name and a pattern are no names.
        (&["web2  ", "xweb  "], "1", &web, &["no container"]),
        (&["aXb  "], "1", &["-t", "v1", "-s", "a.b"], &["no container"]),
        (
            &["web  ", "shop-web-1 shop web"],
            "1",
            &web,
            &["the container web", "Compose service web of the project shop"],
        ),
        (&["a-web-1 a web", "b-web-1 b web"], "1", &web, &["of the project a", "of the project b"]),
        (
            &["web  "],
            "0",
            &web,
            &["the container web", "the Deployment web in the namespace stillme"],
        ),
        (&["web --to evil"], "1", &web, &["labels that Compose does not write"]),
    ] {
        let world = World { kubectl_code: kubectl, ..World::with(containers) };
        let (code, said) = world.said(arguments);
        assert_eq!(code, Some(1), "{containers:?} {arguments:?}: {said}");
        for name in named {
            assert!(said.contains(name), "{containers:?} {arguments:?}: {said}");
        }
        assert!(said.contains("nothing was touched"), "{said}");
        assert!(!world.started().contains("rollback"), "{containers:?} {arguments:?}");
    }
}

#[test]
fn a_missing_tool_and_a_missing_engine_are_said() {
    let world = World::new(&["docker", "timeout"]);
    let (code, said) = world.said(&["-t", "v1"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("cargo install --locked --path examples --bin rollback"), "{said}");
    assert_eq!(world.started(), "");

    let world = World { docker_code: "1", ..World::new(&ALL) };
    let (code, said) = world.said(&["-t", "v1"]);
    assert_eq!((code, said.contains("docker command did not answer")), (Some(1), true), "{said}");
}

#[test]
fn help_names_every_option_and_starts_nothing() {
    let world = World::new(&ALL);
    for arguments in [&["-h"][..], &["--tag", "v1", "--help"]] {
        let (code, said) = world.said(arguments);
        assert_eq!(code, Some(0));
        for option in ["-t, --tag", "-s, --service", "-n, --namespace", "-u, --url", "-h, --help"] {
            assert!(said.contains(option), "{option}: {said}");
        }
        for default in ["stillme-prod", "default: stillme]", "http://localhost:8080/healthz"] {
            assert!(said.contains(default), "{default}: {said}");
        }
    }
    assert_eq!(world.started(), "");
}

#[test]
fn a_command_line_that_means_nothing_starts_nothing() {
    let world = World::new(&ALL);
    for arguments in [
        &[][..],
        &["v1"],
        &["--tag"],
        &["--tag", ""],
        &["--tag=v1", "--url", ""],
        &["--tag=v1", "--service", ""],
        &["--tag=v1", "--namespace", ""],
        &["--tag=v1", "--bogus"],
        &["--tag=v1", "--bogus=x"],
        &["--tag=digest:sha256:abc"],
        &["--tag=v1", "extra"],
    ] {
        assert_eq!(world.said(arguments).0, Some(2), "{arguments:?}");
    }
    assert_eq!(world.started(), "");
}

fn corpus() -> Vec<String> {
    let corpus: Vec<serde_json::Value> =
        serde_json::from_str(include_str!("../../testbed/corpus/hostile.json")).unwrap();
    let long = |entry: &serde_json::Value| {
        entry["text"]
            .as_str()
            .unwrap()
            .repeat(usize::try_from(entry["times"].as_u64().unwrap()).unwrap())
    };
    // Arguments of processes end at a zero byte, and have a limit of 128 KiB.
    corpus.iter().map(long).filter(|text| !text.contains('\0') && text.len() < 100_000).collect()
}

/// Hostile as a tag may be harmless as a name, and nothing at all is hostile as a URL to be asked; what
/// is let through holds no character that means anything to a shell or a terminal, or reaches the tool
/// as one word.
fn harmless(option: &str, text: &str) -> bool {
    let words = |more: &[u8]| text.bytes().all(|b| b.is_ascii_alphanumeric() || more.contains(&b));
    match option {
        "--url" => text.starts_with("http") && text.bytes().all(|b| b.is_ascii_graphic()),
        "--tag" => words(b"._-") && !text.starts_with(['-', '.']),
        _ => words(b"._-") && text.starts_with(|c: char| c.is_ascii_alphanumeric()),
    }
}

#[test]
fn hostile_text_starts_nothing() {
    let corpus = corpus();
    assert!(corpus.len() >= 190, "{}", corpus.len());
    for option in ["--tag", "--service", "--namespace", "--url"] {
        let mut refused = 0;
        for text in &corpus {
            let world = World::with(&[&format!("{text}  ")]);
            let joined = format!("{option}={text}");
            for arguments in [&[option, text][..], &[&joined]] {
                let output = world.script(&[&["--tag", "v1"], arguments].concat());
                let start: String = text.chars().take(40).collect();
                if output.status.code() != Some(2) {
                    assert!(harmless(option, text), "{option} {start:?} was taken: {output:?}");
                    continue;
                }
                refused += 1;
                assert_eq!(world.started(), "", "{option} {start:?}");
                let said = String::from_utf8(output.stderr).unwrap();
                let printable = said.chars().all(|c| c == '\n' || c.is_ascii_graphic() || c == ' ');
                assert!(said.len() < 200 && printable, "{option} {start:?}: {said:?}");
            }
        }
        assert!(refused > corpus.len(), "{option}: {refused} of {}", 2 * corpus.len());
    }
    assert!(!Path::new("/tmp/pwned").exists(), "something was run");
}

/// Make expands what it is given, and a shell reads what it made of it.
#[test]
fn hostile_text_starts_nothing_through_make() {
    let Some(make) = ["/usr/bin/make", "/bin/make"].into_iter().find(|at| Path::new(at).exists())
    else {
        assert!(std::env::var("CI").unwrap_or_default() != "true", "no make");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let pwned = folder.path().join("pwned");
    let shell = |form: &str| form.replace("RUN", &format!(": >{}", pwned.display()));
    let more =
        ["$(shell RUN)", "v1\nRUN", "v1'; RUN; '", "$(eval X:=$(shell RUN))", "`RUN`", "$$(RUN)"];
    let corpus: Vec<String> = corpus().into_iter().chain(more.iter().map(|m| shell(m))).collect();
    // Blanks in front of a value belong to make.
    let blank = |c: char| c.is_ascii_whitespace() || c == '\u{b}';
    for text in corpus.iter().filter(|text| !harmless("--tag", text.trim_start_matches(blank))) {
        let world = World::with(&["stillme-prod  "]);
        let output =
            world.output(make, &["--no-print-directory", "rollback", &format!("TAG={text}")]);
        let start: String = text.chars().take(40).collect();
        assert!(!output.status.success(), "{start:?}: {output:?}");
        assert_eq!(world.started(), "", "{start:?}: {output:?}");
    }
    assert!(!pwned.exists() && !Path::new("/tmp/pwned").exists(), "something was run");

    let world = World::with(&["stillme-prod  "]);
    let output = world.output(make, &["--no-print-directory", "rollback", "TAG=v1.2.3"]);
    let called = String::from_utf8(output.stdout).unwrap();
    assert!(called.starts_with("<docker><stillme-prod><--to><tag:v1.2.3>"), "{called}");
}

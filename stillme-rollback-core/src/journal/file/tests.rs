use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;
use crate::EndState;
use crate::journal::Entry;
use crate::testing::conformance::sample;

/// A journal in a folder of its own, gone when it is dropped.
struct Place {
    dir: tempfile::TempDir,
    journal: FileJournal,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let journal = FileJournal::new(dir.path().join("state/journal"));
        Self { dir, journal }
    }

    /// Another process's way to the same folder.
    fn other(&self) -> FileJournal {
        FileJournal::new(self.journal.dir())
    }

    /// A run with this many records, closed.
    async fn run(&self, records: u64) -> (RunId, PathBuf) {
        let run = sample::run(1);
        let records = sample::records(records);
        self.journal.create(run, &records[0]).await.unwrap();
        for record in &records[1..] {
            self.journal.append(run, record).await.unwrap();
        }
        self.journal.close(run).await.unwrap();
        (run, self.journal.path(run).await.unwrap())
    }
}

fn mode(path: &Path) -> u32 {
    std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn says(error: &Error, parts: &[&str]) {
    for part in parts {
        assert!(error.to_string().contains(part), "`{part}` in: {error}");
    }
}

#[tokio::test]
async fn files_and_folders_are_for_their_owner_alone() {
    let place = Place::new();
    let (run, path) = place.run(3).await;
    let exhibit = place.journal.attach(run, "log.txt", b"last words").await.unwrap();
    place.journal.request_abort(run, "me").await.unwrap();
    let home = path.parent().unwrap();
    let evidence = exhibit.path.unwrap();
    for (path, expected) in [
        (place.dir.path().join("state").as_path(), 0o700),
        (place.journal.dir(), 0o700),
        (home, 0o700),
        (&path, 0o600),
        (evidence.parent().unwrap(), 0o700),
        (&evidence, 0o600),
        (&path.with_extension("abort"), 0o600),
    ] {
        assert_eq!(mode(path), expected, "{}", path.display());
    }
    let home = home.file_name().unwrap().to_str().unwrap();
    assert!(home.starts_with("web-") && home.len() == 12, "{home}");
    assert_eq!(path.file_name().unwrap().to_str().unwrap(), format!("{run}.jsonl"));
    assert_eq!(std::fs::read(&evidence).unwrap(), b"last words");
    assert_eq!(evidence.file_name().unwrap(), "log.txt");
}

/// What a step costs: its intent and its result, one sync each.
#[tokio::test]
async fn a_step_costs_two_syncs() {
    let place = Place::new();
    let run = sample::run(1);
    let records = sample::records(41);
    place.journal.create(run, &records[0]).await.unwrap();
    let begun = place.journal.syncs();
    for record in &records[1..] {
        place.journal.append(run, record).await.unwrap();
    }
    let syncs = place.journal.syncs() - begun;
    println!("counts: {begun} syncs to begin in a new folder, {syncs} for 20 steps");
    assert_eq!(syncs, 40);
    place.journal.close(run).await.unwrap();
    let before = place.journal.syncs();
    place.journal.load(run).await.unwrap();
    place.journal.open(run).await.unwrap();
    place.journal.abort_requested(run).await.unwrap();
    assert_eq!(place.journal.syncs(), before, "reading costs none");
}

#[tokio::test]
async fn space_is_set_aside_and_given_back_at_the_end() {
    use std::os::unix::fs::MetadataExt as _;
    let place = Place::new();
    let run = sample::run(1);
    let blocks = |path: &Path| std::fs::metadata(path).unwrap().blocks() * 512;
    place.journal.create(run, &sample::begin(&sample::plan())).await.unwrap();
    let path = place.journal.path(run).await.unwrap();
    assert!(blocks(&path) >= log::RESERVE, "{} bytes set aside", blocks(&path));
    place.journal.close(run).await.unwrap();
    assert!(blocks(&path) >= log::RESERVE, "a run that may go on keeps its space");
    place.journal.open(run).await.unwrap();
    let end = Entry::End { state: EndState::RolledBack, reason: "done".into() };
    place.journal.append(run, &sample::record(1, end)).await.unwrap();
    place.journal.close(run).await.unwrap();
    assert!(blocks(&path) <= 8192, "{} bytes are left", blocks(&path));
    assert_eq!(place.journal.load(run).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_torn_record_is_dropped_and_noted() {
    let place = Place::new();
    let (run, path) = place.run(5).await;
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 10]).unwrap();
    let before = place.journal.load(run).await.unwrap();
    assert_eq!(before.len(), 4, "reading shows what is whole");
    assert_eq!(std::fs::read(&path).unwrap().len(), bytes.len() - 10, "and changes nothing");
    let records = place.journal.open(run).await.unwrap();
    assert_eq!(records[..4], before);
    let last_line = bytes.split_inclusive(|b| *b == b'\n').next_back().unwrap().len();
    let dropped = last_line as u64 - 10;
    assert_eq!(records[4].entry, Entry::TailRepaired { dropped });
    assert_eq!((records[4].seq, records[4].epoch), (4, 1));
    assert_eq!(records.len(), 5);
    place
        .journal
        .append(run, &sample::record(5, Entry::Pause { reason: "r".into() }))
        .await
        .unwrap();
    place.journal.close(run).await.unwrap();
    assert_eq!(place.other().load(run).await.unwrap()[..5], records);
}

#[tokio::test]
async fn a_torn_tail_behind_the_end_is_dropped_without_a_note() {
    let place = Place::new();
    let (run, path) = place.run(1).await;
    place.journal.open(run).await.unwrap();
    let end = Entry::End { state: EndState::RolledBack, reason: "done".into() };
    place.journal.append(run, &sample::record(1, end)).await.unwrap();
    place.journal.close(run).await.unwrap();
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, [&whole[..], &[0; 50]].concat()).unwrap();
    assert_eq!(place.journal.open(run).await.unwrap().len(), 2);
    assert_eq!(std::fs::read(&path).unwrap(), whole);
}

#[tokio::test]
async fn damage_is_refused_by_its_line_and_nothing_is_changed() {
    let place = Place::new();
    let (run, path) = place.run(10).await;
    let mut bytes = std::fs::read(&path).unwrap();
    let fourth = bytes.iter().enumerate().filter(|(_, b)| **b == b'\n').nth(2).unwrap().0 + 1;
    bytes[fourth + 30] ^= 4;
    std::fs::write(&path, &bytes).unwrap();
    for error in
        [place.journal.open(run).await.unwrap_err(), place.journal.load(run).await.unwrap_err()]
    {
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        says(&error, &["line 4 is damaged", path.to_str().unwrap(), "nothing was touched"]);
    }
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    assert_eq!(place.journal.list().await.unwrap(), [run], "it is still named");
    // Nobody holds it: once the file is put right it can be opened.
    bytes[fourth + 30] ^= 4;
    std::fs::write(&path, &bytes).unwrap();
    assert_eq!(place.journal.open(run).await.unwrap().len(), 10);
}

#[tokio::test]
async fn what_a_newer_version_wrote_is_refused() {
    let place = Place::new();
    let (run, path) = place.run(2).await;
    let text = std::fs::read_to_string(&path).unwrap();
    let last = text.lines().next_back().unwrap();
    let body = last.rsplit_once(",\"crc\"").unwrap().0;
    let body = body.replace("\"type\":\"intent\"", "\"type\":\"teleport\"");
    let body = body.replace(concat!("\"by\":\"", env!("CARGO_PKG_VERSION")), "\"by\":\"7.1.0");
    let crc = crc32c::crc32c(body.as_bytes());
    let first = text.lines().next().unwrap();
    std::fs::write(&path, format!("{first}\n{body},\"crc\":\"{crc:08x}\"}}\n")).unwrap();
    let error = place.journal.open(run).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownFormat);
    says(&error, &["line 2", "version 7.1.0", "teleport", "nothing was touched"]);
}

#[tokio::test]
async fn a_file_that_was_copied_to_another_name_is_refused() {
    let place = Place::new();
    let (_, path) = place.run(3).await;
    let other = sample::run(2);
    std::fs::copy(&path, path.with_file_name(format!("{other}.jsonl"))).unwrap();
    let error = place.journal.open(other).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    says(&error, &["line 1 is of run"]);
}

#[tokio::test]
async fn a_run_that_never_began_is_not_there() {
    let place = Place::new();
    let (run, path) = place.run(1).await;
    let bytes = std::fs::read(&path).unwrap();
    for len in [0, 1, bytes.len() - 1] {
        std::fs::write(&path, &bytes[..len]).unwrap();
        let error = place.journal.open(run).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        says(&error, &["never began", "nothing is left to do"]);
        assert_eq!(place.journal.list().await.unwrap(), []);
    }
}

#[tokio::test]
async fn a_file_that_is_too_long_is_refused() {
    let place = Place::new();
    let (run, path) = place.run(1).await;
    let file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.set_len(MAX_FILE + 1).unwrap();
    assert_eq!(place.journal.load(run).await.unwrap_err().kind(), ErrorKind::Corrupt);
}

#[tokio::test]
async fn a_file_does_not_grow_beyond_its_limit() {
    let place = Place::new();
    let run = sample::run(1);
    place.journal.create(run, &sample::begin(&sample::plan())).await.unwrap();
    let mut seq = 1;
    let error = loop {
        let record = sample::record(seq, Entry::Resumed { by: "x".repeat(15_000) });
        match place.journal.append(run, &record).await {
            Ok(()) => seq += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::Journal);
    assert!(seq > 200, "{seq} records");
    place.journal.close(run).await.unwrap();
    assert_eq!(place.journal.load(run).await.unwrap().len() as u64, seq);
}

#[tokio::test]
async fn one_writer_at_a_time_among_processes() {
    let place = Place::new();
    let (run, _) = place.run(3).await;
    place.journal.open(run).await.unwrap();
    let other = place.other();
    let error = other.open(run).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Held);
    says(&error, &[&run.to_string(), "rollback abort", "nothing was touched"]);
    assert_eq!(other.load(run).await.unwrap().len(), 3, "reading is free");
    // A process that dies gives its lock back without being asked.
    drop(place.journal);
    assert_eq!(other.open(run).await.unwrap().len(), 3);
}

#[tokio::test]
async fn links_are_not_followed() {
    let place = Place::new();
    let (run, path) = place.run(3).await;
    let precious = place.dir.path().join("precious");
    std::fs::write(&precious, "precious").unwrap();
    std::fs::remove_file(&path).unwrap();
    symlink(&precious, &path).unwrap();
    for error in [
        place.journal.open(run).await.unwrap_err(),
        place.journal.load(run).await.unwrap_err(),
        place.journal.create(run, &sample::begin(&sample::plan())).await.unwrap_err(),
    ] {
        says(&error, &["is no plain file; links are not followed"]);
    }
    // A link that leads nowhere yet: create must not make what it points to.
    std::fs::remove_file(&path).unwrap();
    let nowhere = place.dir.path().join("nowhere");
    symlink(&nowhere, &path).unwrap();
    place.journal.create(run, &sample::begin(&sample::plan())).await.unwrap_err();
    assert!(!nowhere.exists());
    // The folder of a target as a link.
    let home = path.parent().unwrap();
    std::fs::remove_dir_all(home).unwrap();
    let elsewhere = place.dir.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    symlink(&elsewhere, home).unwrap();
    let error = place.journal.create(run, &sample::begin(&sample::plan())).await.unwrap_err();
    says(&error, &["is no plain folder"]);
    assert_eq!(std::fs::read_dir(&elsewhere).unwrap().count(), 0);
    assert_eq!(std::fs::read_to_string(&precious).unwrap(), "precious");
}

#[tokio::test]
async fn the_request_to_give_up_is_no_way_to_other_files() {
    let place = Place::new();
    let (run, path) = place.run(1).await;
    let precious = place.dir.path().join("precious");
    std::fs::write(&precious, "precious").unwrap();
    symlink(&precious, path.with_extension("abort")).unwrap();
    place.journal.abort_requested(run).await.unwrap_err();
    place.journal.request_abort(run, "me").await.unwrap();
    assert_eq!(place.journal.abort_requested(run).await.unwrap().as_deref(), Some("me"));
    assert_eq!(std::fs::read_to_string(&precious).unwrap(), "precious");
    place.journal.request_abort(run, &"x".repeat(100_000)).await.unwrap();
    let who = place.journal.abort_requested(run).await.unwrap().unwrap();
    assert_eq!(who.len(), MAX_REQUEST);
}

#[tokio::test]
async fn a_place_that_others_can_change_is_refused() {
    let place = Place::new();
    let (run, path) = place.run(1).await;
    let dir = place.journal.dir().to_owned();
    let home = path.parent().unwrap();
    for (path, bad, good) in [
        (dir.as_path(), 0o770, 0o700),
        (dir.as_path(), 0o1777, 0o755),
        (home, 0o750, 0o700),
        (&path, 0o640, 0o600),
    ] {
        set_mode(path, bad);
        let error = place.journal.open(run).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Journal);
        says(&error, &[path.to_str().unwrap(), &format!("mode {bad:04o}"), "chmod go-rwx"]);
        set_mode(path, good);
        place.journal.open(run).await.unwrap();
        place.journal.close(run).await.unwrap();
    }
}

#[tokio::test]
async fn a_place_of_somebody_else_is_refused() {
    if !rustix::process::geteuid().is_root() {
        println!("SKIPPED: only root can give a folder away");
        return;
    }
    let place = Place::new();
    let (run, path) = place.run(1).await;
    for path in [place.journal.dir(), path.parent().unwrap(), &path] {
        std::os::unix::fs::chown(path, Some(65534), None).unwrap();
        let error = place.journal.open(run).await.unwrap_err();
        says(&error, &["belongs to user 65534", path.to_str().unwrap()]);
        let error = place.journal.create(run, &sample::begin(&sample::plan())).await.unwrap_err();
        says(&error, &["belongs to user 65534"]);
        std::os::unix::fs::chown(path, Some(0), None).unwrap();
    }
    place.journal.open(run).await.unwrap();
}

#[tokio::test]
async fn names_of_evidence_lead_nowhere_else() {
    let place = Place::new();
    let (run, path) = place.run(1).await;
    for name in [
        "",
        ".",
        "..",
        "../x",
        "a/b",
        "/etc/x",
        "a\0b",
        "a\nb",
        "-rf",
        ".hidden",
        "é",
        &"x".repeat(101),
    ] {
        let error = place.journal.attach(run, name, b"x").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{name:?}");
    }
    assert!(!path.with_extension("evidence").exists());
    for name in ["log.txt", "0", "new-inspect_1.json"] {
        place.journal.attach(run, name, b"x").await.unwrap();
    }
    let evidence = path.with_extension("evidence");
    assert_eq!(std::fs::read_dir(evidence).unwrap().count(), 3, "no drafts are left");
}

#[tokio::test]
async fn nothing_is_made_by_looking() {
    let place = Place::new();
    assert_eq!(place.journal.list().await.unwrap(), []);
    let error = place.journal.load(sample::run(1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(!place.dir.path().join("state").exists());
}

#[tokio::test]
async fn a_folder_that_can_not_be_made_is_an_error_and_not_a_loop() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("file"), "").unwrap();
    for path in ["file/journal", "file/a/b"] {
        let journal = FileJournal::new(dir.path().join(path));
        let error =
            journal.create(sample::run(1), &sample::begin(&sample::plan())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Journal, "{path}");
    }
}

#[tokio::test]
async fn strangers_in_the_folder_do_no_harm() {
    let place = Place::new();
    let (run, path) = place.run(2).await;
    let home = path.parent().unwrap();
    std::fs::write(place.journal.dir().join("notes.txt"), "x").unwrap();
    std::fs::write(home.join("README.jsonl"), "x").unwrap();
    std::fs::create_dir(home.join("x.evidence")).unwrap();
    symlink("/", place.journal.dir().join("root")).unwrap();
    assert_eq!(place.journal.list().await.unwrap(), [run]);
    assert_eq!(place.journal.load(run).await.unwrap().len(), 2);
}

#[test]
fn the_default_folder_follows_user_and_environment() {
    let path = |text: &'static str| Some(Path::new(text));
    for (is_root, state, home, expected) in [
        (true, path("/x"), path("/root"), "/var/lib/stillme-rollback"),
        (false, path("/x"), path("/home/a"), "/x/stillme-rollback"),
        (false, path("relative"), path("/home/a"), "/home/a/.local/state/stillme-rollback"),
        (false, path(""), path("/home/a"), "/home/a/.local/state/stillme-rollback"),
        (false, None, path("/home/a"), "/home/a/.local/state/stillme-rollback"),
    ] {
        assert_eq!(default_journal_dir(is_root, state, home).unwrap(), Path::new(expected));
    }
    assert!(default_journal_dir(false, None, path("home")).is_err());
    assert!(default_journal_dir(false, None, None).is_err());
}

//! The contract of [`Journal`], as tests.

use std::sync::Arc;
use std::time::Duration;

use super::sample;
use crate::clock::{Clock as _, SystemClock};
use crate::error::{ErrorKind, Result};
use crate::journal::{Attachment, Entry, Journal, Progress, Record};
use crate::{EndState, RunId};

/// No part may take longer than this: an implementation that hangs fails.
const LIMIT: Duration = Duration::from_secs(60);

/// Checks that a journal keeps its contract, as one process sees it. It may have other runs already.
///
/// What takes two processes is in [`check_journal_processes`]; what a crash or a broken disk leaves is
/// the implementation's own to test.
///
/// # Panics
/// If it does not, or if a part takes longer than a minute.
pub async fn check_journal(journal: Arc<dyn Journal>) {
    let journal = &*journal;
    in_time("stores what it is given", stores(journal)).await;
    in_time("refuses a wrong seq", refuses_a_wrong_seq(journal)).await;
    in_time("refuses what is not there", refuses_the_unknown(journal)).await;
    in_time("creates once", creates_once(journal)).await;
    in_time("has one holder", has_one_holder(journal)).await;
    in_time("lets one writer win", lets_one_writer_win(journal)).await;
    in_time("is read while written", is_read_while_written(journal)).await;
    in_time("takes a thousand records", takes_a_thousand(journal)).await;
    in_time("lists runs by age", lists_by_age(journal)).await;
    in_time("keeps evidence", keeps_evidence(journal)).await;
    in_time("passes on requests to give up", passes_on_aborts(journal)).await;
}

/// Checks that two ways to the same records, as two processes have them, respect each other.
///
/// # Panics
/// If they do not.
pub async fn check_journal_processes(one: Arc<dyn Journal>, two: Arc<dyn Journal>) {
    in_time("two processes", async {
        let run = begun(&*one).await;
        expect(two.open(run).await, ErrorKind::Held, "open what another process holds");
        expect(
            two.append(run, &sample::following(1)).await,
            ErrorKind::Journal,
            "append to what another process holds",
        );
        must(two.close(run).await, "closing what another process holds is no error");
        expect(two.open(run).await, ErrorKind::Held, "open after such a close");
        must(one.append(run, &sample::following(1)).await, "the holder appends");
        let seen = must(two.load(run).await, "load what another process holds");
        assert_eq!(seen.len(), 2, "load shows what is durable");
        must(two.request_abort(run, "two").await, "ask another process's run to give up");
        let who = must(one.abort_requested(run).await, "the holder asks");
        assert_eq!(who.as_deref(), Some("two"), "the request reaches the holder");
        must(one.close(run).await, "close");
        let opened = must(two.open(run).await, "open what was let go");
        assert_eq!(opened, seen, "the next process goes on where the last one was");
        expect(one.open(run).await, ErrorKind::Held, "open what the other one has now");
        must(two.append(run, &sample::following(2)).await, "the new holder appends");
        must(two.close(run).await, "close");
    })
    .await;
}

async fn in_time(what: &str, part: impl Future<Output = ()>) {
    assert!(tokio::time::timeout(LIMIT, part).await.is_ok(), "{what}: not done within {LIMIT:?}");
}

fn must<T>(done: Result<T>, what: &str) -> T {
    match done {
        Ok(value) => value,
        Err(error) => panic!("{what}: {error}"),
    }
}

fn expect<T: std::fmt::Debug>(done: Result<T>, kind: ErrorKind, what: &str) {
    match done {
        Ok(value) => panic!("{what}: done ({value:?}), and not refused with {kind:?}"),
        Err(error) => assert_eq!(error.kind(), kind, "{what}: {error}"),
    }
}

fn new_run() -> RunId {
    must(RunId::generate(SystemClock::new().now()), "a run's identity")
}

/// A new run with its first record, held.
async fn begun(journal: &dyn Journal) -> RunId {
    let run = new_run();
    must(journal.create(run, &sample::begin(&sample::plan())).await, "create");
    run
}

async fn append(journal: &dyn Journal, run: RunId, record: &Record) {
    must(journal.append(run, record).await, "append the next record");
}

async fn loaded(journal: &dyn Journal, run: RunId) -> Vec<Record> {
    must(journal.load(run).await, "load")
}

/// Lets go of a run and takes it again, as the next process would.
async fn reopened(journal: &dyn Journal, run: RunId) -> Vec<Record> {
    must(journal.close(run).await, "close");
    must(journal.open(run).await, "open what was closed")
}

async fn stores(journal: &dyn Journal) {
    let run = begun(journal).await;
    let records = sample::records(20);
    for (index, record) in records.iter().enumerate().skip(1) {
        append(journal, run, record).await;
        let stored = loaded(journal, run).await;
        assert_eq!(stored, records[..=index], "load gives every record in order");
    }
    assert_eq!(reopened(journal, run).await, records, "open gives the same");
    let end = Entry::End { state: EndState::RolledBack, reason: "done".to_owned() };
    append(journal, run, &sample::record(20, end)).await;
    let stored = reopened(journal, run).await;
    assert_eq!(stored.len(), 21, "records after a reopen follow the ones before");
    let (_, progress) =
        must(Progress::replay(stored.iter().map(|record| &record.entry)), "replay what was stored");
    assert_eq!(progress.ended, Some(EndState::RolledBack));
    must(journal.close(run).await, "close");
    must(journal.close(run).await, "closing twice is no error");
    expect(
        journal.append(run, &sample::following(21)).await,
        ErrorKind::Journal,
        "append to a closed run",
    );
}

async fn refuses_a_wrong_seq(journal: &dyn Journal) {
    for (seq, what) in [(1, "twice"), (3, "with a gap"), (0, "from the beginning")] {
        let run = begun(journal).await;
        append(journal, run, &sample::following(1)).await;
        let wrong = match seq {
            0 => sample::begin(&sample::plan()),
            seq => sample::following(seq),
        };
        let what = format!("append record {seq} {what}");
        expect(journal.append(run, &wrong).await, ErrorKind::Conflict, &what);
        assert!(
            journal.append(run, &sample::following(2)).await.is_err(),
            "{what}: an append after a failed one must fail until the run is opened again"
        );
        assert_eq!(loaded(journal, run).await.len(), 2, "{what}: nothing is stored");
        assert_eq!(reopened(journal, run).await.len(), 2, "{what}");
        append(journal, run, &sample::following(2)).await;
        must(journal.close(run).await, "close");
    }
}

async fn refuses_the_unknown(journal: &dyn Journal) {
    let run = new_run();
    expect(journal.open(run).await, ErrorKind::NotFound, "open an unknown run");
    expect(journal.load(run).await, ErrorKind::NotFound, "load an unknown run");
    must(journal.close(run).await, "closing an unknown run is no error");
    expect(journal.attach(run, "log", b"x").await, ErrorKind::NotFound, "attach to an unknown run");
    expect(
        journal.request_abort(run, "me").await,
        ErrorKind::NotFound,
        "ask an unknown run to give up",
    );
    expect(
        journal.abort_requested(run).await,
        ErrorKind::NotFound,
        "ask whether an unknown run shall give up",
    );
    let nowhere = journal.append(run, &sample::following(1)).await;
    assert!(nowhere.is_err(), "append to an unknown run");
    let wrong = journal.create(run, &sample::following(1)).await;
    assert!(wrong.is_err(), "create with a record that begins nothing");
    expect(journal.load(run).await, ErrorKind::NotFound, "load what was not created");
}

async fn creates_once(journal: &dyn Journal) {
    let run = begun(journal).await;
    append(journal, run, &sample::following(1)).await;
    let again = sample::begin(&sample::plan());
    expect(journal.create(run, &again).await, ErrorKind::Conflict, "create a held run");
    append(journal, run, &sample::following(2)).await;
    must(journal.close(run).await, "close");
    expect(journal.create(run, &again).await, ErrorKind::Conflict, "create a closed run");
    assert_eq!(loaded(journal, run).await.len(), 3, "the run is as it was");
}

async fn has_one_holder(journal: &dyn Journal) {
    let run = begun(journal).await;
    expect(journal.open(run).await, ErrorKind::Held, "open what create holds");
    assert_eq!(reopened(journal, run).await.len(), 1);
    expect(journal.open(run).await, ErrorKind::Held, "open what open holds");
    append(journal, run, &sample::following(1)).await;
    must(journal.close(run).await, "close");
    expect(
        journal.append(run, &sample::following(2)).await,
        ErrorKind::Journal,
        "append without holding",
    );
}

async fn lets_one_writer_win(journal: &dyn Journal) {
    let run = begun(journal).await;
    let (one, two) = (sample::following(1), sample::following(1));
    let (one, two) = tokio::join!(journal.append(run, &one), journal.append(run, &two));
    assert!(
        one.is_ok() != two.is_ok(),
        "of two writers of one record exactly one wins: {one:?}, {two:?}"
    );
    assert_eq!(reopened(journal, run).await.len(), 2, "and it is stored once");
    must(journal.close(run).await, "close");
    let (one, two) = tokio::join!(journal.open(run), journal.open(run));
    assert!(
        one.is_ok() != two.is_ok(),
        "of two that open a run exactly one wins: {one:?}, {two:?}"
    );
    must(journal.close(run).await, "close");
    let run = new_run();
    let first = sample::begin(&sample::plan());
    let (one, two) = tokio::join!(journal.create(run, &first), journal.create(run, &first));
    assert!(
        one.is_ok() != two.is_ok(),
        "of two that create a run exactly one wins: {one:?}, {two:?}"
    );
    must(journal.close(run).await, "close");
}

async fn is_read_while_written(journal: &dyn Journal) {
    const RECORDS: u64 = 100;
    let run = begun(journal).await;
    let all = sample::records(RECORDS);
    let durable = std::sync::atomic::AtomicUsize::new(1);
    let write = async {
        for record in &all[1..] {
            append(journal, run, record).await;
            durable.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            tokio::task::yield_now().await;
        }
    };
    let read = async {
        loop {
            let before = durable.load(std::sync::atomic::Ordering::SeqCst);
            let seen = loaded(journal, run).await;
            assert!(seen.len() >= before, "{} of {before} durable records", seen.len());
            assert_eq!(seen, all[..seen.len()], "a reader sees whole records in order");
            if before == all.len() {
                break;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(write, read);
    must(journal.close(run).await, "close");
}

async fn takes_a_thousand(journal: &dyn Journal) {
    let run = begun(journal).await;
    let all = sample::records(1000);
    for record in &all[1..] {
        append(journal, run, record).await;
    }
    assert_eq!(reopened(journal, run).await, all);
    must(journal.close(run).await, "close");
}

async fn lists_by_age(journal: &dyn Journal) {
    let now = SystemClock::new().now();
    let mut made = Vec::new();
    // Made in an order that is neither theirs nor its reverse.
    for days in [3, 1, 4, 0, 2] {
        let at = now - Duration::from_secs(days * 86_400);
        let run = must(RunId::generate(at), "a run's identity");
        must(journal.create(run, &sample::begin(&sample::plan())).await, "create");
        made.push(run);
    }
    made.sort();
    let list = must(journal.list().await, "list");
    let ours: Vec<_> = list.iter().filter(|run| made.contains(run)).copied().collect();
    assert_eq!(ours, made, "every run once, oldest first");
    assert!(list.is_sorted(), "oldest first");
    for run in made {
        must(journal.close(run).await, "close");
    }
}

async fn keeps_evidence(journal: &dyn Journal) {
    let run = begun(journal).await;
    for content in [b"first".as_slice(), b"", &[0, 255, 10]] {
        let stored = must(journal.attach(run, "log.txt", content).await, "attach");
        let plain = Attachment::of("log.txt", content);
        assert_eq!(
            (&stored.name, stored.bytes, &stored.sha256),
            (&plain.name, plain.bytes, &plain.sha256)
        );
    }
    for name in ["", "..", "../x", "a/b", "/x", "a\0", "-x"] {
        let what = format!("attach under the name {name:?}");
        expect(journal.attach(run, name, b"x").await, ErrorKind::InvalidInput, &what);
    }
    assert_eq!(loaded(journal, run).await.len(), 1, "evidence is no record");
    must(journal.close(run).await, "close");
    must(journal.attach(run, "late.txt", b"x").await, "attach without holding");
}

async fn passes_on_aborts(journal: &dyn Journal) {
    let run = begun(journal).await;
    let asked = || async { must(journal.abort_requested(run).await, "ask") };
    assert_eq!(asked().await, None, "nobody asked");
    must(journal.request_abort(run, "one").await, "request");
    must(journal.request_abort(run, "two: größer\nthan").await, "request again");
    for _ in 0..2 {
        let who = asked().await;
        assert_eq!(who.as_deref(), Some("two: größer\nthan"), "the last request stays");
    }
    append(journal, run, &sample::following(1)).await;
    must(journal.close(run).await, "close");
    assert_eq!(asked().await, None, "who lets go has dealt with it");
    must(journal.request_abort(run, "three").await, "request while nobody holds");
    must(journal.open(run).await, "open");
    assert_eq!(asked().await.as_deref(), Some("three"), "it waits for the next holder");
    must(journal.close(run).await, "close");
}

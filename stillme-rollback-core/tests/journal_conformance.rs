//! Both journals keep the contract of their trait.

use std::sync::Arc;

use async_trait::async_trait;
use stillme_rollback_core::journal::{Attachment, FileJournal, Journal, MemoryJournal, Record};
use stillme_rollback_core::testing::conformance::{check_journal, check_journal_processes};
use stillme_rollback_core::{ErrorKind, Result, RunId};

#[tokio::test]
async fn the_journal_in_memory() {
    check_journal(Arc::new(MemoryJournal::new())).await;
}

#[tokio::test]
async fn the_journal_in_memory_among_processes() {
    let journal = MemoryJournal::new();
    let other = journal.other_process();
    check_journal_processes(Arc::new(journal), Arc::new(other)).await;
}

#[tokio::test]
async fn the_journal_in_files() {
    let dir = tempfile::tempdir().unwrap();
    check_journal(Arc::new(FileJournal::new(dir.path().join("journal")))).await;
}

#[tokio::test]
async fn the_journal_in_files_among_processes() {
    let dir = tempfile::tempdir().unwrap();
    let open = || Arc::new(FileJournal::new(dir.path().join("journal")));
    check_journal_processes(open(), open()).await;
}

/// A journal that breaks one rule.
#[derive(Debug)]
struct Broken {
    inner: MemoryJournal,
    rule: Rule,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Rule {
    /// Breaks none: the proof that the wrapper itself is sound.
    None,
    StoresAppends,
    RefusesWrongSeq,
    PoisonsAfterAFailure,
    CreatesOnce,
    HasOneHolder,
    ListsInOrder,
    ChecksNames,
    KeepsRequests,
    DropsRequestsAtClose,
}

#[async_trait]
impl Journal for Broken {
    async fn create(&self, run: RunId, begin: &Record) -> Result<()> {
        match self.inner.create(run, begin).await {
            Err(error) if error.kind() == ErrorKind::Conflict && self.rule == Rule::CreatesOnce => {
                Ok(())
            }
            done => done,
        }
    }

    async fn open(&self, run: RunId) -> Result<Vec<Record>> {
        match self.inner.open(run).await {
            Err(error) if error.kind() == ErrorKind::Held && self.rule == Rule::HasOneHolder => {
                self.inner.load(run).await
            }
            done => done,
        }
    }

    async fn append(&self, run: RunId, record: &Record) -> Result<()> {
        if self.rule == Rule::StoresAppends && record.seq == 3 {
            return Ok(());
        }
        let done = self.inner.append(run, record).await;
        let is_conflict = matches!(&done, Err(error) if error.kind() == ErrorKind::Conflict);
        if is_conflict && self.rule == Rule::PoisonsAfterAFailure {
            self.inner.close(run).await?;
            self.inner.open(run).await?;
        }
        if is_conflict && self.rule == Rule::RefusesWrongSeq {
            return Ok(());
        }
        done
    }

    async fn close(&self, run: RunId) -> Result<()> {
        let request = match self.rule {
            Rule::DropsRequestsAtClose => self.inner.abort_requested(run).await.ok().flatten(),
            _ => None,
        };
        self.inner.close(run).await?;
        match request {
            Some(who) => self.inner.request_abort(run, &who).await,
            None => Ok(()),
        }
    }

    async fn load(&self, run: RunId) -> Result<Vec<Record>> {
        self.inner.load(run).await
    }

    async fn list(&self) -> Result<Vec<RunId>> {
        let mut runs = self.inner.list().await?;
        if self.rule == Rule::ListsInOrder {
            runs.reverse();
        }
        Ok(runs)
    }

    async fn attach(&self, run: RunId, name: &str, content: &[u8]) -> Result<Attachment> {
        match self.inner.attach(run, name, content).await {
            Err(error)
                if error.kind() == ErrorKind::InvalidInput && self.rule == Rule::ChecksNames =>
            {
                Ok(Attachment::of(name, content))
            }
            done => done,
        }
    }

    async fn request_abort(&self, run: RunId, who: &str) -> Result<()> {
        self.inner.request_abort(run, who).await
    }

    async fn abort_requested(&self, run: RunId) -> Result<Option<String>> {
        let request = self.inner.abort_requested(run).await?;
        Ok(request.filter(|_| self.rule != Rule::KeepsRequests))
    }
}

/// A suite that passes everything is worth nothing: each broken rule must fail it.
#[tokio::test]
async fn the_suite_finds_each_broken_rule() {
    for rule in [
        Rule::None,
        Rule::StoresAppends,
        Rule::RefusesWrongSeq,
        Rule::PoisonsAfterAFailure,
        Rule::CreatesOnce,
        Rule::HasOneHolder,
        Rule::ListsInOrder,
        Rule::ChecksNames,
        Rule::KeepsRequests,
        Rule::DropsRequestsAtClose,
    ] {
        let inner = MemoryJournal::new();
        let suite = tokio::spawn(check_journal(Arc::new(Broken { inner, rule })));
        let failed = suite.await.is_err_and(|error| error.is_panic());
        assert_eq!(failed, rule != Rule::None, "{rule:?}");
    }
}

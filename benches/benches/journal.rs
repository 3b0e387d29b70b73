//! How long it takes to write and to read the lines of a journal, without a disk.

#![expect(clippy::expect_used, reason = "a bench fails by panicking")]

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use stillme_rollback_benches::{memory, records};
use stillme_rollback_core::journal::{Chain, Progress, Record};

const RECORDS: u32 = 60;

fn sample() -> Vec<Record> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let plan = runtime.block_on(async { memory::plan(&memory::platform("web"), "web").await });
    records::of(plan.expect("a plan"), RECORDS)
}

fn seal(chain: &mut Chain, records: &[Record]) -> Vec<String> {
    records.iter().map(|record| chain.seal(record).expect("a line")).collect()
}

fn journal(criterion: &mut Criterion) {
    let records = sample();
    let run = records::run(1);
    let mut behind_first = Chain::new(run);
    let lines = seal(&mut behind_first.clone(), &records);
    seal(&mut behind_first, &records[..1]);
    criterion.bench_function("journal/seal a record", |bencher| {
        let chain = || behind_first.clone();
        bencher.iter_batched(chain, |mut chain| chain.seal(&records[1]), BatchSize::SmallInput);
    });
    criterion.bench_function("journal/read 60 records", |bencher| {
        bencher.iter(|| {
            let mut chain = Chain::new(run);
            let read = lines.iter().map(|line| chain.read(line.as_bytes()).expect("a record"));
            read.collect::<Vec<_>>()
        });
    });
    criterion.bench_function("journal/replay 60 records", |bencher| {
        bencher.iter(|| Progress::replay(records.iter().map(|record| &record.entry)));
    });
}

criterion_group!(benches, journal);
criterion_main!(benches);

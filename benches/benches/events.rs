//! How long it takes to give an event to a buffer, full or not, and to read what is new.

use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use stillme_rollback_benches::records;
use stillme_rollback_core::event::{Cursor, Event, EventBuffer, EventKind};

fn events(criterion: &mut Criterion) {
    let kind = EventKind::TurnedBack { reason: String::from("no answer") };
    let event = Arc::new(Event::new(records::run(1), 0, kind));
    criterion.bench_function("events/push into a full buffer", |bencher| {
        let buffer = EventBuffer::default();
        for _ in 0..EventBuffer::CAPACITY {
            buffer.push(Arc::clone(&event));
        }
        bencher.iter(|| buffer.push(Arc::clone(&event)));
    });
    criterion.bench_function("events/read 30", |bencher| {
        let buffer = EventBuffer::default();
        for _ in 0..30 {
            buffer.push(Arc::clone(&event));
        }
        bencher.iter(|| buffer.since(Cursor::default()));
    });
}

criterion_group!(benches, events);
criterion_main!(benches);

use std::time::Duration;

use super::*;
use crate::event::EventKind;
use crate::report::story::run;

const LIMIT: Duration = Duration::from_secs(10);

fn low(seq: u64) -> Event {
    let kind = EventKind::Waiting { step: None, why: "x".into(), for_ms: None };
    Event::new(run(), seq, kind)
}

fn high(seq: u64) -> Event {
    Event::new(run(), seq, EventKind::TurnedBack { reason: "x".into() })
}

fn last(seq: u64) -> Event {
    let kind = EventKind::Ended { state: crate::EndState::Restored, reason: "x".into() };
    Event::new(run(), seq, kind)
}

fn seqs(news: &News) -> Vec<u64> {
    news.events.iter().map(|event| event.seq).collect()
}

#[test]
fn readers_go_on_where_they_were() {
    let buffer = EventBuffer::default();
    buffer.push(high(0));
    buffer.push(low(1));
    let first = buffer.since(Cursor::default());
    assert_eq!((seqs(&first), first.missed, first.closed), (vec![0, 1], 0, false));
    buffer.push(high(2));
    let second = buffer.since(first.cursor);
    assert_eq!((seqs(&second), second.missed), (vec![2], 0));
    // Reading took nothing away from the next reader.
    assert_eq!(seqs(&buffer.clone().since(Cursor::default())), [0, 1, 2]);
}

#[test]
fn the_least_important_goes_first_and_the_end_last() {
    type Make = fn(u64) -> Event;
    let cases: [(&[Make], &[u64]); 5] = [
        (&[low, high, low, high], &[1, 2, 3]),
        (&[high, high, high, low], &[0, 1, 2]),
        (&[last, high, high, high], &[0, 2, 3]),
        (&[last, last, last, high], &[0, 1, 2]),
        (&[last, last, last, last], &[1, 2, 3]),
    ];
    for (pushed, kept) in cases {
        let buffer = EventBuffer::new(3);
        for (seq, make) in (0..).zip(pushed) {
            buffer.push(make(seq));
        }
        let news = buffer.since(Cursor::default());
        assert_eq!((seqs(&news).as_slice(), news.missed), (kept, 1));
    }
}

/// Every event is either read or counted as missed, whenever a reader looks.
#[test]
fn nothing_is_lost_without_being_counted() {
    for capacity in [1, 2, 7, 64] {
        let buffer = EventBuffer::new(capacity);
        let (mut cursor, mut read, mut missed) = (Cursor::default(), 0, 0);
        for seq in 0..1000u64 {
            let event = if seq % 3 == 0 { low(seq) } else { high(seq) };
            buffer.push(event);
            if seq % 13 == 0 || seq == 999 {
                let news = buffer.since(cursor);
                assert!(news.events.is_sorted_by_key(|event| event.seq));
                read += news.events.len() as u64;
                missed += news.missed;
                cursor = news.cursor;
            }
        }
        assert_eq!(read + missed, 1000, "capacity {capacity}");
        assert!(buffer.since(Cursor::default()).events.len() <= capacity);
    }
}

#[test]
fn a_cursor_of_another_buffer_is_no_panic() {
    let cursor: Cursor = serde_json::from_str("18446744073709551615").unwrap();
    let buffer = EventBuffer::new(1);
    buffer.push(high(0));
    let news = buffer.since(cursor);
    assert_eq!((news.events.len(), news.missed), (0, 0));
}

#[tokio::test]
async fn a_reader_waits_for_news() {
    let buffer = EventBuffer::default();
    let mut reader = tokio::spawn({
        let buffer = buffer.clone();
        async move { buffer.news(Cursor::default()).await }
    });
    let early = tokio::time::timeout(Duration::from_millis(20), &mut reader).await;
    assert!(early.is_err(), "there was nothing to tell");
    buffer.push(high(0));
    let news = tokio::time::timeout(LIMIT, reader).await.unwrap().unwrap();
    assert_eq!(seqs(&news), [0]);
}

#[tokio::test]
async fn a_reader_does_not_wait_for_a_writer_that_is_gone() {
    let buffer = EventBuffer::default();
    let guard = buffer.close_on_drop();
    let reader = tokio::spawn({
        let buffer = buffer.clone();
        async move { buffer.news(Cursor::default()).await }
    });
    tokio::task::yield_now().await;
    drop(guard);
    let news = tokio::time::timeout(LIMIT, reader).await.unwrap().unwrap();
    assert!(news.closed && news.events.is_empty());
}

/// No order of writing and waiting loses the wake-up.
#[tokio::test]
async fn a_reader_sees_everything_while_it_is_written() {
    let buffer = EventBuffer::new(100_000);
    let writer = tokio::task::spawn_blocking({
        let buffer = buffer.clone();
        move || {
            let _guard = buffer.close_on_drop();
            for seq in 0..20_000 {
                buffer.push(high(seq));
            }
        }
    });
    let reader = async {
        let (mut cursor, mut read) = (Cursor::default(), 0);
        loop {
            let news = buffer.news(cursor).await;
            read += news.events.len();
            cursor = news.cursor;
            if news.closed {
                return read;
            }
        }
    };
    let read = tokio::time::timeout(LIMIT, reader).await.unwrap();
    assert_eq!(read, 20_000);
    writer.await.unwrap();
}

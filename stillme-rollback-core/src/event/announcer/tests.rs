use std::collections::HashSet;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::ThreadId;

use super::*;
use crate::event::EventBuffer;
use crate::id::RunId;
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

/// Notes what it is told and on which thread.
#[derive(Debug, Default)]
struct Notes {
    events: Mutex<Vec<Event>>,
    threads: Mutex<HashSet<ThreadId>>,
}

impl Notes {
    fn seqs(&self) -> Vec<u64> {
        self.events.lock().unwrap().iter().map(|event| event.seq).collect()
    }
}

impl Observer for Notes {
    fn on_event(&self, event: &Event) {
        self.threads.lock().unwrap().insert(thread::current().id());
        self.events.lock().unwrap().push(event.clone());
    }
}

/// Says when it is told something, and comes back only when it is let go.
#[derive(Debug)]
struct Slow {
    entered: Mutex<Sender<()>>,
    gate: Mutex<Receiver<()>>,
    notes: Arc<Notes>,
}

impl Slow {
    fn new(notes: &Arc<Notes>) -> (Arc<Self>, Receiver<()>, Sender<()>) {
        let (entered, has_entered) = channel();
        let (open, gate) = channel();
        let slow = Arc::new(Self {
            entered: Mutex::new(entered),
            gate: Mutex::new(gate),
            notes: Arc::clone(notes),
        });
        (slow, has_entered, open)
    }
}

impl Observer for Slow {
    fn on_event(&self, event: &Event) {
        self.notes.on_event(event);
        let _ = self.entered.lock().unwrap().send(());
        // Open for good once the sender is gone.
        let _ = self.gate.lock().unwrap().recv_timeout(LIMIT);
    }
}

#[derive(Debug)]
struct Panicking(Arc<Notes>);

impl Observer for Panicking {
    fn on_event(&self, event: &Event) {
        self.0.on_event(event);
        panic!("an observer's own business");
    }
}

#[test]
fn observers_are_told_everything_in_order() {
    let (one, two) = (Arc::new(Notes::default()), Arc::new(Notes::default()));
    let observers: [Arc<dyn Observer>; 2] = [one.clone(), two.clone()];
    let announcer = Announcer::new(observers);
    for seq in 0..1000 {
        announcer.publish(high(seq));
    }
    assert!(announcer.flush(LIMIT));
    for notes in [one, two] {
        assert!(notes.seqs().into_iter().eq(0..1000));
    }
}

#[test]
fn a_slow_observer_holds_up_nobody_and_is_told_what_it_lost() {
    let (slow_notes, quick) = (Arc::new(Notes::default()), Arc::new(Notes::default()));
    let (slow, entered, open) = Slow::new(&slow_notes);
    let observers: [Arc<dyn Observer>; 2] = [slow, quick.clone()];
    let announcer = Announcer::with_capacity(observers, 4);
    announcer.publish(high(0));
    entered.recv_timeout(LIMIT).unwrap();

    // It sits in event 0. Of these, four fit.
    for event in [low(1), high(2), low(3), high(4), last(5), high(6), high(7)] {
        announcer.publish(event);
        assert!(announcer.outlets[1].flush(Instant::now() + LIMIT), "the quick one waits");
    }
    assert_eq!(slow_notes.seqs(), [0], "it was let go too early");
    assert!(quick.seqs().into_iter().eq(0..8));

    drop(open);
    assert!(announcer.flush(LIMIT));
    let events = slow_notes.events.lock().unwrap().clone();
    let told: Vec<_> = events
        .iter()
        .map(|event| match event.kind {
            EventKind::Dropped { count } => format!("-{count} (last {})", event.seq),
            _ => event.seq.to_string(),
        })
        .collect();
    // 1 and 3 were of low priority; 2 is the oldest of those that are not the end.
    assert_eq!(told, ["0", "-3 (last 2)", "4", "5", "6", "7"]);
}

#[test]
fn publishing_to_an_observer_that_never_comes_back_costs_nothing() {
    let notes = Arc::new(Notes::default());
    let (slow, entered, open) = Slow::new(&notes);
    let announcer = Announcer::with_capacity([slow as Arc<dyn Observer>], 16);
    announcer.publish(high(0));
    entered.recv_timeout(LIMIT).unwrap();
    for seq in 1..100_000 {
        announcer.publish(high(seq));
    }
    assert!(!announcer.flush(Duration::from_millis(10)), "it can't have been told");
    assert_eq!(notes.seqs(), [0], "it was let go too early");
    drop(open);
    assert!(announcer.flush(LIMIT));
    // 0, the notice, and what still fitted.
    assert_eq!(notes.events.lock().unwrap().len(), 18);
}

/// The last events are gone, so that no later one can bring the notice.
#[test]
fn a_loss_at_the_end_is_told_as_well() {
    let notes = Arc::new(Notes::default());
    let (slow, entered, open) = Slow::new(&notes);
    let announcer = Announcer::with_capacity([slow as Arc<dyn Observer>], 1);
    announcer.publish(high(0));
    entered.recv_timeout(LIMIT).unwrap();
    for event in [last(1), low(2)] {
        announcer.publish(event);
    }
    drop(open);
    assert!(announcer.flush(LIMIT));
    let events = notes.events.lock().unwrap();
    let dropped: u64 = events
        .iter()
        .map(|event| match event.kind {
            EventKind::Dropped { count } => count,
            _ => 0,
        })
        .sum();
    assert_eq!((dropped, events.len()), (1, 3), "{events:?}");
}

#[test]
fn a_panicking_observer_is_told_the_next_event_all_the_same() {
    let (broken, whole) = (Arc::new(Notes::default()), Arc::new(Notes::default()));
    let observers: [Arc<dyn Observer>; 2] =
        [Arc::new(Panicking(Arc::clone(&broken))), whole.clone()];
    let announcer = Announcer::new(observers);
    for seq in 0..5 {
        announcer.publish(high(seq));
    }
    assert!(announcer.flush(LIMIT));
    for notes in [broken, whole] {
        assert!(notes.seqs().into_iter().eq(0..5));
    }
}

/// What was published before the last handle went is told, and then the observer is let go.
#[test]
fn dropping_the_announcer_tells_the_rest_and_ends_its_threads() {
    let notes = Arc::new(Notes::default());
    let (slow, entered, open) = Slow::new(&notes);
    let slow_alive = Arc::downgrade(&slow);
    let announcer = Announcer::new([slow as Arc<dyn Observer>]);
    let clone = announcer.clone();
    announcer.publish(high(0));
    entered.recv_timeout(LIMIT).unwrap();
    announcer.publish(high(1));
    drop(announcer);
    clone.publish(high(2));
    drop(clone);
    drop(open);
    entered.recv_timeout(LIMIT).unwrap();
    entered.recv_timeout(LIMIT).unwrap();
    assert_eq!(notes.seqs(), [0, 1, 2]);
    // The channel's other end goes with the observer, and the observer with its thread.
    assert!(
        entered
            .recv_timeout(LIMIT)
            .is_err_and(|error| { error == std::sync::mpsc::RecvTimeoutError::Disconnected })
    );
    assert!(slow_alive.upgrade().is_none());
}

/// A reader that is dropped half-way: the buffer it read from, and who observes beside it, go on.
#[test]
fn a_dropped_reader_changes_nothing() {
    let (buffer, notes) = (EventBuffer::new(4), Arc::new(Notes::default()));
    let observers: [Arc<dyn Observer>; 2] = [Arc::new(buffer.clone()), notes.clone()];
    let announcer = Announcer::new(observers);
    announcer.publish(high(0));
    assert!(announcer.flush(LIMIT));
    let reader = buffer.clone();
    assert_eq!(reader.since(Default::default()).events.len(), 1);
    drop((reader, buffer));
    announcer.publish(high(1));
    assert!(announcer.flush(LIMIT));
    assert_eq!(notes.seqs(), [0, 1]);
}

#[test]
fn ten_thousand_runs_share_one_thread() {
    let notes = Arc::new(Notes::default());
    let announcer = Announcer::with_capacity([notes.clone() as Arc<dyn Observer>], 100_000);
    let publishers: Vec<_> = (0..4u128)
        .map(|publisher| {
            let announcer = announcer.clone();
            thread::spawn(move || {
                for number in 0..2500 {
                    let id = publisher * 2500 + number;
                    let run = RunId::from_parts(std::time::SystemTime::UNIX_EPOCH, id);
                    let reason = String::from("x");
                    announcer.publish(Event::new(run, 0, EventKind::TurnedBack { reason }));
                }
            })
        })
        .collect();
    for publisher in publishers {
        publisher.join().unwrap();
    }
    assert!(announcer.flush(LIMIT));
    let runs: HashSet<_> = notes.events.lock().unwrap().iter().map(|event| event.run).collect();
    assert_eq!(runs.len(), 10_000);
    assert_eq!(notes.threads.lock().unwrap().len(), 1);
}

#[test]
fn without_observers_there_is_nothing_to_wait_for() {
    let announcer = Announcer::default();
    announcer.publish(high(0));
    assert!(announcer.flush(Duration::ZERO));
    assert!(announcer.flush(Duration::MAX));
}

#[test]
fn no_thread_before_the_first_event() {
    let notes = Arc::new(Notes::default());
    let announcer = Announcer::new([notes as Arc<dyn Observer>]);
    assert!(!announcer.outlets[0].shared.lock().has_thread);
    assert!(announcer.flush(Duration::ZERO));
    announcer.publish(high(0));
    assert!(announcer.outlets[0].shared.lock().has_thread);
}

//! Nothing that an observer does changes a run.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use stillme_rollback_core::event::Event;
use stillme_rollback_core::{EndState, Observer};

use super::support::Stage;

#[derive(Debug, Default)]
struct Counting(AtomicUsize);

impl Observer for Counting {
    fn on_event(&self, _event: &Event) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[derive(Debug)]
struct Panicking;

impl Observer for Panicking {
    fn on_event(&self, _event: &Event) {
        panic!("an observer's own trouble");
    }
}

/// Blocks its own thread until the test is over.
#[derive(Debug)]
struct Stuck(std::sync::Mutex<std::sync::mpsc::Receiver<()>>);

impl Observer for Stuck {
    fn on_event(&self, _event: &Event) {
        // Comes back when the sender is dropped.
        let _ = self.0.lock().map(|gate| gate.recv());
    }
}

#[tokio::test(start_paused = true)]
async fn slow_and_panicking_observers_change_nothing() {
    let stage = Stage::new();
    let counting = Arc::new(Counting::default());
    let (release, gate) = std::sync::mpsc::channel();
    let engine = stage
        .builder()
        .observer(Arc::new(Panicking))
        .observer(Arc::new(Stuck(std::sync::Mutex::new(gate))))
        .observer(counting.clone())
        .build();
    let report = engine.run(stage.plan().await).await.unwrap();
    assert_eq!(report.state, Some(EndState::RolledBack), "{report}");
    drop(release);
    assert!(engine.flush_observers(Duration::from_secs(10)), "all were told in the end");
    assert!(counting.0.load(Ordering::SeqCst) >= 10);
}

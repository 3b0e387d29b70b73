//! What a run does, while it does it: a line that moves on a terminal, plain lines elsewhere, JSON
//! for programs.

use std::collections::HashMap;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use stillme_rollback_core::event::{Event, EventKind, News, RunStarted};
use stillme_rollback_core::journal::Direction;
use stillme_rollback_core::{Printable, StepId};

use crate::cli::Output;
use crate::io::Io;

/// Waits that are shorter say nothing to a person.
const WORTH_TELLING: u64 = 1000;

/// Shows a run.
#[derive(Debug)]
pub(crate) struct Progress {
    way: Way,
    /// The steps' lines for people.
    titles: HashMap<StepId, String>,
}

#[derive(Debug)]
enum Way {
    Json,
    Lines,
    Drawn(ProgressBar),
}

impl Progress {
    /// The way that fits.
    pub(crate) fn new(io: &Io, format: Output) -> Self {
        let way = match format {
            Output::Json => Way::Json,
            Output::Text if io.can_draw => Way::Drawn(bar()),
            Output::Text => Way::Lines,
        };
        Self { way, titles: HashMap::new() }
    }

    /// Shows what is new.
    pub(crate) fn show(&mut self, io: &mut Io, news: &News) {
        if news.missed > 0 {
            self.tell(io, &format!("{} events were not shown; the journal has them", news.missed));
        }
        for event in &news.events {
            self.event(io, event);
        }
    }

    /// Shows what the verdict waits for. Programs have the verdict's evidence.
    pub(crate) fn waits_for(&self, io: &mut Io, text: &str) {
        let text = Printable(text);
        match &self.way {
            Way::Drawn(bar) => bar.set_message(text.to_string()),
            Way::Lines => io.note(format_args!("           waits: {text}")),
            Way::Json => {}
        }
    }

    /// Says something that is no event.
    pub(crate) fn tell(&self, io: &mut Io, text: &str) {
        match &self.way {
            Way::Drawn(bar) => bar.println(text),
            Way::Json | Way::Lines => io.note(text),
        }
    }

    /// Leaves the terminal as it was.
    pub(crate) fn end(&self) {
        if let Way::Drawn(bar) = &self.way {
            bar.finish_and_clear();
        }
    }

    fn event(&mut self, io: &mut Io, event: &Event) {
        if let Way::Json = self.way {
            // An event is an object of plain data.
            if let Ok(line) = serde_json::to_string(event) {
                io.say(line);
            }
            return;
        }
        if let EventKind::RunStarted(started) = &event.kind {
            self.begin(started);
        }
        let line = self.line(event);
        match &self.way {
            Way::Drawn(bar) => self.draw(bar, event, line),
            Way::Json | Way::Lines => line.into_iter().for_each(|line| io.note(line)),
        }
    }

    fn begin(&mut self, started: &RunStarted) {
        let title = |step: &str| Printable(step).to_string();
        self.titles = started.steps.iter().map(|s| (s.id.clone(), title(&s.title))).collect();
        if let Way::Drawn(bar) = &self.way {
            bar.set_length(started.steps.len() as u64);
            bar.set_position(started.steps.iter().filter(|step| step.done).count() as u64);
        }
    }

    /// The line that stays, if it is worth one.
    fn line(&self, event: &Event) -> Option<String> {
        let text = match &event.kind {
            EventKind::StepStarted { attempt: 1, step, direction, .. } => {
                if let Way::Drawn(_) = self.way {
                    return None;
                }
                format!("{} ...", self.doing(step, *direction))
            }
            EventKind::Waiting { for_ms, .. } if for_ms.is_none_or(|ms| ms < WORTH_TELLING) => {
                return None;
            }
            kind => kind.to_string(),
        };
        Some(format!("{:>7.1} s  {text}", Duration::from_millis(event.elapsed_ms).as_secs_f64()))
    }

    fn draw(&self, bar: &ProgressBar, event: &Event, line: Option<String>) {
        match &event.kind {
            EventKind::StepStarted { step, direction, .. } => {
                bar.set_message(self.doing(step, *direction));
            }
            EventKind::Verifying { step, .. } => bar.set_message(self.doing(step, Direction::Do)),
            EventKind::Waiting { .. } => {
                bar.set_message(event.kind.to_string());
                return;
            }
            EventKind::StepFinished { direction: Direction::Do, outcome, .. }
                if outcome.is_done() =>
            {
                bar.inc(1);
            }
            EventKind::VerdictGiven { .. } => bar.inc(1),
            EventKind::TurnedBack { .. } => bar.set_prefix("undo"),
            _ => {}
        }
        if let Some(line) = line {
            bar.println(line);
        }
    }

    fn doing(&self, step: &StepId, direction: Direction) -> String {
        let title = self.titles.get(step).map_or(step.as_str(), String::as_str);
        match direction {
            Direction::Do => title.to_owned(),
            Direction::Undo => format!("take back: {title}"),
        }
    }
}

fn bar() -> ProgressBar {
    let style =
        ProgressStyle::with_template("{spinner} {elapsed} [{pos}/{len}] {prefix} {wide_msg}");
    let bar = ProgressBar::new(0);
    // A template that does not hold is a defect that a test finds; the default serves as well.
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

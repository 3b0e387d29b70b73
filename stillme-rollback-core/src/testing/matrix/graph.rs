//! All places of the matrix, and the ways between them.
//!
//! Level by level: the places that were found last are walked from, by all threads, each taking the
//! next one. What they find is taken over in the order of the places, so that neither the counts nor
//! the told examples depend on how the threads were scheduled.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::{iter, thread};

use super::stretch::{Ground, Place, Stretch, Walker};
use super::tally::Tally;
use super::{join, with_clock};
use crate::testing::simulated::Model;

/// The stretches by the keys of the places where they begin.
pub(super) struct Graph {
    first: u64,
    stretches: HashMap<u64, Stretch>,
    /// How many of the places begin a life.
    pub(super) lives: usize,
    /// Commands that were walked.
    pub(super) commands: u64,
}

impl Graph {
    /// Walks from the beginning until nothing new is found.
    pub(super) fn explore<M: Model>(ground: &Ground<'_, M>) -> Self {
        let (first, place) = ground.first();
        let mut graph = Self { first, stretches: HashMap::new(), lives: 0, commands: 0 };
        let mut known = HashSet::from([first]);
        let mut level = vec![(first, place)];
        while !level.is_empty() {
            graph.lives += level.iter().filter(|(_, place)| place.is_life()).count();
            let mut next = Vec::new();
            for (key, walked) in walk_all(ground, level, &known) {
                graph.commands += walked.stretch.commands;
                graph.stretches.insert(key, walked.stretch);
                next.extend(walked.found.into_iter().filter(|(key, _)| known.insert(*key)));
            }
            level = next;
        }
        graph
    }

    /// What became of all paths.
    pub(super) fn tally(&self) -> Arc<Tally> {
        self.from(self.first, &mut HashMap::new())
    }

    /// Attempts and crashes are counted in a place's state, so that no way leads back to it.
    fn from(&self, place: u64, done: &mut HashMap<u64, Arc<Tally>>) -> Arc<Tally> {
        if let Some(tally) = done.get(&place) {
            return Arc::clone(tally);
        }
        let stretch = &self.stretches[&place];
        let mut tally = stretch.own.clone();
        for way in &stretch.ways {
            let rest = self.from(way.to, done);
            tally.add(&rest, way.count, &way.story);
        }
        let tally = Arc::new(tally);
        done.insert(place, Arc::clone(&tally));
        tally
    }
}

/// A stretch and the places to which it leads that may be new.
struct Walked<M: Model> {
    stretch: Stretch,
    found: Vec<(u64, Place<M>)>,
}

/// Walks from all places of a level, in their order.
fn walk_all<M: Model>(
    ground: &Ground<'_, M>,
    level: Vec<(u64, Place<M>)>,
    known: &HashSet<u64>,
) -> Vec<(u64, Walked<M>)> {
    let threads = ground.matrix.threads.get().min(level.len());
    let places = Mutex::new(level.into_iter().enumerate());
    // Nothing panics while it holds the lock.
    let next = || places.lock().unwrap_or_else(PoisonError::into_inner).next();
    let walk_some = || {
        with_clock(|| {
            let mut walker = Walker::new(ground, known);
            let walk = |(index, (key, place))| {
                let (stretch, found) = walker.walk_from(place);
                (index, key, Walked { stretch, found })
            };
            iter::from_fn(next).map(walk).collect::<Vec<_>>()
        })
    };
    let mut walked: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(walk_some)).collect();
        threads.into_iter().flat_map(join).collect()
    });
    walked.sort_unstable_by_key(|(index, ..)| *index);
    walked.into_iter().map(|(_, key, walked)| (key, walked)).collect()
}

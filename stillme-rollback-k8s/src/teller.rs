//! Tells who watches a run what its verdict waits for.

use std::fmt;
use std::sync::Arc;

/// Somebody who is told, or nobody.
#[derive(Clone, Default)]
pub(crate) struct Teller(Option<Arc<Tell>>);

type Tell = dyn Fn(&str) + Send + Sync;

impl Teller {
    pub(crate) fn new(tell: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(tell)))
    }

    /// Says `now`, unless that was said before; and remembers it.
    pub(crate) fn changed(&self, said: &mut String, now: String) {
        if let Some(tell) = self.0.as_ref().filter(|_| *said != now) {
            tell(&now);
        }
        *said = now;
    }
}

impl fmt::Debug for Teller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Teller(somebody)" } else { "Teller(nobody)" })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn what_does_not_change_is_said_once() {
        let heard: Arc<Mutex<Vec<String>>> = Arc::default();
        let ear = heard.clone();
        let teller = Teller::new(move |text| ear.lock().unwrap().push(text.to_owned()));
        let mut said = String::new();
        for now in ["1 of 2", "1 of 2", "2 of 2"] {
            teller.changed(&mut said, now.to_owned());
        }
        assert_eq!(*heard.lock().unwrap(), ["1 of 2", "2 of 2"]);
    }
}

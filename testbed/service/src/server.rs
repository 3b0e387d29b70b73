//! Accepts connections, each on a thread of its own, never more than a fixed number.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::app::App;
use crate::config::reachable;
use crate::connection;

/// Most connections at a time. What is beyond waits in the kernel's queue.
const MOST_CONNECTIONS: usize = 512;

/// Connections are only kept alive below this number, so that idle clients can't shut others out.
const MOST_IDLE: usize = MOST_CONNECTIONS / 2;

/// Enough for one request; 512 of the usual 8 MiB would frighten memory limits.
const STACK: usize = 256 * 1024;

/// A listening server.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    app: Arc<App>,
    closing: AtomicBool,
    load: Mutex<Load>,
    /// One connection ended, or the listener did.
    changed: Condvar,
}

#[derive(Debug)]
struct Load {
    listening: bool,
    connections: usize,
}

impl Server {
    /// Serves `app` on a listener that is bound already.
    ///
    /// # Errors
    /// The listener has no address, or there is no thread left.
    pub(crate) fn start(listener: TcpListener, app: Arc<App>) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            app,
            closing: AtomicBool::new(false),
            load: Mutex::new(Load { listening: true, connections: 0 }),
            changed: Condvar::new(),
        });
        let for_thread = Arc::clone(&shared);
        thread::Builder::new().name("accept".into()).spawn(move || for_thread.accept(listener))?;
        Ok(Self { address, shared })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves who has connected already, then nobody else; takes `limit` at most.
    pub(crate) fn close(self, limit: Duration) {
        self.shared.closing.store(true, Ordering::Release);
        // `accept` can't be interrupted: one more connection makes it look at the flag.
        let _ = TcpStream::connect_timeout(&reachable(self.address), limit);
        let busy = |load: &mut Load| load.listening || load.connections > 0;
        let _ = self.shared.changed.wait_timeout_while(self.shared.load(), limit, busy);
    }
}

impl Shared {
    fn accept(self: &Arc<Self>, listener: TcpListener) {
        loop {
            match listener.accept() {
                Ok((stream, _)) => self.serve(stream),
                // Only once it is closing: the queue of those who had connected is empty.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // The client is gone, or descriptors are short: those ahead must end first.
                Err(_) => self.wait_a_moment(),
            }
            if self.closing.load(Ordering::Acquire) && listener.set_nonblocking(true).is_err() {
                break;
            }
        }
        drop(listener);
        self.load().listening = false;
        self.changed.notify_all();
    }

    fn serve(self: &Arc<Self>, stream: TcpStream) {
        let slot = Slot::take(self);
        let thread = thread::Builder::new().name("connection".into()).stack_size(STACK);
        // Without a thread left the closure is dropped, which closes the connection.
        let _ = thread.spawn(move || {
            let shared = &slot.0;
            let _ = connection::serve(&stream, &shared.app, &|| shared.may_stay());
            drop(stream);
            drop(slot);
        });
    }

    fn may_stay(&self) -> bool {
        !self.closing.load(Ordering::Acquire) && self.load().connections < MOST_IDLE
    }

    fn wait_a_moment(&self) {
        const MOMENT: Duration = Duration::from_millis(10);
        let _ = self.changed.wait_timeout(self.load(), MOMENT);
    }

    fn load(&self) -> MutexGuard<'_, Load> {
        // The numbers stay valid when a connection's thread panicked.
        self.load.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to serve one connection, given back when it is dropped.
#[derive(Debug)]
struct Slot(Arc<Shared>);

impl Slot {
    fn take(shared: &Arc<Shared>) -> Self {
        let full = |load: &mut Load| load.connections >= MOST_CONNECTIONS;
        let mut load =
            shared.changed.wait_while(shared.load(), full).unwrap_or_else(PoisonError::into_inner);
        load.connections += 1;
        Self(Arc::clone(shared))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.load().connections -= 1;
        self.0.changed.notify_all();
    }
}

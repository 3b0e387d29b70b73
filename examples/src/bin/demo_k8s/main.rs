//! The main job on a Kubernetes control plane, as a story: a bad release of a Deployment and the way back, a way back
//! that can't work, and a StatefulSet whose controller would wait for ever.
//!
//! `make demo-k8s` runs it. The control plane is real (API server, controllers, scheduler), its nodes are simulated, and
//! all of it ends with the demo.

#![expect(clippy::print_stdout, reason = "the demo's purpose is to print")]

mod namespace;
#[path = "../demo/page.rs"]
mod page;
mod plane;
mod story;

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use tokio::time::timeout;

use self::page::note;
use self::plane::Plane;

/// It takes about half a minute. What takes longer than this hangs.
const LIMIT: Duration = Duration::from_secs(180);

const USAGE: &str =
    "usage: demo_k8s FOLDER, as testbed/cluster/build.sh prints it; `make demo-k8s` sets it up";

pub(crate) type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [folder] = arguments.as_slice() else {
        note(USAGE);
        return ExitCode::from(2);
    };
    // Ends with this program, whatever becomes of it.
    let told = async {
        let plane = Plane::start(folder.as_ref()).await?;
        story::tell(&plane).await
    };
    match timeout(LIMIT, told).await {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(failure)) => {
            note(format_args!("\ndemo: {failure}"));
            ExitCode::FAILURE
        }
        Err(_) => {
            note(format_args!("\ndemo: not done within {} s", LIMIT.as_secs()));
            ExitCode::FAILURE
        }
    }
}

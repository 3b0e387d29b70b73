//! The long texts of `rollback --help`: the manual of the tool.

/// Below `rollback -h`.
pub(super) const SHORT: &str = "Examples:
  rollback versions docker web                what web could go back to
  rollback docker web --to v1 --plan          shows what would be done, touches nothing
  rollback docker web --to v1 --health-url http://localhost:8080/healthz
  rollback resume                             goes on with the run that was interrupted

Exit codes: `rollback --help`";

/// Below `rollback --help`.
pub(super) const LONG: &str = "Examples:
  rollback versions docker web
      What web runs, and what it could go back to.
  rollback docker web --to v1 --plan
      Shows what would be done and touches nothing.
  rollback docker web --to previous --health-url http://localhost:8080/healthz
      Asks, then goes back to what ran before; the URL decides whether it works.
  F=$(rollback docker web --to v1 --plan --output json | jq -r .fingerprint)
  rollback docker web --to v1 --approve $F
      Runs exactly the plan that was shown, and no other.
  rollback runs; rollback show RUN
      What was done here, and how.
  rollback resume
      Goes on with the run that was interrupted.
  rollback deployment web -n prod; rollback rollout web -n prod
      The same on Kubernetes: also statefulset, daemonset, blue-green, canary.
  rollback status deployment web -n prod; rollback pause rollout web -n prod
      How it is, pod by pod; its controller waits, with --back it goes on.
  rollback isolate docker web; rollback stop docker web
      First aid: off its networks, or stopped, and kept. With --back: as it was.
  rollback abort RUN
      Gives a run up, and takes back what it did.

Exit codes:
   0  done; for a rollback: RolledBack, the version that was asked for serves
   1  an error; the message says what was not touched, or how to go on
   2  the command line means nothing
   3  status: on its way; 4: it will not get there
  10  AlreadyThere: the target runs that version already
  11  Restored: it failed and was undone, what ran before runs again
  12  Superseded: somebody else deployed, theirs is untouched
  13  Refused before anything was touched
  14  Stuck: needs a person, the report has the commands left to do
  15  Paused: the target serves, and the run can be resumed or given up

State: a journal for each run in /var/lib/stillme-rollback (root) or
$XDG_STATE_HOME/stillme-rollback, unless --journal-dir or
STILLME_ROLLBACK_JOURNAL_DIR names another folder.
Engine: as the docker command finds it (DOCKER_HOST, DOCKER_CONTEXT, …).
Cluster: as kubectl finds it (--kubeconfig, KUBECONFIG, --context).";

//! The kit's suite, on an executor of one's own.

use stillme_rollback_core::testing::conformance::{ExecutorCase, check_executor};

use super::*;

#[tokio::test]
async fn it_keeps_the_contract_of_executors() {
    let all = tempfile::tempdir().unwrap();
    check_executor(|| async {
        // A site of its own, that goes away with all the others.
        let site = tempfile::tempdir_in(&all).unwrap().keep();
        set_up(&site).unwrap();
        let links = Links::new(&site);
        let plan = plan(&links, "v1").await.unwrap();
        ExecutorCase::new(Arc::new(links), plan)
            .restarted_as(Arc::new(Links::new(&site)))
            .with_intruder(async move {
                fs::remove_file(site.join("current")).unwrap();
                symlink("releases/v0", site.join("current")).unwrap();
            })
    })
    .await;
}

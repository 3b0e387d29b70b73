use super::*;

#[derive(Debug)]
struct Answers(fn() -> io::Result<Vec<IpAddr>>);

#[async_trait]
impl Resolver for Answers {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        (self.0)()
    }
}

async fn outcome(answers: fn() -> io::Result<Vec<IpAddr>>) -> Result<Vec<IpAddr>, Sight> {
    let host = Host::parse("web.internal").unwrap();
    vetted(&Answers(answers), &AddressPolicy::default(), &host).await
}

#[tokio::test]
async fn a_name_that_is_gone_is_bad_and_a_denied_address_says_nothing() {
    let fine = outcome(|| Ok(vec![[10, 0, 0, 7].into()])).await;
    assert_eq!(fine, Ok(vec![[10, 0, 0, 7].into()]));
    let gone = outcome(|| Err(io::Error::other("no such name"))).await;
    assert!(matches!(gone, Err(Sight::Bad(_))), "{gone:?}");
    let empty = outcome(|| Ok(vec![])).await;
    assert!(matches!(empty, Err(Sight::Bad(_))), "{empty:?}");
    let out_of_files = outcome(|| Err(io::Error::from_raw_os_error(24))).await;
    assert!(matches!(out_of_files, Err(Sight::Blind(_))));
    let rebound = outcome(|| Ok(vec![[169, 254, 169, 254].into()])).await;
    let Err(Sight::Blind(why)) = rebound else { panic!("{rebound:?}") };
    assert!(why.starts_with("not asked: 169.254.169.254"), "{why}");
}

#[tokio::test]
async fn a_literal_address_is_judged_without_a_look_up() {
    let host = Host::parse("169.254.169.254").unwrap();
    let resolver = Answers(|| panic!("was asked"));
    let denied = vetted(&resolver, &AddressPolicy::default(), &host).await;
    assert!(matches!(denied, Err(Sight::Blind(_))));
}

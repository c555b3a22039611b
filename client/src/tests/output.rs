//! What the program says, and where.

use super::*;

#[tokio::test]
async fn a_quiet_client_still_says_that_it_goes_on_stateless() {
    let world = World::new();
    let address = serve(vec![vec![error("mode_disabled"), stored_stateless()]]).await;
    let (exit, captured) = world.run("send @a.txt -q", &address).await;
    assert_eq!((exit, captured.output_text().as_str()), (0, "received_1.txt\n"));
    assert!(captured.errors_text().starts_with("warning: going on stateless"), "{}", captured.errors_text());
}

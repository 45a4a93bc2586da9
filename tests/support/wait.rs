//! The only place where a test lets time pass: between two looks at a condition, until a deadline.

use std::time::Duration;

use convene::runtime::clock::now;

/// Looks again every 10 ms until `look` returns something; panics with `what` at the deadline.
pub async fn until<T>(what: &str, deadline: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let end = now() + deadline;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(now() < end, "not within {deadline:?}: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

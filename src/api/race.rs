//! Two futures in one task, of which each is polled only when something woke that one.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::AcqRel},
    },
    task::{Context, Poll, Wake, Waker},
};

use futures_util::task::AtomicWaker;

/// The output of whichever ends first; the other is dropped.
///
/// `select!` polls both whenever the task runs. A connection of a busy room is woken to write a hundred times a second
/// and reads something once: looking at its silent half costs as much as a third of a write.
///
/// The caller pins them: what is handed over by value has a place in the caller's task and another one in here.
pub async fn race<T>(
    mut left: Pin<&mut impl Future<Output = T>>,
    mut right: Pin<&mut impl Future<Output = T>>,
) -> T {
    let sides = [Side::new(), Side::new()];
    let wakers = sides.each_ref().map(|side| Waker::from(Arc::clone(side)));
    std::future::poll_fn(|cx| {
        // Before looking whether they were woken: a wake-up after that must find the task.
        sides.iter().for_each(|side| side.task.register(cx.waker()));
        let [left_side, right_side] = &sides;
        let [left_waker, right_waker] = &wakers;
        if left_side.was_woken()
            && let Poll::Ready(output) = left.as_mut().poll(&mut Context::from_waker(left_waker))
        {
            return Poll::Ready(output);
        }
        if right_side.was_woken() {
            return right.as_mut().poll(&mut Context::from_waker(right_waker));
        }
        Poll::Pending
    })
    .await
}

struct Side {
    woken: AtomicBool,
    task: AtomicWaker,
}

impl Side {
    /// Everything is polled once.
    fn new() -> Arc<Self> {
        Arc::new(Self { woken: AtomicBool::new(true), task: AtomicWaker::new() })
    }

    fn was_woken(&self) -> bool {
        self.woken.swap(false, AcqRel)
    }
}

impl Wake for Side {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, std::sync::atomic::Ordering::Release);
        self.task.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, future::poll_fn, pin::pin};

    use tokio::sync::Notify;

    use super::*;

    /// Counts how often it is polled; ends when told.
    async fn counted(polls: &Cell<u32>, end: &Notify) {
        let mut end = pin!(end.notified());
        poll_fn(|cx| {
            polls.set(polls.get() + 1);
            end.as_mut().poll(cx)
        })
        .await;
    }

    #[tokio::test]
    async fn who_was_not_woken_is_not_polled() {
        let (left, right, go, stop) = (Cell::new(0), Cell::new(0), Notify::new(), Notify::new());
        let turns = Cell::new(0);
        let busy = async {
            for _ in 0..10 {
                go.notified().await;
                turns.set(turns.get() + 1);
            }
            counted(&left, &stop).await;
            "left"
        };
        let silent = async {
            counted(&right, &stop).await;
            "right"
        };
        let drive = async {
            while turns.get() < 10 {
                go.notify_one();
                tokio::task::yield_now().await;
            }
            assert_eq!(right.get(), 1, "polled once, at the start");
            stop.notify_waiters();
        };
        let (busy, silent) = (pin!(busy), pin!(silent));
        let (winner, ()) = tokio::join!(race(busy, silent), drive);
        assert_eq!(winner, "left", "of two that are ready the first wins");
        assert_eq!(right.get(), 1);
    }

    #[tokio::test]
    async fn each_side_can_end_it_from_another_task() {
        for side in 0..2 {
            let ends = [Arc::new(Notify::new()), Arc::new(Notify::new())];
            let [left, right] = ends.clone();
            let raced = tokio::spawn(async move {
                let first = pin!(async {
                    left.notified().await;
                    0
                });
                let second = pin!(async {
                    right.notified().await;
                    1
                });
                race(first, second).await
            });
            tokio::task::yield_now().await;
            ends[side].notify_one();
            assert_eq!(raced.await.unwrap(), side);
        }
    }
}

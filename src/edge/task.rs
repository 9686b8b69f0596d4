//! Runs futures on the platform's event loop.
//!
//! wasm-bindgen's own executor puts the first poll and every wake-up into a microtask of its own, and each promise behind
//! two closures made for it; together they cost more than the hop that is waited for. Here a task is polled at once, and
//! again right where the answer it waits for arrives. A task that never waits is no promise at all.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use wasm_bindgen::prelude::*;

use super::platform;

type Outcome = Result<JsValue, JsValue>;
type Work = Pin<Box<dyn Future<Output = Outcome>>>;

enum Task {
    /// Until somebody wakes it.
    Waiting(Work),
    /// It is being polled, and may have been woken meanwhile.
    Running { is_woken: bool },
}

enum Slot {
    Asked(Option<Waker>),
    Answered(Outcome),
}

thread_local! {
    static TASKS: RefCell<BTreeMap<u32, Task>> = const { RefCell::new(BTreeMap::new()) };
    static SLOTS: RefCell<BTreeMap<u32, Slot>> = const { RefCell::new(BTreeMap::new()) };
    static LAST_NUMBER: Cell<u32> = const { Cell::new(0) };
}

/// Lets the platform hand answers over to this instance. Once, before anything is run.
pub fn connect() {
    let take = Closure::new(take);
    platform::connect(&take);
    take.forget();
}

/// Runs `work`: what it comes to, when it waits for nothing, else a promise of it.
///
/// # Errors
/// What `work` ended in before it waited for anything.
pub fn run(work: impl Future<Output = Outcome> + 'static) -> Outcome {
    let task = next_number();
    advance(task, Box::pin(work)).unwrap_or_else(|| Ok(platform::owe(task).into()))
}

/// Numbers tasks and slots; no two of either live at once under one number.
fn next_number() -> u32 {
    let number = LAST_NUMBER.get().wrapping_add(1);
    LAST_NUMBER.set(number);
    number
}

struct TaskWaker(u32);

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        resume(self.0);
    }
}

/// Polls until the task has ended or waits; `None` while it waits.
fn advance(task: u32, mut work: Work) -> Option<Outcome> {
    let waker = Waker::from(Arc::new(TaskWaker(task)));
    loop {
        TASKS.with_borrow_mut(|tasks| tasks.insert(task, Task::Running { is_woken: false }));
        if let Poll::Ready(outcome) = work.as_mut().poll(&mut Context::from_waker(&waker)) {
            TASKS.with_borrow_mut(|tasks| tasks.remove(&task));
            return Some(outcome);
        }
        let is_woken = TASKS.with_borrow(|tasks| matches!(tasks.get(&task), Some(Task::Running { is_woken: true })));
        if !is_woken {
            TASKS.with_borrow_mut(|tasks| tasks.insert(task, Task::Waiting(work)));
            return None;
        }
    }
}

/// Goes on with a task that waits.
fn resume(task: u32) {
    let work = TASKS.with_borrow_mut(|tasks| {
        let found = tasks.get_mut(&task)?;
        match std::mem::replace(found, Task::Running { is_woken: true }) {
            Task::Waiting(work) => Some(work),
            Task::Running { .. } => None,
        }
    });
    match work.and_then(|work| advance(task, work)) {
        Some(Ok(value)) => platform::pay(task, true, value),
        Some(Err(error)) => platform::pay(task, false, error),
        None => {}
    }
}

/// An answer of the platform: what a function of `platform.js` hands over to the slot it was given.
#[must_use = "an answer comes to whoever awaits it"]
pub struct Answer(u32);

impl Answer {
    /// Asks, with the slot the answer shall come to.
    pub fn to(ask: impl FnOnce(u32)) -> Self {
        let slot = next_number();
        SLOTS.with_borrow_mut(|slots| slots.insert(slot, Slot::Asked(None)));
        ask(slot);
        Self(slot)
    }
}

/// Waits so long.
///
/// # Errors
/// Never: the platform's pause ends.
pub async fn pause(wait_ms: u32) -> Result<(), JsValue> {
    Answer::to(|slot| platform::pause(wait_ms, slot)).await.map(drop)
}

impl Future for Answer {
    type Output = Outcome;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        SLOTS.with_borrow_mut(|slots| match slots.remove(&self.0) {
            Some(Slot::Answered(outcome)) => Poll::Ready(outcome),
            Some(Slot::Asked(_)) | None => {
                slots.insert(self.0, Slot::Asked(Some(context.waker().clone())));
                Poll::Pending
            }
        })
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        SLOTS.with_borrow_mut(|slots| slots.remove(&self.0));
    }
}

/// Takes an answer, and goes on with who waits for it.
fn take(slot: u32, is_kept: bool, value: JsValue) {
    let outcome = if is_kept { Ok(value) } else { Err(value) };
    let waiting = SLOTS.with_borrow_mut(|slots| {
        let asked = slots.get_mut(&slot)?;
        match std::mem::replace(asked, Slot::Answered(outcome)) {
            Slot::Asked(waker) => waker,
            Slot::Answered(_) => None,
        }
    });
    if let Some(waker) = waiting {
        waker.wake();
    }
}

//! Errands run by the queue's consumer: attempts to deliver events, transfers over a settlement rail, and payments on their way back to
//! the tenant they came from.
//!
//! A message is acknowledged before its errand is run, and the errand goes on by itself, so that somebody who takes his fifteen
//! seconds holds up nobody's messages. What is lost that way was leased, and is due again when the lease is over.
//! An invocation may wait for six answers at once, and the seventh call would use its time up waiting for a turn. So errands run in
//! five lanes: each begins, and its time with it, when it can.

use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;

use super::{delivery, payment, settlement};
use crate::domain::id::{RequestId, TenantUuid};
use crate::edge::{self, Edge, PlatformEntropy};
use crate::objects::hop::{Cost, HopError};
use crate::objects::tenant::call::{Proof, TenantCall, TenantReply};
use crate::objects::tenant::client;
use crate::objects::tenant::command::Command;
use crate::objects::tenant::order::command::{ReturnAttempt, TransferAttempt};
use crate::objects::tenant::webhook::command::Attempt;
use crate::store::Database;
use crate::store::due::{self, ObjectClass};

/// Errands that one invocation runs at once.
pub const LANES: usize = 5;
/// How often an object is told what came of an errand when it does not take it.
const REPORTS_MAX: u32 = 3;

/// Something to be done outside, and reported.
pub enum Errand {
    Delivery(Box<Attempt>),
    Transfer(Box<TransferAttempt>),
    Return(Box<ReturnAttempt>),
}

/// The errands of one invocation: lanes that are run side by side, each of which runs one errand after another.
pub fn lanes(edge: &Edge, errands: Vec<Errand>) -> Vec<impl Future<Output = ()> + use<>> {
    let edge = edge.clone();
    share(errands, move |next| run(edge.clone(), next))
}

async fn run(edge: Edge, errand: Errand) {
    match errand {
        Errand::Delivery(attempt) => delivery::attempt(&edge, &attempt).await,
        Errand::Transfer(attempt) => settlement::attempt(&edge, &attempt).await,
        Errand::Return(attempt) => payment::attempt(&edge, &attempt).await,
    }
}

fn share<T, F: Future<Output = ()>>(items: Vec<T>, run: impl Fn(T) -> F + Clone) -> Vec<impl Future<Output = ()>> {
    let count = items.len().min(LANES);
    let left = Rc::new(RefCell::new(items.into_iter()));
    let lane = || {
        let (left, run) = (Rc::clone(&left), run.clone());
        async move {
            loop {
                let next = left.borrow_mut().next();
                let Some(next) = next else { return };
                run(next).await;
            }
        }
    };
    (0..count).map(|_| lane()).collect()
}

/// Tells a tenant's object something; when that has set its alarm anew, the due index learns of it.
pub(super) async fn tell(edge: &Edge, tenant: TenantUuid, command: Command) -> Result<TenantReply, HopError> {
    let broken = |error: worker::Error| HopError::Broken(error.to_string());
    let now = edge::now();
    let call = TenantCall::new(RequestId::new(now, &mut PlatformEntropy), Proof::House, command);
    let answered = client::call(&edge.tenants().map_err(broken)?, tenant, now, &call, &Cost::default()).await?;
    if let Some(due_at_ms) = answered.due_at_ms {
        let database = edge.database().map_err(broken)?;
        // The alarm is set; the index is there for repairs.
        let _ = due::note(Database::new(&database, &|| ()), ObjectClass::Tenant, &tenant.to_string(), due_at_ms).await;
    }
    Ok(answered.reply)
}

/// Tells it what came of an errand, again if it did not hear; `log` takes what went wrong.
pub(super) async fn report(edge: &Edge, tenant: TenantUuid, command: &Command, log: impl Fn(String)) {
    for _ in 0..REPORTS_MAX {
        match tell(edge, tenant, command.clone()).await {
            Ok(_) => return,
            Err(error) => log(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::future::poll_fn;
    use std::task::{Context, Poll, Waker};

    #[test]
    fn five_errands_are_run_at_once_and_every_one_is_run() {
        let (under_way, most, made) = (Cell::new(0_usize), Cell::new(0), RefCell::new(Vec::new()));
        let run = |item: u32| {
            let (under_way, most, made) = (&under_way, &most, &made);
            let mut polls = 0;
            poll_fn(move |_| {
                polls += 1;
                if polls == 1 {
                    under_way.set(under_way.get() + 1);
                    most.set(most.get().max(under_way.get()));
                }
                // Each takes its own time.
                if polls <= item % 4 {
                    return Poll::Pending;
                }
                under_way.set(under_way.get() - 1);
                made.borrow_mut().push(item);
                Poll::Ready(())
            })
        };
        let mut lanes: Vec<_> = share((0..23).collect(), run).into_iter().map(Box::pin).collect();
        assert_eq!(lanes.len(), LANES);
        while !lanes.is_empty() {
            lanes.retain_mut(|lane| lane.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        let mut made = made.take();
        made.sort_unstable();
        assert!(made.into_iter().eq(0..23));
        assert_eq!(most.get(), LANES);
        assert!(share(Vec::new(), run).is_empty());
    }
}

//! The gate's shell.

use worker::{DurableObject, Env, Request, Response, State, durable_object};

use super::{Call, Command};
use crate::domain::id::RequestId;
use crate::edge::{self, PlatformEntropy};
use crate::objects::shell::{self, Alarm, Ran};
use crate::objects::storage::ObjectSql;

/// The object.
#[durable_object(alarm)]
pub struct Gate {
    state: State,
    env: Env,
    sql: ObjectSql,
    alarm: Alarm,
}

impl DurableObject for Gate {
    fn new(state: State, env: Env) -> Self {
        let sql = ObjectSql::new(&state);
        Self { state, env, sql, alarm: Alarm::default() }
    }

    async fn fetch(&self, mut request: Request) -> worker::Result<Response> {
        match shell::run_call(&self.sql, &mut request, |sql, call: Call| super::run(sql, &call)).await {
            Err(refused) => refused.into_response(),
            Ok(Ran { reply, statements }) => {
                self.alarm.keep(&self.state, reply.next_due_at_ms).await?;
                // What a gate does when due is to forget; nobody has to find it for that.
                shell::answer(statements, &reply, None)
            }
        }
    }

    async fn alarm(&self) -> worker::Result<Response> {
        shell::learn_clock(&self.env).await?;
        self.alarm.fired();
        let now = edge::now();
        let call = Call { now, request_id: RequestId::new(now, &mut PlatformEntropy), command: Command::RunDue };
        let reply = self.sql.in_transaction(|sql| super::run(sql, &call)).map_err(|error| worker::Error::RustError(error.to_string()))?;
        self.alarm.keep(&self.state, reply.next_due_at_ms).await?;
        Response::empty()
    }
}

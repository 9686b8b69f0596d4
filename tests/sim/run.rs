//! One simulated life of a tenant, from a seed.

use std::collections::BTreeMap;
use std::fmt;

use guildhall::domain::time::Timestamp;
use guildhall::objects::tenant::call::{Proof, TenantCall, TenantReply};
use guildhall::objects::tenant::command::Command;

use crate::generator::Generator;
use crate::invariant::{self, Checkpoint};
use crate::model::{Checked, Model, ensure};
use crate::mutant::Mutant;
use crate::object::{Crash, Fate, Object};
use crate::random::Random;
use guildhall::domain::digest::Digest;
use guildhall::domain::id::RequestId;

/// Calls between two looks at whole tables.
const TABLE_CHECK_EVERY: u64 = 125;
/// The moment a life begins.
const DAWN: Timestamp = Timestamp::from_ms(1_770_000_000_000);

/// What to simulate.
#[derive(Debug, Clone, Copy)]
pub struct Life {
    pub seed: u64,
    pub ops: u64,
    pub mutant: Mutant,
    /// Kill every call before each of its statements and before its commit, then let it through.
    pub every_step: bool,
}

/// What a life came to.
#[derive(Debug, Default)]
pub struct Report {
    /// Calls made, the killed ones included.
    pub calls: u64,
    pub killed: u64,
    pub lost: u64,
    pub entries: u64,
    /// How often each command ended in each way.
    pub seen: BTreeMap<String, u64>,
}

/// Where a life went wrong.
#[derive(Debug)]
pub struct Failure {
    pub life: Life,
    pub step: u64,
    pub what: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Life { seed, ops, mutant, every_step } = self.life;
        writeln!(f, "seed {seed} fails at step {}: {}", self.step, self.what)?;
        let every = if every_step { "SIM_EVERY_STEP=1 " } else { "" };
        let bug = if mutant == Mutant::None { String::new() } else { format!("SIM_MUTANT={mutant:?} ") };
        write!(f, "replay it with: {bug}{every}SIM_SEED={seed} SIM_OPS={ops} make sim")
    }
}

struct World {
    object: Object,
    model: Model,
    generator: Generator,
    weather: Random,
    last: Checkpoint,
    clock: Timestamp,
    /// What the call at hand takes for the time.
    now: Timestamp,
    report: Report,
}

/// Lives a life; the first thing that is wrong ends it.
pub fn live(life: Life) -> Result<Report, Failure> {
    let mut world = World {
        object: Object::on_stage(life.seed ^ 0xa5a5, life.mutant),
        model: Model::default(),
        generator: Generator::new(life.seed),
        weather: Random::new(life.seed.rotate_left(17)),
        last: Checkpoint { hash: Digest::ZERO },
        clock: DAWN.plus_ms(life.seed % 86_400_000),
        now: DAWN,
        report: Report::default(),
    };
    for step in 0..life.ops {
        world.step(step, life.every_step).map_err(|what| Failure { life, step, what })?;
    }
    world.finish().map_err(|what| Failure { life, step: life.ops, what })?;
    world.report.seen = std::mem::take(&mut world.model.seen);
    world.report.entries = world.model.state.as_ref().map_or(0, |state| state.audit_seq);
    Ok(world.report)
}

impl World {
    fn step(&mut self, step: u64, every_step: bool) -> Checked<()> {
        self.clock = self.generator.next_time(self.clock, &self.model);
        // Callers' clocks do not agree: a call may bring a time a little before that of the last one.
        let behind_ms = if self.weather.percent(3) { self.weather.below(2_000) } else { 0 };
        self.now = self.clock.minus_ms(behind_ms);
        let call = self.generator.next_call(self.now, &self.model);
        if every_step {
            self.kill_everywhere(&call)?;
        } else {
            let crash = self.crash();
            self.call(&call, crash)?;
        }
        if step % TABLE_CHECK_EVERY == TABLE_CHECK_EVERY - 1 {
            invariant::check_tables(&self.object, &self.model, self.clock)?;
        }
        Ok(())
    }

    fn crash(&mut self) -> Crash {
        match self.weather.below(100) {
            0..7 => Crash::BeforeStatement(self.weather.below(16)),
            7..9 => Crash::BeforeCommit,
            9..12 => Crash::AfterCommit,
            _ => Crash::Never,
        }
    }

    /// Dies before the commit and before each statement of the call in turn, until it gets through: nothing may remain.
    fn kill_everywhere(&mut self, call: &TenantCall) -> Checked<()> {
        let mut crash = Crash::BeforeCommit;
        for number in 0.. {
            self.report.calls += 1;
            match self.object.call(self.now, call, crash).map_err(|error| format!("{error}\nin {call:?}"))? {
                Fate::Killed => {
                    self.report.killed += 1;
                    self.nothing_happened(call)?;
                }
                Fate::Answered(reply) | Fate::Lost(reply) => {
                    self.generator.hear(call, &reply);
                    return self.judge(call, &reply);
                }
            }
            crash = Crash::BeforeStatement(number);
        }
        Ok(())
    }

    fn nothing_happened(&mut self, call: &TenantCall) -> Checked<()> {
        self.model.entries.clear();
        invariant::check_step(&self.object, &mut self.model, &mut self.last, self.now, call.request_id)
            .map_err(|what| format!("{what}\nafter a killed {call:?}"))
    }

    fn call(&mut self, call: &TenantCall, crash: Crash) -> Checked<()> {
        self.report.calls += 1;
        match self.object.call(self.now, call, crash).map_err(|error| format!("{error}\nin {call:?}"))? {
            Fate::Killed => {
                self.report.killed += 1;
                self.generator.hear_nothing(call);
                self.nothing_happened(call)
            }
            Fate::Lost(reply) => {
                self.report.lost += 1;
                self.generator.hear_nothing(call);
                self.judge(call, &reply)
            }
            Fate::Answered(reply) => {
                self.generator.hear(call, &reply);
                self.judge(call, &reply)
            }
        }
    }

    fn judge(&mut self, call: &TenantCall, reply: &TenantReply) -> Checked<()> {
        let World { object, model, last, now, .. } = self;
        let explain = |what: String| format!("{what}\nat {now} in {call:?}\nanswered {reply:?}");
        model.judge(*now, call, reply).map_err(explain)?;
        invariant::check_step(object, model, last, *now, call.request_id).map_err(explain)
    }

    fn as_house(&mut self, command: Command) -> Checked<TenantReply> {
        let call = TenantCall::new(RequestId::new(self.now, &mut self.weather), Proof::House, command);
        let reply = self.object.ask(self.now, &call);
        self.judge(&call, &reply)?;
        Ok(reply)
    }

    /// The alarm, as the shell serves it: what is due, and the events handed on.
    fn ring(&mut self) -> Checked<TenantReply> {
        let reply = self.as_house(Command::RunDue { batch: 50 })?;
        self.as_house(Command::OutboxAck { upto_seq: u64::MAX >> 12 })?;
        Ok(reply)
    }

    /// The clock runs on without traffic: alarms alone must end every hold and clear every record away.
    fn finish(&mut self) -> Checked<()> {
        if self.model.state.is_none() {
            return Ok(());
        }
        self.now = self.clock;
        invariant::check_tables(&self.object, &self.model, self.now)?;
        self.as_house(Command::VerifyAudit { after_seq: 0, limit: u64::MAX >> 12 })?;
        self.as_house(Command::Reconcile)?;
        let mut alarms = 0;
        let mut reply = self.ring()?;
        while let Some(due) = reply.next_due_at_ms {
            self.now = self.now.max(due);
            reply = self.ring()?;
            alarms += 1;
            ensure!(alarms < 2_000, "the alarm never comes to rest");
        }
        let state = self.model.state.as_ref().ok_or("not born")?;
        let open = state.reservations.values().filter(|reservation| reservation.status.is_open()).count();
        ensure!(open == 0, "{open} reservations are left open");
        invariant::check_rest(&self.object)?;
        invariant::check_plans(&self.object)?;
        self.as_house(Command::Reconcile)?;
        Ok(())
    }
}

//! Agents as identities: whose time is over, and what their end takes along.

use guildhall::domain::agent::AgentStatus;
use guildhall::domain::form::agent::AgentForm;
use guildhall::domain::form::agent_key::KeyStatus;
use guildhall::domain::id::{AgentId, LeaseId, MandateId, ReservationId};
use guildhall::domain::lease::LeaseStatus;
use guildhall::domain::mandate::MandateStatus;
use guildhall::domain::plan::Plan;
use guildhall::domain::scope::Scopes;
use guildhall::domain::spend::{Reason, SpendAction};
use guildhall::domain::time::Timestamp;
use guildhall::objects::tenant::call::{ExecutionRights, Proof};
use guildhall::objects::tenant::command::Command;
use guildhall::objects::tenant::identity::command::{AgentCommand, AgentDraft, AgentFilter};
use guildhall::objects::tenant::identity::outcome::AgentOutcome;
use guildhall::objects::tenant::money::command::{LeaseSource, MoneyCommand, SpendRequest, TokenTerms};
use guildhall::objects::tenant::money::outcome::MoneyOutcome;
use guildhall::objects::tenant::outcome::{Due, Outcome};
use guildhall::objects::tenant::refusal::Refusal;

use super::lease::request;
use super::money::{draft, refused, spend};
use super::{Tale, operator};

impl Tale {
    pub fn of_company() -> Self {
        let mut tale = Self::new();
        tale.ask(operator(), Command::UpdateTenant { name: None, plan: Some(Plan::Enterprise) }).unwrap();
        tale
    }

    pub fn identity(&mut self, command: AgentCommand) -> Result<AgentOutcome, Refusal> {
        match self.ask(operator(), Command::Agent(command))? {
            Outcome::Agents(outcome) => Ok(outcome),
            other => panic!("{other:?}"),
        }
    }

    pub fn register(&mut self, scopes: Scopes, expires_at: Option<Timestamp>) -> AgentId {
        let draft = AgentDraft { display_name: "scout".to_owned(), scopes, expires_at, ..AgentDraft::default() };
        match self.identity(AgentCommand::Register(draft)) {
            Ok(AgentOutcome::Agent(form)) => form.agt_id,
            other => panic!("{other:?}"),
        }
    }

    pub fn agent(&mut self, agent_id: AgentId) -> AgentForm {
        match self.identity(AgentCommand::Get { agent_id }) {
            Ok(AgentOutcome::Agent(form)) => *form,
            other => panic!("{other:?}"),
        }
    }

    pub fn revoke(&mut self, agent_id: AgentId) -> AgentForm {
        match self.identity(AgentCommand::SetStatus { agent_id, status: AgentStatus::Revoked, reason: None }) {
            Ok(AgentOutcome::Agent(form)) => *form,
            other => panic!("{other:?}"),
        }
    }

    /// Agents nobody looks at, whose time is over at that moment.
    fn crowd(&self, count: u64, expires_at: Timestamp) {
        let insert = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
            INSERT INTO agent (id, label, status, metadata, created_at_ms, expires_at_ms)
            SELECT printf('agt_%026d', i), 'crowd', 'active', '{}', 1, ?2 FROM n";
        self.object.sql.connection.execute(insert, [count as i64, expires_at.as_ms() as i64]).unwrap();
    }

    fn list(&mut self, status: AgentStatus, limit: u64) -> (Vec<AgentForm>, u64) {
        let filter = AgentFilter { status: Some(status), ..AgentFilter::default() };
        match self.identity(AgentCommand::List { filter, limit, offset: 0 }) {
            Ok(AgentOutcome::Agents { agents, total }) => (agents, total),
            other => panic!("{other:?}"),
        }
    }
}

/// A lender whose time will be over together with that of more agents than one look ends, and what hangs on it: money it
/// holds, and money it has lent, which was lent on.
struct Ending {
    tale: Tale,
    mandate: MandateId,
    held: ReservationId,
    borrowers: [(AgentId, LeaseId); 2],
}

impl Ending {
    fn new() -> Self {
        let mut tale = Tale::of_company();
        let over_at = tale.now.plus_s(300);
        let lender = tale.register(Scopes::all(), Some(over_at));
        let Ok(MoneyOutcome::Mandate(mandate)) = tale.manage(MoneyCommand::CreateMandate { agent_id: lender, draft: draft() }) else {
            panic!("no mandate")
        };
        let mut source = LeaseSource::Mandate(mandate.id);
        let borrowers = [500_000, 200_000].map(|amount| {
            let borrower = tale.register(Scopes::all(), None);
            let Ok(MoneyOutcome::Lease(lease)) = tale.manage(MoneyCommand::GrantLease(request(source, borrower, amount))) else {
                panic!("no lease")
            };
            source = LeaseSource::Lease(lease.id);
            (borrower, lease.id)
        });
        let held = tale.hold(SpendRequest { ttl_s: 86_400, ..spend(lender, mandate.id, None, 1_000) }).unwrap().id;
        tale.crowd(1_500, over_at);
        tale.pass_ms(299_999);
        let mut ending = Self { tale, mandate: mandate.id, held, borrowers };
        assert!(ending.spend_by_token(1).is_ok(), "it is not over before its time");
        ending.tale.pass_ms(1);
        ending
    }

    fn spend_by_token(&mut self, at: usize) -> Result<MoneyOutcome, Refusal> {
        let (agent_id, lease) = self.borrowers[at];
        let (lease_id, expires_at, jti) = (Some(lease), self.tale.now.plus_s(60), String::new());
        let rights = ExecutionRights { agent_id, mandate_id: self.mandate, lease_id, action: SpendAction::Tool, jti, expires_at };
        self.tale.spend_as(Proof::Execution(rights), MoneyCommand::Reserve(spend(agent_id, self.mandate, lease_id, 1)))
    }

    fn expect_wound_up(mut self) {
        assert_eq!(self.tale.balance(), (1_000_000, 0));
        assert_eq!(self.tale.mandate_now(self.mandate).status, MandateStatus::Revoked);
        self.tale.close_books();
    }
}

#[test]
fn a_token_under_the_mandate_of_an_agent_whose_time_is_over_is_dead_before_any_alarm() {
    for at in [0, 1] {
        let mut ending = Ending::new();
        assert_eq!(ending.spend_by_token(at), Err(Refusal::InvalidCredentials));
    }
}

#[test]
fn nothing_is_spent_lent_captured_or_allowed_under_it_either_and_who_meets_it_winds_it_up() {
    let mandate_not_active = |amount| Err(refused(Reason::MandateNotActive, amount));
    for at in [0, 1] {
        let mut ending = Ending::new();
        let (borrower, lease) = ending.borrowers[at];
        assert_eq!(ending.tale.hold(spend(borrower, ending.mandate, Some(lease), 1)).map(drop), mandate_not_active(1));
        ending.expect_wound_up();

        let mut ending = Ending::new();
        let terms = TokenTerms { agent_id: borrower, mandate_id: ending.mandate, action: SpendAction::Tool, lease_id: Some(lease) };
        assert!(ending.tale.manage(MoneyCommand::GrantToken(terms)).is_err());
        ending.expect_wound_up();

        let mut ending = Ending::new();
        let grandchild = ending.tale.register(Scopes::all(), None);
        let grant = MoneyCommand::GrantLease(request(LeaseSource::Lease(lease), grandchild, 1));
        assert_eq!(ending.tale.manage(grant).map(drop), mandate_not_active(1));
        ending.expect_wound_up();

        let mut ending = Ending::new();
        let Ok(MoneyOutcome::Lease(shown)) = ending.tale.manage(MoneyCommand::ReleaseLease { lease_id: lease }) else { panic!("no lease") };
        assert_eq!(shown.status, LeaseStatus::Revoked);
        ending.expect_wound_up();
    }
    let mut ending = Ending::new();
    assert_eq!(ending.tale.take(ending.held, None).map(drop), Err(Refusal::ReservationResolved));
    ending.expect_wound_up();

    let mut ending = Ending::new();
    let batch = MoneyCommand::ReserveBatch {
        items: vec![spend(ending.borrowers[0].0, ending.mandate, Some(ending.borrowers[0].1), 1)],
        atomic: false,
    };
    let Ok(MoneyOutcome::ReservedBatch(results)) = ending.tale.manage(batch) else { panic!("no batch") };
    assert!(results.iter().all(Result::is_err), "{results:?}");
    ending.expect_wound_up();
}

#[test]
fn what_a_borrowers_end_gives_back_is_not_lost_to_a_token_that_meets_it() {
    let mut tale = Tale::of_company();
    let (lender, over_at) = (tale.first_agent(), tale.now.plus_s(300));
    let borrower = tale.register(Scopes::all(), Some(over_at));
    let mandate = tale.mandate(draft()).id;
    let grant = MoneyCommand::GrantLease(request(LeaseSource::Mandate(mandate), borrower, 500_000));
    let Ok(MoneyOutcome::Lease(lease)) = tale.manage(grant) else { panic!("no lease") };
    tale.pass_ms(300_000);
    let items = vec![spend(borrower, mandate, Some(lease.id), 1), spend(lender, mandate, None, 1)];
    let token = tale.token(mandate, SpendAction::Tool, 1);
    let Ok(MoneyOutcome::ReservedBatch(results)) = tale.spend_as(token, MoneyCommand::ReserveBatch { items, atomic: false }) else {
        panic!("no batch")
    };
    assert_eq!(results.iter().map(Result::is_ok).collect::<Vec<_>>(), [false, true]);
    let usage = tale.mandate_now(mandate).usage;
    assert_eq!((usage.total.held, tale.balance()), (super::micros(1), (999_999, 1)));
    tale.close_books();
}

#[test]
fn what_is_listed_of_many_agents_is_over_once_its_time_is() {
    let mut tale = Tale::of_company();
    tale.crowd(1_500, tale.now.plus_s(300));
    assert_eq!(tale.list(AgentStatus::Active, 200).1, 1_501);
    tale.pass_ms(300_000);
    let (living, total) = tale.list(AgentStatus::Active, 200);
    assert_eq!((living.len(), total), (1, 1));
    let (over, total) = tale.list(AgentStatus::Revoked, 200);
    assert_eq!(total, 1_500);
    for form in over {
        assert_eq!((form.status, form.revoked_at, form.status_reason.as_deref()), (AgentStatus::Revoked, form.expires_at, Some("expired")));
    }
    // What is still to be ended is ended in its turn.
    while let Outcome::Due(Due { expired: 1.., .. }) = tale.house(Command::RunDue { batch: 500 }) {}
    assert_eq!(tale.list(AgentStatus::Revoked, 1).1, 1_500);
    let living: i64 =
        tale.object.sql.connection.query_row("SELECT count(*) FROM agent WHERE status = 'active'", [], |row| row.get(0)).unwrap();
    assert_eq!(living, 1);
}

#[test]
fn an_agents_keys_retire_with_it() {
    let mut tale = Tale::new();
    let (revoked, ended) = (tale.register(Scopes::all(), None), tale.register(Scopes::all(), Some(tale.now.plus_s(300))));
    let rotate = |agent_id| AgentCommand::RotateKey { agent_id, reason: None, compromised: false, overlap_s: 86_400 };
    for agent_id in [revoked, ended] {
        tale.identity(rotate(agent_id)).unwrap();
    }
    tale.pass_ms(400_000);
    let form = tale.revoke(revoked);
    assert!(form.keys.iter().all(|key| key.status == KeyStatus::Retired), "{:?}", form.keys);
    for (agent_id, at) in [(revoked, tale.now), (ended, tale.now.minus_ms(100_000))] {
        let form = tale.agent(agent_id);
        assert_eq!((form.revoked_at, form.keys.len()), (Some(at), 2));
        assert!(form.keys.iter().all(|key| key.status == KeyStatus::Retired), "{:?}", form.keys);
        let Ok(AgentOutcome::Keys(keys)) = tale.identity(AgentCommand::ListKeys { agent_id, at: None }) else { panic!("no keys") };
        assert_eq!(keys.iter().map(|key| (key.status, key.retired_at)).collect::<Vec<_>>(), [(KeyStatus::Retired, Some(at)); 2]);
    }
}

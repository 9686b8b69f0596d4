//! What agents prove: sessions, delegations, guardrails and receipts.

use guildhall::domain::digest::Digest;
use guildhall::domain::form::receipt::ReceiptForm;
use guildhall::domain::guardrail::Rule;
use guildhall::domain::id::{AgentId, ReceiptId};
use guildhall::domain::mandate::MandateStatus;
use guildhall::domain::receipt::{Statement, Verdict};
use guildhall::domain::scope::{Scope, Scopes};
use guildhall::objects::tenant::call::{Proof, TenantCall};
use guildhall::objects::tenant::command::Command;
use guildhall::objects::tenant::identity::command::AgentCommand;
use guildhall::objects::tenant::identity::outcome::AgentOutcome;
use guildhall::objects::tenant::money::command::{LeaseSource, MoneyCommand};
use guildhall::objects::tenant::money::outcome::MoneyOutcome;
use guildhall::objects::tenant::outcome::Outcome;
use guildhall::objects::tenant::proof::command::{ProofCommand, SessionDraft, SessionSecrets};
use guildhall::objects::tenant::proof::outcome::{ProofOutcome, ReceiptVerified};
use guildhall::objects::tenant::proof::refusal::ProofRefusal;
use guildhall::objects::tenant::refusal::{Refusal, Thing};

use super::lease::request;
use super::money::draft;
use super::{Tale, claim, operator};

fn scopes(entries: &[&str]) -> Scopes {
    Scopes::new(entries.iter().map(|text| Scope::parse(text).unwrap()).collect()).unwrap()
}

fn token(name: &str) -> Digest {
    Digest::of(&[name.as_bytes()])
}

fn secrets(name: &str) -> SessionSecrets {
    SessionSecrets { access_hash: token(name), refresh_hash: token(&format!("refresh {name}")), sealed: None }
}

fn statement() -> Statement {
    Statement {
        receipt_type: Default::default(),
        action: "data:read".to_owned(),
        purpose: Some("p".to_owned()),
        metadata: serde_json::from_str(r#"{"a":1}"#).unwrap(),
        inputs_hash: None,
        outputs_hash: Some("ff".to_owned()),
    }
}

impl Tale {
    fn prove_as(&mut self, caller: Proof, command: ProofCommand) -> Result<ProofOutcome, Refusal> {
        match self.ask(caller, Command::Proof(command))? {
            Outcome::Proof(outcome) => Ok(outcome),
            other => panic!("{other:?}"),
        }
    }

    fn prove(&mut self, command: ProofCommand) -> Result<ProofOutcome, Refusal> {
        self.prove_as(operator(), command)
    }

    fn agent_with(&mut self, entries: &[&str]) -> AgentId {
        self.register(scopes(entries), None)
    }

    fn delegate(&mut self, from: AgentId, to: AgentId, entries: &[&str]) -> Result<(), Refusal> {
        match self.prove(ProofCommand::Offer { from, to, scopes: scopes(entries), ttl_s: None })? {
            ProofOutcome::Delegation(form) => self.prove(ProofCommand::Accept { delegation_id: form.id }).map(drop),
            other => panic!("{other:?}"),
        }
    }

    fn allows(&mut self, agent_id: AgentId, action: &str) -> bool {
        let action = Scope::parse(action).unwrap();
        let Ok(AgentOutcome::Explained(explained)) = self.identity(AgentCommand::ExplainScope { agent_id, action: action.clone() }) else {
            panic!("not explained")
        };
        assert_eq!(!self.violated(agent_id, &action).contains(&Rule::Scope), explained.allowed, "the guardrails say the same");
        explained.allowed
    }

    fn violated(&mut self, agent_id: AgentId, action: &Scope) -> Vec<Rule> {
        match self.prove(ProofCommand::CheckGuardrails { agent_id, action: action.clone() }) {
            Ok(ProofOutcome::Checked { violated, .. }) => violated,
            other => panic!("{other:?}"),
        }
    }

    /// Opens a session and answers who comes with its token.
    fn session(&mut self, agent_id: AgentId, name: &str) -> Proof {
        let (ttl_s, metadata) = (3_600, serde_json::Map::new());
        let draft = SessionDraft { agent_id, scopes: None, ttl_s, metadata, secrets: secrets(name) };
        self.prove(ProofCommand::OpenSession(draft)).unwrap();
        Proof::Session { token_hash: token(name) }
    }

    fn issue(&mut self, agent_id: AgentId) -> ReceiptForm {
        match self.prove(ProofCommand::IssueReceipt { agent_id, statement: statement() }) {
            Ok(ProofOutcome::Receipt(form)) => *form,
            other => panic!("{other:?}"),
        }
    }

    fn verify(&mut self, receipt_id: ReceiptId) -> ReceiptVerified {
        match self.prove(ProofCommand::VerifyReceipt { receipt_id }) {
            Ok(ProofOutcome::ReceiptVerified(verified)) => *verified,
            other => panic!("{other:?}"),
        }
    }

    /// As [`Self::verify`]: the verdict, and whether signature and chain hold; of one that does not read too.
    fn judge(&mut self, receipt_id: ReceiptId) -> (Verdict, bool, bool) {
        match self.prove(ProofCommand::VerifyReceipt { receipt_id }) {
            Ok(ProofOutcome::ReceiptVerified(verified)) => (verified.verdict, verified.signature_verified, verified.chain_verified),
            Ok(ProofOutcome::DamageVerified { chain_verified, .. }) => (Verdict::InvalidSignature, false, chain_verified),
            other => panic!("{other:?}"),
        }
    }

    fn receipts(&mut self, agent_id: AgentId) -> Vec<ReceiptId> {
        match self.prove(ProofCommand::ListReceipts { agent_id, limit: 100, offset: 0 }) {
            Ok(ProofOutcome::Receipts { receipts, .. }) => receipts.iter().map(|form| form.receipt_id).collect(),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_new_parent_does_not_allow_what_an_old_one_denies() {
    let mut tale = Tale::of_company();
    let (old, new) = (tale.agent_with(&["data:*", "!data:delete"]), tale.agent_with(&["*:*"]));
    let child = tale.agent_with(&[]);
    tale.delegate(old, child, &["data:*"]).unwrap();
    assert_eq!(tale.agent(child).scopes, scopes(&["data:*"]), "what its parent denies is judged where that stands");
    tale.delegate(new, child, &["mail:read"]).unwrap();
    assert_eq!(["data:read", "mail:read", "data:delete"].map(|action| tale.allows(child, action)), [true, true, false]);
    // Through one in the middle, which takes along those below it.
    let (middle, leaf) = (tale.agent_with(&[]), tale.agent_with(&[]));
    tale.delegate(old, middle, &["data:*"]).unwrap();
    tale.delegate(middle, leaf, &["data:*"]).unwrap();
    tale.delegate(new, middle, &["data:read"]).unwrap();
    assert_eq!([middle, leaf].map(|agent| tale.allows(agent, "data:delete")), [false, false]);
    tale.delegate(new, leaf, &["data:*"]).unwrap();
    assert!(!tale.allows(leaf, "data:delete"));
    assert!(tale.allows(leaf, "data:read"));
    // From the same parent again nothing is said twice.
    let again = tale.agent_with(&[]);
    for _ in 0..2 {
        tale.delegate(old, again, &["data:read"]).unwrap();
    }
    assert_eq!(tale.agent(again).scopes, scopes(&["data:read"]));
}

#[test]
fn an_acceptance_that_is_refused_changes_nothing() {
    let mut tale = Tale::of_company();
    let wide: Vec<String> = (0..128).map(|at| format!("r{at}:*")).collect();
    let giver = tale.agent_with(&wide.iter().map(String::as_str).collect::<Vec<_>>());
    let (receiver, below) = (tale.agent_with(&["*:*"]), tale.agent_with(&[]));
    tale.delegate(receiver, below, &["*:a", "*:b"]).unwrap();
    let before = [receiver, below].map(|agent| tale.agent(agent));
    tale.pass_ms(1);
    assert_eq!(tale.delegate(giver, receiver, &["r0:*"]), Err(Refusal::Proof(ProofRefusal::ScopeNotHeld)));
    assert_eq!([receiver, below].map(|agent| tale.agent(agent)), before);
}

#[test]
fn a_session_keeps_its_idempotency_keys_over_a_refresh_and_shares_them_with_no_other_agent() {
    let mut tale = Tale::of_company();
    let (agent, other) = (tale.agent_with(&["*:*"]), tale.agent_with(&["*:*"]));
    let (first, others) = (tale.session(agent, "one"), tale.session(other, "other"));
    let issue = |tale: &mut Tale, caller: &Proof, agent_id: AgentId| {
        let command = Command::Proof(ProofCommand::IssueReceipt { agent_id, statement: statement() });
        let call = TenantCall { idempotency: claim("receipt", "body"), ..tale.call(caller.clone(), command) };
        let reply = tale.send(&call);
        let Ok(Outcome::Proof(ProofOutcome::Receipt(form))) = reply.outcome else { panic!("{reply:?}") };
        (form.receipt_id, reply.replayed)
    };
    let (made, replayed) = issue(&mut tale, &first, agent);
    assert!(!replayed);
    let refresh = ProofCommand::RefreshSession { token_hash: token("refresh one"), secrets: secrets("two") };
    tale.prove_as(Proof::Refresh { token_hash: token("refresh one") }, refresh).unwrap();
    assert_eq!(issue(&mut tale, &Proof::Session { token_hash: token("two") }, agent), (made, true));
    let (theirs, replayed) = issue(&mut tale, &others, other);
    assert!(!replayed && theirs != made, "another agent's key is another key");
    assert_eq!((tale.receipts(agent).len(), tale.receipts(other).len()), (1, 1));
}

#[test]
fn a_session_reaches_the_receipts_of_its_agent_and_no_others() {
    let mut tale = Tale::of_company();
    let (agent, other) = (tale.agent_with(&["*:*"]), tale.agent_with(&["*:*"]));
    let session = tale.session(agent, "one");
    let (own, theirs) = (tale.issue(agent).receipt_id, tale.issue(other).receipt_id);
    let of_receipt = |receipt_id| [ProofCommand::GetReceipt { receipt_id }, ProofCommand::VerifyReceipt { receipt_id }];
    for command in of_receipt(own) {
        assert!(tale.prove_as(session.clone(), command).is_ok());
    }
    for command in of_receipt(theirs) {
        assert_eq!(tale.prove_as(session.clone(), command), Err(Refusal::NotFound(Thing::Receipt)));
    }
    let list = |agent_id| ProofCommand::ListReceipts { agent_id, limit: 10, offset: 0 };
    assert!(tale.prove_as(session.clone(), list(agent)).is_ok());
    assert_eq!(tale.prove_as(session, list(other)), Err(Refusal::NotFound(Thing::Agent)));
}

#[test]
fn a_receipt_of_which_any_byte_was_changed_is_told_so_and_hides_no_other() {
    let mut tale = Tale::of_company();
    let agent = tale.agent_with(&["*:*"]);
    let (receipt_id, second) = (tale.issue(agent).receipt_id, tale.issue(agent).receipt_id);
    tale.object.sql.connection.execute_batch("DROP TRIGGER receipt_is_final").unwrap();
    let envelope: String =
        tale.object.sql.connection.query_row("SELECT envelope FROM receipt WHERE log_index = 0", [], |row| row.get(0)).unwrap();
    let edit = |tale: &Tale, envelope: &str| {
        tale.object.sql.connection.execute("UPDATE receipt SET envelope = ? WHERE log_index = 0", [envelope]).unwrap();
    };
    for at in 0..envelope.len() {
        let mut bytes = envelope.clone().into_bytes();
        bytes[at] = if bytes[at] == b'z' { b'y' } else { bytes[at] + 1 };
        edit(&tale, std::str::from_utf8(&bytes).unwrap());
        assert_eq!(tale.judge(receipt_id), (Verdict::InvalidSignature, false, false));
        assert!(tale.receipts(agent).contains(&second));
    }
    edit(&tale, "no JSON");
    assert_eq!((tale.judge(receipt_id), tale.receipts(agent)), ((Verdict::InvalidSignature, false, false), vec![second]));
    assert_eq!(tale.prove(ProofCommand::GetReceipt { receipt_id }), Err(Refusal::Proof(ProofRefusal::ReceiptDamaged)));
    edit(&tale, &envelope);
    assert_eq!(tale.verify(receipt_id).verdict, Verdict::Valid);
}

#[test]
fn a_receipt_is_of_the_time_its_envelope_says_and_of_the_agent_whose_key_has_signed() {
    let mut tale = Tale::of_company();
    let (agent, other) = (tale.agent_with(&["*:*"]), tale.agent_with(&["*:*"]));
    let receipt = tale.issue(agent);
    tale.object
        .sql
        .connection
        .execute_batch("DROP TRIGGER receipt_is_final; UPDATE receipt SET created_at_ms = created_at_ms + 3600000")
        .unwrap();
    let verified = tale.verify(receipt.receipt_id);
    assert_eq!((verified.verdict, verified.receipt), (Verdict::Valid, receipt.clone()));
    tale.object.sql.connection.execute("UPDATE receipt SET agent_id = ?", [other.to_string()]).unwrap();
    assert_eq!(tale.verify(receipt.receipt_id).verdict, Verdict::InvalidSignature);
}

#[test]
fn what_was_signed_before_the_end_is_verified_after_it() {
    let mut tale = Tale::of_company();
    let agent = tale.agent_with(&["*:*"]);
    let receipt = tale.issue(agent).receipt_id;
    tale.revoke(agent);
    let verified = tale.verify(receipt);
    assert_eq!((verified.verdict, verified.signature_verified), (Verdict::Revoked, true));
}

#[test]
fn an_agent_with_as_many_scopes_as_it_may_have_opens_a_session_whatever_denials_it_is_under() {
    let mut tale = Tale::of_company();
    let parent = tale.agent_with(&["*:*", "!data:delete"]);
    let many: Vec<String> = (0..127).map(|at| format!("data:a{at}")).collect();
    let child = tale.agent_with(&many.iter().map(String::as_str).collect::<Vec<_>>());
    tale.delegate(parent, child, &["data:*"]).unwrap();
    let session = tale.session(child, "one");
    let check = |action: &str| ProofCommand::CheckGuardrails { agent_id: child, action: Scope::parse(action).unwrap() };
    let mut violated = |action| match tale.prove_as(session.clone(), check(action)) {
        Ok(ProofOutcome::Checked { violated, .. }) => violated,
        other => panic!("{other:?}"),
    };
    assert_eq!((violated("data:read"), violated("data:delete")), (vec![], vec![Rule::Scope]), "denials hold without standing there");
}

#[test]
fn a_lease_under_a_mandate_that_may_not_be_spent_from_is_no_mandate() {
    let mut tale = Tale::of_company();
    let borrower = tale.agent_with(&["tool:spend"]);
    let mandate = tale.mandate(draft());
    tale.manage(MoneyCommand::GrantLease(request(LeaseSource::Mandate(mandate.id), borrower, 10))).unwrap();
    let action = Scope::parse("tool:spend").unwrap();
    assert_eq!(tale.violated(borrower, &action), []);
    let put =
        |version, status, draft| MoneyCommand::PutMandate { mandate_id: mandate.id, version, agent_id: None, status: Some(status), draft };
    let Ok(MoneyOutcome::Mandate(now)) = tale.manage(put(mandate.version, MandateStatus::Suspended, draft())) else { panic!("not put") };
    assert_eq!(tale.violated(borrower, &action), [Rule::MandateMissing]);
    let expires_at = Some(tale.now.plus_s(60));
    let expiring = guildhall::objects::tenant::money::command::MandateDraft { expires_at, ..draft() };
    tale.manage(put(now.version, MandateStatus::Active, expiring)).unwrap();
    assert_eq!(tale.violated(borrower, &action), []);
    tale.pass_ms(60_000);
    assert_eq!(tale.violated(borrower, &action), [Rule::MandateMissing]);
}

#[test]
fn sessions_that_end_with_their_agent_end_in_the_audit_chain_too() {
    let mut tale = Tale::of_company();
    let agent = tale.agent_with(&["*:*"]);
    for name in ["one", "two"] {
        tale.session(agent, name);
    }
    tale.revoke(agent);
    let ended = "SELECT count(*) FROM audit JOIN agent_session s ON s.id = audit.object WHERE action = 'agent_session.terminated' AND s.ended_at_ms IS NOT NULL";
    let ended: i64 = tale.object.sql.connection.query_row(ended, [], |row| row.get(0)).unwrap();
    assert_eq!(ended, 2);
}

//! The pages about money, approvals and the audit chain.

use maud::Markup;
use serde_json::Map;

use super::super::approval::{Approvals, DecidedRow, Waiting, render_approvals};
use super::super::audit::{Audit, Check, EntryRow, Verdict, render_audit};
use super::super::key::AgentOption;
use super::super::lease::{LeaseNode, Leases, render_leases};
use super::super::mandate::{MandateCard, Mandates, NewMandate, OneMandate, render_mandate, render_mandates, render_new_mandate};
use super::super::packet::{ItemRow, Packet, render_packet};
use super::super::part::{Filter, Pager};
use super::super::payment::{PaymentRow, Payments, render_payments};
use super::super::wallet::{StopState, WalletCard, Wallets, render_wallets};
use super::*;
use crate::domain::approval::{ApprovalStatus, Asked};
use crate::domain::form::Usd;
use crate::domain::form::approval::ApprovalForm;
use crate::domain::form::lease::LeaseForm;
use crate::domain::form::mandate::{MandateForm, Usage, WindowUsage};
use crate::domain::form::payment::PaymentForm;
use crate::domain::id::{AgentId, ApprovalId, LeaseId, MandateId, PaymentId, WalletId};
use crate::domain::lease::LeaseStatus;
use crate::domain::mandate::MandateStatus;
use crate::domain::payment::PaymentStatus;
use crate::domain::spend::SpendAction;
use crate::domain::wallet::Mode;

const ULID: &str = "01KGFQ4T1WZ3N8X5R7M2B6C9DE";

macro_rules! id {
    ($kind:ident) => {
        $kind::parse(&format!("{}{ULID}", $kind::PREFIX)).unwrap()
    };
}

fn cents(count: u64) -> Micros {
    Micros::from_minor(count).unwrap()
}

pub fn filters(w: Words, names: &[&str]) -> Vec<Filter> {
    let filter = |(at, name): (usize, &&str)| Filter {
        text: w.say(name),
        href: "/account/payments?tenant=agent-alpha".to_owned(),
        is_current: at == 0,
    };
    names.iter().enumerate().map(filter).collect()
}

pub fn pager() -> Pager {
    Pager { newest: Some("/account/payments?tenant=agent-alpha".to_owned()), older: Some("/account/payments?cursor=x".to_owned()) }
}

fn usage(limit: Option<u64>, spent: u64, held: u64, resets_in_ms: Option<u64>) -> WindowUsage {
    WindowUsage {
        spent: cents(spent),
        held: cents(held),
        remaining: limit.map(|limit| cents(limit - spent - held)),
        resets_at: resets_in_ms.map(|ms| NOW.plus_ms(ms)),
    }
}

fn mandate(w: Words, name: &str, status: MandateStatus, daily: Option<u64>) -> MandateCard {
    let mandate = MandateForm {
        id: id!(MandateId),
        agent_id: id!(AgentId),
        name: w.some(name),
        status,
        version: 3,
        currency: Usd,
        per_transaction_limit: Some(cents(2_000)),
        daily_limit: daily.map(cents),
        monthly_limit: Some(cents(50_000)),
        total_limit: Some(cents(200_000)),
        allowed_merchants: vec![w.say("The baker"), w.say("Paper & Ink Ltd")],
        allowed_actions: vec![SpendAction::Payment, SpendAction::Tool],
        approval_threshold: Some(cents(1_000)),
        wallet_id: None,
        metadata: Map::new(),
        usage: Usage {
            daily: usage(daily, 3_150, 1_200, Some(9 * HOUR_MS)),
            monthly: usage(Some(50_000), 31_075, 1_200, Some(26 * DAY_MS)),
            total: usage(Some(200_000), 31_075, 1_200, None),
        },
        expires_at: Some(NOW.plus_ms(80 * DAY_MS)),
        created_at: before(12 * DAY_MS),
        updated_at: before(DAY_MS),
    };
    MandateCard { mandate, agent_label: w.say("Night scout") }
}

fn mandates(w: Words) -> Mandates {
    Mandates {
        tenant: w.say("agent-alpha"),
        mandates: vec![
            mandate(w, "Research, spring", MandateStatus::Active, Some(5_000)),
            mandate(w, "Errands", MandateStatus::Suspended, None),
            mandate(w, "Trial", MandateStatus::Revoked, None),
        ],
        filters: filters(w, &["All", "Active", "Suspended", "Exhausted", "Expired", "Revoked"]),
        narrowed: Some((w.say("those of Night scout"), "/account/mandates".to_owned())),
        pager: pager(),
        has_agents: true,
    }
}

fn new_mandate(w: Words) -> NewMandate {
    NewMandate {
        tenant: w.say("agent-alpha"),
        agents: vec![AgentOption { agent_id: w.say("agt_1"), label: w.say("Night scout") }],
        name: w.entry("Research, spring"),
        daily: w.wrong("many", "must be an amount in dollars, such as 5 or 2.50"),
        merchants: w.entry("The baker\nPaper & Ink Ltd"),
        error: w.some("Agent is not active."),
        ..NewMandate::default()
    }
}

fn approval(w: Words, status: ApprovalStatus, minor: u64) -> ApprovalForm {
    let is_decided = status != ApprovalStatus::Pending;
    ApprovalForm {
        id: id!(ApprovalId),
        status,
        object_type: Asked::Payment,
        object_id: format!("pay_{ULID}"),
        amount: cents(minor),
        currency: Usd,
        agent_id: id!(AgentId),
        mandate_id: id!(MandateId),
        requested_at: before(3 * HOUR_MS),
        expires_at: NOW.plus_ms(21 * HOUR_MS),
        decided_by: None,
        decided_at: is_decided.then(|| before(HOUR_MS)),
        reason: is_decided.then(|| w.say("Not before the invoice is here")),
    }
}

fn approvals(w: Words) -> Approvals {
    let waiting = |minor, recipient: Option<&str>| Waiting {
        approval: approval(w, ApprovalStatus::Pending, minor),
        kind: w.say("Payment"),
        recipient: recipient.map(|name| w.say(name)),
        description: w.some("Two hundred sheets of laid paper, and the binding"),
        agent_label: w.say("Night scout"),
    };
    let decided = |status, by: Option<&str>| DecidedRow {
        approval: approval(w, status, 1_234),
        agent_label: w.say("Ledger clerk"),
        by: by.map(|name| w.say(name)),
    };
    Approvals {
        tenant: w.say("agent-alpha"),
        waiting: vec![waiting(4_200, Some("Paper & Ink Ltd")), waiting(125_000, None)],
        more_wait: true,
        decided: vec![
            decided(ApprovalStatus::Approved, Some("you")),
            decided(ApprovalStatus::Denied, Some("another member")),
            decided(ApprovalStatus::Expired, None),
        ],
        pager: pager(),
    }
}

fn payments(w: Words) -> Payments {
    let row = |merchant, status, minor, reasons: &[&str]| PaymentRow {
        payment: PaymentForm {
            id: id!(PaymentId),
            status,
            amount: cents(minor),
            currency: Usd,
            merchant: w.say(merchant),
            description: w.some("for the night shift"),
            metadata: Map::new(),
            mandate_id: id!(MandateId),
            agent_id: id!(AgentId),
            wallet_id: id!(WalletId),
            lease_id: None,
            reservation_id: None,
            approval_id: None,
            reasons: reasons.iter().map(|reason| (*reason).to_owned()).collect(),
            mode: Mode::Sandbox,
            created_at: before(HOUR_MS),
            updated_at: before(HOUR_MS),
        },
        agent_label: w.say("Night scout"),
    };
    Payments {
        tenant: w.say("agent-alpha"),
        payments: vec![
            row("Paper & Ink Ltd", PaymentStatus::PendingApproval, 4_200, &[]),
            row("The baker", PaymentStatus::Succeeded, 350, &[]),
            row("A stranger", PaymentStatus::Denied, 99_900, &["merchant_not_allowed", "mandate_limit_exceeded"]),
            row("The baker", PaymentStatus::Expired, 1_800, &[]),
        ],
        filters: filters(w, &["All", "Succeeded", "Pending approval", "Denied", "Expired", "Failed"]),
        narrowed: None,
        pager: pager(),
    }
}

fn lease(w: Words, names: [&str; 2], status: LeaseStatus, minor: u64, children: Vec<LeaseNode>) -> LeaseNode {
    let lent = children.iter().map(|child| child.lease.amount.minor()).sum::<u64>();
    let (captured, reserved) = (minor / 5, minor / 10);
    LeaseNode {
        lease: LeaseForm {
            id: id!(LeaseId),
            status,
            parent_lease_id: None,
            parent_agent_id: id!(AgentId),
            child_agent_id: id!(AgentId),
            mandate_id: id!(MandateId),
            wallet_id: id!(WalletId),
            depth: 1,
            amount: cents(minor),
            captured: cents(captured),
            reserved: cents(reserved),
            leased: cents(lent),
            remaining: cents(minor - captured - reserved - lent),
            returned_amount: cents(if status == LeaseStatus::Released { 100 } else { 0 }),
            currency: Usd,
            per_transaction_limit: None,
            allowed_merchants: vec![],
            allowed_actions: vec![],
            expires_at: Some(NOW.plus_ms(3 * DAY_MS)),
            created_at: before(DAY_MS),
            ended_at: None,
        },
        parent_label: w.say(names[0]),
        child_label: w.say(names[1]),
        children,
    }
}

fn leases(w: Words) -> Leases {
    let deepest = (2..=8).rev().fold(vec![], |children, depth| {
        vec![lease(w, ["Scout", "Scout of the scout"], LeaseStatus::Active, 4_000 >> (depth - 1), children)]
    });
    Leases {
        tenant: w.say("agent-alpha"),
        roots: vec![
            lease(w, ["Night scout", "Ledger clerk"], LeaseStatus::Active, 4_000, deepest),
            lease(w, ["Night scout", "First try"], LeaseStatus::Released, 800, vec![]),
        ],
        filters: filters(w, &["All", "Active", "Exhausted", "Released", "Revoked", "Expired"]),
        narrowed: Some((w.say("those under mdt_1"), "/account/leases".to_owned())),
        cut_at: Some(500),
    }
}

fn wallets(w: Words, is_on: bool) -> Wallets {
    let card = |name: Option<&str>, is_sandbox, is_default, minor| WalletCard {
        wallet_id: w.say("wal_01KGFQ4T1WZ3N8X5R7M2B6C9DE"),
        name: name.map(|name| w.say(name)),
        is_sandbox,
        is_default,
        available: cents(minor),
        held: cents(minor / 7),
    };
    Wallets {
        tenant: w.say("agent-alpha"),
        wallets: vec![card(None, true, true, 9_650), card(Some("Petty cash"), false, false, 0), card(None, true, false, 1_200)],
        pager: Pager::default(),
        stop: StopState {
            is_on,
            reason: if is_on { w.some("A key was seen in a public repository") } else { None },
            changed: is_on.then(|| (w.say("you"), before(7 * MINUTE_MS))),
        },
    }
}

fn audit(w: Words, check: Check) -> Audit {
    let row = |seq, what, who: Option<&str>, amount: Option<u64>| EntryRow {
        seq,
        at: before((2_100 - seq) * MINUTE_MS),
        what: w.say(what),
        object: w.say("pay_01KGFQ4T1WZ3N8X5R7M2B6C9DE"),
        who: who.map(|who| w.say(who)),
        amount: amount.map(cents),
        hash: w.say("9f2c07abc41e22d09f2c07abc41e22d09f2c07abc41e22d09f2c07abc41e22d0"),
    };
    Audit {
        entries: vec![
            row(2_018, "Payment succeeded", Some("Night scout"), None),
            row(2_017, "Reservation captured", Some("Night scout"), Some(350)),
            row(2_016, "Lease expired", None, Some(1_200)),
        ],
        pager: pager(),
        check,
    }
}

fn packet(w: Words) -> Packet {
    let item = |name: &str, title, evidence| ItemRow {
        name: name.to_owned(),
        title: w.say(title),
        status: Entry::filled("go"),
        evidence,
        note: w.entry(""),
    };
    Packet {
        tenant: w.say("agent-alpha"),
        is_complete: false,
        version: 2,
        updated: Some((w.say("you"), before(DAY_MS))),
        items: vec![
            item("hosted_health", "Hosted health", w.entry("https://status.example/7")),
            item("rollback", "Rollback", w.wrong("x", "must have 0 to 2048 characters")),
        ],
        error: w.some("Tenant is required."),
    }
}

pub fn render_money_pages(w: Words) -> Vec<(&'static str, Markup)> {
    let frame = w.signed_in(None);
    let stopped = Frame { viewer: Some(Viewer { is_stopped: true, ..w.viewer(false) }), ..w.signed_in(None) };
    let tenant = w.say("agent-alpha");
    let one = OneMandate { tenant: tenant.clone(), card: mandate(w, "Research, spring", MandateStatus::Exhausted, Some(5_000)) };
    let broken = Verdict {
        entries: 17,
        next: Some("/account/audit?check_after=17".to_owned()),
        first_bad_seq: Some(18),
        books_are_equal: false,
        accounts: 9,
        differences: vec![(w.say("revenue"), 5_000, -4_000)],
    };
    let whole = Verdict { entries: 2_018, books_are_equal: true, accounts: 9, ..Verdict::default() };
    let without = |has_agents| Mandates { tenant: tenant.clone(), has_agents, ..Mandates::default() };
    vec![
        ("mandates", render_mandates(&frame, &mandates(w))),
        ("mandates-empty", render_mandates(&frame, &without(true))),
        ("mandates-no-agent", render_mandates(&frame, &without(false))),
        ("mandate", render_mandate(&frame, &one)),
        ("mandate-new", render_new_mandate(&frame, &new_mandate(w))),
        ("mandate-new-no-agent", render_new_mandate(&frame, &NewMandate { tenant: tenant.clone(), ..NewMandate::default() })),
        ("approvals", render_approvals(&frame, &approvals(w))),
        ("approvals-empty", render_approvals(&frame, &Approvals { tenant: tenant.clone(), ..Approvals::default() })),
        ("payments", render_payments(&stopped, &payments(w))),
        ("payments-empty", render_payments(&frame, &Payments { tenant: tenant.clone(), ..Payments::default() })),
        ("leases", render_leases(&frame, &leases(w))),
        ("leases-empty", render_leases(&frame, &Leases { tenant: tenant.clone(), ..Leases::default() })),
        ("wallets", render_wallets(&frame, &wallets(w, false))),
        ("wallets-stopped", render_wallets(&stopped, &wallets(w, true))),
        ("audit", render_audit(&frame, &audit(w, Check::Done(whole)))),
        ("audit-broken", render_audit(&frame, &audit(w, Check::Done(broken)))),
        ("audit-long", render_audit(&frame, &audit(w, Check::NotAsked { href: "/account/audit?check_after=0".to_owned() }))),
        ("packet", render_packet(&frame, &packet(w))),
        (
            "confirm-stop",
            render_confirmation(
                &frame,
                &Confirmation { question: w.say("Stop all spending?"), kind: ConfirmationKind::EndingWithReason, ..confirmation(w) },
            ),
        ),
        (
            "confirm-resume",
            render_confirmation(
                &frame,
                &Confirmation { facts: vec![], kind: ConfirmationKind::Resuming, question: w.say("Resume?"), ..confirmation(w) },
            ),
        ),
    ]
}

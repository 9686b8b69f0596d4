//! One of every page, for the laws and for the eye.

mod money;
mod order;
mod webhook;

use maud::Markup;

use super::agent::{AgentCard, AgentStatus, Agents, render_agents};
use super::billing::{Activity, Billing, Flow, FundForm, render_billing};
use super::confirmation::{Confirmation, ConfirmationKind, render_confirmation};
use super::enrollment::{Enrollment, TokenForm, TokenRow, TokenStatus, render_enrollment};
use super::entrance::{Registration, SignIn, render_registration, render_sign_in};
use super::failure::{Failure, render_failure};
use super::form::Entry;
use super::front::{Front, render_front};
use super::invitation::{Invitation, OpenInvitation, render_invitation};
use super::key::{AgentKeyForm, AgentOption, ApiKeyForm, KeyRow, Keys, render_key_page};
use super::layout::{Frame, Viewer};
use super::notice::{Notice, Secret, SecretKind};
use super::operator::{Counts, Operator, QueuedMail, render_operator};
use super::overview::{Overview, TenantCard, render_overview};
use super::plot::DaySum;
use super::setting::{PasswordForm, Settings, render_settings};
use super::tenant::{TenantForm, TenantRow, Tenants, render_tenants};
use crate::domain::money::Micros;
use crate::domain::time::{DAY_MS, HOUR_MS, MINUTE_MS, Timestamp};

const NOW: Timestamp = Timestamp::from_ms(1_770_034_440_000);

/// What the texts of the samples are made of.
#[derive(Clone, Copy)]
pub struct Words(pub fn(&str) -> String);

impl Words {
    fn say(self, text: &str) -> String {
        (self.0)(text)
    }

    fn some(self, text: &str) -> Option<String> {
        Some(self.say(text))
    }

    fn entry(self, value: &str) -> Entry {
        Entry { value: self.say(value), error: None }
    }

    fn wrong(self, value: &str, error: &str) -> Entry {
        Entry { value: self.say(value), error: self.some(error) }
    }

    fn viewer(self, is_operator: bool) -> Viewer {
        Viewer {
            email: self.say("ada@example.org"),
            is_operator,
            tenants: vec![self.say("agent-alpha"), self.say("night-watch"), self.say("u-7gq2mz4k1p")],
            tenant: self.some("agent-alpha"),
            approvals_waiting: 2,
            is_stopped: false,
        }
    }

    fn signed_in(self, notice: Option<Notice>) -> Frame {
        Frame { now: NOW, csrf: self.say("csrf-token"), form_key: self.say("form-key"), viewer: Some(self.viewer(true)), notice }
    }

    fn signed_out(self) -> Frame {
        Frame { now: NOW, csrf: self.say("csrf-token"), form_key: self.say("form-key"), viewer: None, notice: None }
    }
}

fn micros(count: u64) -> Micros {
    Micros::new(count).unwrap()
}

fn before(ms: u64) -> Timestamp {
    NOW.minus_ms(ms)
}

fn secret(w: Words, kind: SecretKind, value: &str) -> Option<Notice> {
    Some(Notice::Secret(Secret { kind, label: w.say("Night scout"), value: w.say(value), tenant: w.say("agent-alpha") }))
}

fn activity(w: Words) -> Vec<Activity> {
    let row = |age, what, agent: Option<&str>, flow, count| Activity {
        at: before(age),
        tenant: w.say("agent-alpha"),
        what: w.say(what),
        agent_label: agent.map(|agent| w.say(agent)),
        flow,
        amount: micros(count),
    };
    vec![
        row(2 * MINUTE_MS, "Query", Some("Night scout"), Flow::Out, 1_000),
        row(3 * MINUTE_MS, "Query, in progress", Some("Ledger clerk"), Flow::Held, 1_000),
        row(41 * MINUTE_MS, "Query", Some("Night scout"), Flow::Out, 1_000),
        row(5 * HOUR_MS, "Query failed", Some("Night scout"), Flow::Released, 1_000),
        row(26 * HOUR_MS, "Funded", None, Flow::In, 25_000_000),
        row(12 * DAY_MS, "Credit for a new tenant", None, Flow::In, 1_000_000),
    ]
}

fn spend() -> Vec<DaySum> {
    let figures =
        [31, 44, 12, 0, 0, 58, 61, 73, 40, 22, 5, 0, 66, 91, 104, 87, 55, 18, 9, 112, 143, 128, 97, 71, 33, 14, 120, 166, 151, 89];
    figures.into_iter().rev().zip(0..).map(|(count, age)| DaySum { day: before(age * DAY_MS), amount: micros(count * 1_000) }).collect()
}

fn keys(w: Words) -> Vec<KeyRow> {
    let row = |label: Option<&str>, preview, agent, age, expires_at, used: Option<u64>| KeyRow {
        key_id: w.say("key_01KGFQ4T1WZ3N8X5R7M2B6C9DE"),
        label: label.map(|label| w.say(label)),
        preview: w.say(preview),
        agent_label: w.some(agent),
        created_at: before(age),
        expires_at,
        last_used_at: used.map(before),
    };
    vec![
        row(Some("laptop"), "mtak_...9f2c", "Night scout", 9 * DAY_MS, None, Some(2 * MINUTE_MS)),
        row(None, "mtak_...07ab", "Ledger clerk", 3 * DAY_MS, Some(NOW.plus_ms(27 * DAY_MS)), Some(5 * HOUR_MS)),
        row(Some("trial"), "mtak_...c41e", "Ledger clerk", 40 * DAY_MS, Some(before(10 * DAY_MS)), None),
    ]
}

fn overview(w: Words) -> Overview {
    let card = |tenant, name: Option<&str>, role, available, held, agents| TenantCard {
        tenant: w.say(tenant),
        name: name.map(|name| w.say(name)),
        role: w.say(role),
        available: micros(available),
        held: micros(held),
        spent_30_days: micros(available / 17),
        agents,
        approvals_waiting: agents / 2,
        is_stopped: agents == 1,
    };
    Overview {
        name: w.say("Ada"),
        tenants: vec![
            card("agent-alpha", Some("Alpha research"), "owner", 24_102_000, 1_000, 3),
            card("night-watch", None, "member", 912_000, 0, 1),
            card("u-7gq2mz4k1p", Some("Ada's own"), "owner", 1_000_000, 0, 0),
        ],
        activity: activity(w),
    }
}

fn tenants(w: Words, form: TenantForm) -> Tenants {
    let row = |tenant, name: Option<&str>, plan| TenantRow {
        tenant: w.say(tenant),
        tenant_uuid: w.say("7c9e6679-7425-40de-944b-e07fc1f90ae7"),
        name: name.map(|name| w.say(name)),
        role: w.say("owner"),
        plan: w.say(plan),
        created_at: before(12 * DAY_MS),
    };
    Tenants { tenants: vec![row("agent-alpha", Some("Alpha research"), "starter"), row("night-watch", None, "free")], form }
}

fn agents(w: Words) -> Agents {
    let card = |label, status, wallet: Option<&str>, keys| AgentCard {
        agent_id: w.say("agt_01KGFQ4T1WZ3N8X5R7M2B6C9DE"),
        label: w.say(label),
        status,
        wallet_address: wallet.map(|wallet| w.say(wallet)),
        created_at: before(12 * DAY_MS),
        keys,
    };
    Agents {
        tenant: w.say("agent-alpha"),
        agents: vec![
            card("Night scout", AgentStatus::Active, Some("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"), keys(w)),
            card("Ledger clerk", AgentStatus::Suspended, None, vec![]),
            card("First try", AgentStatus::Revoked, None, vec![]),
        ],
        agents_max: Some(25),
    }
}

fn key_page(w: Words, agent_form: AgentKeyForm) -> Keys {
    Keys {
        tenant: w.say("agent-alpha"),
        agents: vec![AgentOption { agent_id: w.say("agt_01KGFQ4T1WZ3N8X5R7M2B6C9DE"), label: w.say("Night scout") }],
        agent_keys: keys(w),
        api_keys: vec![KeyRow { preview: w.say("tl_live_...22d0"), agent_label: None, ..keys(w).remove(0) }],
        agent_form,
        api_form: ApiKeyForm { label: w.entry("deploy script"), environment: w.entry("live"), expires_in_days: w.entry("30"), error: None },
    }
}

fn enrollment(w: Words) -> Enrollment {
    let row = |label: Option<&str>, preview, status, expires_at, used_by: Option<&str>| TokenRow {
        id: w.say("enr_01KGFQ4T1WZ3N8X5R7M2B6C9DE"),
        label: label.map(|label| w.say(label)),
        preview: w.say(preview),
        status,
        expires_at,
        used_by: used_by.map(|agent| w.say(agent)),
    };
    Enrollment {
        tenant: w.say("agent-alpha"),
        tokens: vec![
            row(Some("for the scout"), "mten_...41ce", TokenStatus::Unused, NOW.plus_ms(23 * HOUR_MS), None),
            row(None, "mten_...b00a", TokenStatus::Used, before(2 * DAY_MS), Some("Ledger clerk")),
            row(None, "mten_...7e19", TokenStatus::Expired, before(4 * DAY_MS), None),
            row(Some("sent to the wrong one"), "mten_...ffd3", TokenStatus::Revoked, before(5 * DAY_MS), None),
        ],
        form: TokenForm { label: w.entry(""), ttl_seconds: w.entry("86400"), error: None },
    }
}

fn billing(w: Words, spend: Vec<DaySum>, activity: Vec<Activity>, fund: FundForm) -> Billing {
    Billing {
        tenant: w.say("agent-alpha"),
        wallet_id: w.say("wal_01KGFQ4T1WZ3N8X5R7M2B6C9DE"),
        is_sandbox: true,
        available: micros(24_102_000),
        held: micros(1_000),
        query_price: micros(1_000),
        spend,
        activity,
        fund,
    }
}

fn operator(w: Words, sends_mail: bool) -> Operator {
    let mail = |to, age| QueuedMail {
        id: w.say("mai_01KGFQ4T1WZ3N8X5R7M2B6C9DE"),
        to: w.say(to),
        subject: w.say("agent-alpha invites you to own it"),
        queued_at: before(age),
        link: w.some("https://guildhall.example/account/invite/3f9a0c61d2b84e57a8c01f6e92b7d345"),
    };
    Operator {
        counts: Counts { users: 12, tenants: 48, agents: 131, open_sessions: 9, observations: 20_418, queries_24h: 1_733 },
        sends_mail,
        disputes: if sends_mail { vec![] } else { order::disputes(w) },
        more_disputes: !sends_mail,
        mail: if sends_mail { vec![] } else { vec![mail("grace@example.org", 7 * MINUTE_MS), mail("alan@example.org", 3 * HOUR_MS)] },
    }
}

fn confirmation(w: Words) -> Confirmation {
    Confirmation {
        question: w.say("Revoke this key?"),
        consequence: w.say("The next request that carries it is refused. This cannot be undone."),
        facts: vec![(w.say("Key"), w.say("mtak_...9f2c")), (w.say("Label"), w.say("laptop")), (w.say("Agent"), w.say("Night scout"))],
        action: "/account/keys/key_01KGFQ4T1WZ3N8X5R7M2B6C9DE/revoke".to_owned(),
        tenant: w.say("agent-alpha"),
        verb: w.say("Revoke"),
        back: "/account/keys?tenant=agent-alpha".to_owned(),
        kind: ConfirmationKind::Ending,
    }
}

fn invitation(w: Words) -> Invitation {
    Invitation::Open(OpenInvitation {
        token: w.say("3f9a0c61d2b84e57a8c01f6e92b7d345"),
        tenant: w.say("agent-alpha"),
        email: w.say("grace@example.org"),
        expires_at: NOW.plus_ms(6 * DAY_MS),
    })
}

fn render_open_pages(w: Words) -> Vec<(&'static str, Markup)> {
    let front = Front { origin: w.say("https://guildhall.example"), query_price: micros(1_000), new_tenant_credit: micros(1_000_000) };
    let bad_registration = Registration {
        name: w.entry("Ada"),
        email: w.wrong("ada@", "must be an e-mail address"),
        password_error: w.some("must be 8 characters or more"),
        error: None,
        next: w.some("/account/invite/abc"),
    };
    let bad_sign_in = SignIn {
        email: w.entry("ada@example.org"),
        password_error: None,
        error: w.some("That e-mail and password do not match."),
        next: w.some("/account/keys"),
    };
    vec![
        ("front", render_front(&w.signed_out(), &front)),
        ("front-signed-in", render_front(&w.signed_in(None), &front)),
        ("sign-in", render_sign_in(&w.signed_out(), &SignIn::default())),
        ("sign-in-wrong", render_sign_in(&w.signed_out(), &bad_sign_in)),
        ("register", render_registration(&w.signed_out(), &Registration::default())),
        ("register-wrong", render_registration(&w.signed_out(), &bad_registration)),
        ("invite", render_invitation(&w.signed_out(), &invitation(w))),
        ("invite-signed-in", render_invitation(&w.signed_in(None), &invitation(w))),
        ("invite-gone", render_invitation(&w.signed_out(), &Invitation::Gone)),
        ("confirm", render_confirmation(&w.signed_in(None), &confirmation(w))),
        ("error-403", render_failure(&Failure::Forbidden, &w.say("req_01KGFQ4T1WZ3N8X5R7M2B6C9DE"))),
        ("error-404", render_failure(&Failure::NotFound, &w.say("req_01KGFQ4T1WZ3N8X5R7M2B6C9DE"))),
        ("error-429", render_failure(&Failure::RateLimited { retry_after_s: 42 }, &w.say("req_01KGFQ4T1WZ3N8X5R7M2B6C9DE"))),
        ("error-500", render_failure(&Failure::Internal, &w.say("req_01KGFQ4T1WZ3N8X5R7M2B6C9DE"))),
        (
            "error-refused",
            render_failure(
                &Failure::Refused { status: 409, text: w.say("The plan allows no further agent.") },
                &w.say("req_01KGFQ4T1WZ3N8X5R7M2B6C9DE"),
            ),
        ),
        ("error-stale", render_failure(&Failure::StaleForm, &w.say("req_01KGFQ4T1WZ3N8X5R7M2B6C9DE"))),
    ]
}

fn render_console_pages(w: Words) -> Vec<(&'static str, Markup)> {
    let done = |text| Some(Notice::Done(w.say(text)));
    let no_tenant = Frame { viewer: Some(Viewer { tenants: vec![], tenant: None, ..w.viewer(false) }), ..w.signed_in(None) };
    let bad_tenant =
        TenantForm { tenant: w.wrong("Admin", "must be 3 to 40 characters of a-z, 0-9 and single inner hyphens"), ..TenantForm::default() };
    let bad_key = AgentKeyForm {
        label: w.wrong("", "a new agent needs a label"),
        error: w.some("Your plan allows 5 agents."),
        ..AgentKeyForm::default()
    };
    let bad_fund = FundForm { amount: w.wrong("five", "must be a plain decimal number"), error: None };
    let bad_password =
        PasswordForm { current_error: w.some("is not your password"), new_error: w.some("must be 8 characters or more"), error: None };
    let settings = |password| Settings { email: w.say("ada@example.org"), name: w.entry("Ada"), password, sessions: 2 };
    let key = "mtak_7c9e6679742540de944be07fc1f90ae70190c3d2a18b4f0077aa0c9d31e5b64f28c7d1905b3e6a42f8d09f2c";
    let token = "mten_7c9e6679742540de944be07fc1f90ae70190c3d2a18b4f0077aa0c9d31e5b64f28c7d1905b3e6a42f8d09f2c";
    vec![
        ("overview", render_overview(&w.signed_in(None), &overview(w))),
        ("overview-empty", render_overview(&no_tenant, &Overview { name: w.say("Ada"), ..Overview::default() })),
        (
            "tenants",
            render_tenants(
                &w.signed_in(done("The tenant night-watch is yours, with $1.00 of sandbox credit.")),
                &tenants(w, TenantForm::default()),
            ),
        ),
        ("tenants-wrong", render_tenants(&w.signed_in(None), &tenants(w, bad_tenant))),
        ("agents", render_agents(&w.signed_in(None), &agents(w))),
        ("agents-empty", render_agents(&w.signed_in(None), &Agents { tenant: w.say("agent-alpha"), agents: vec![], agents_max: Some(5) })),
        ("keys", render_key_page(&w.signed_in(None), &key_page(w, AgentKeyForm::default()))),
        ("keys-minted", render_key_page(&w.signed_in(secret(w, SecretKind::AgentKey, key)), &key_page(w, AgentKeyForm::default()))),
        ("keys-wrong", render_key_page(&w.signed_in(None), &key_page(w, bad_key))),
        ("keys-empty", render_key_page(&w.signed_in(None), &Keys { tenant: w.say("agent-alpha"), ..Keys::default() })),
        (
            "api-key-minted",
            render_key_page(&w.signed_in(secret(w, SecretKind::ApiKey, "tl_live_7c9e")), &key_page(w, AgentKeyForm::default())),
        ),
        ("enrollment", render_enrollment(&w.signed_in(None), &enrollment(w))),
        ("enrollment-minted", render_enrollment(&w.signed_in(secret(w, SecretKind::EnrollmentToken, token)), &enrollment(w))),
        ("billing", render_billing(&w.signed_in(None), &billing(w, spend(), activity(w), FundForm::default()))),
        ("billing-empty", render_billing(&w.signed_in(None), &billing(w, vec![], vec![], FundForm::default()))),
        (
            "billing-one-day",
            render_billing(
                &w.signed_in(done("$25.00 added.")),
                &billing(w, vec![DaySum { day: NOW, amount: micros(3_000) }], activity(w), bad_fund),
            ),
        ),
        ("settings", render_settings(&w.signed_in(None), &settings(PasswordForm::default()))),
        (
            "settings-wrong",
            render_settings(&w.signed_in(Some(Notice::Trouble(w.say("The password was not changed.")))), &settings(bad_password)),
        ),
        ("operator", render_operator(&w.signed_in(None), &operator(w, false))),
        ("operator-quiet", render_operator(&w.signed_in(None), &operator(w, true))),
    ]
}

/// Every page in its main states, by name.
pub fn render_pages(words: Words) -> Vec<(&'static str, Markup)> {
    let mut pages = render_open_pages(words);
    pages.extend(render_console_pages(words));
    pages.extend(money::render_money_pages(words));
    pages.extend(order::render_order_pages(words));
    pages.extend(webhook::render_webhook_pages(words));
    pages
}

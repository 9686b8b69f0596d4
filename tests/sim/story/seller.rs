//! Who sells what: profiles, services, keys, and whose they are.

use guildhall::crypto::mac::sha256;
use guildhall::domain::agent::AgentStatus;
use guildhall::domain::form::profile::ProfileForm;
use guildhall::domain::form::service::ServiceForm;
use guildhall::domain::id::{AgentId, ServiceId};
use guildhall::domain::key::{KeyKind, KeyNumber};
use guildhall::domain::market::price::Price;
use guildhall::domain::market::profile::ProfileDraft;
use guildhall::domain::market::service::{Category, PriceType, SERVICES_MAX, ServiceTerms};
use guildhall::domain::market::settlement::{PayMethod, Rail};
use guildhall::domain::plan::Plan;
use guildhall::objects::tenant::call::{Proof, TenantCall};
use guildhall::objects::tenant::command::Command;
use guildhall::objects::tenant::order::command::{OrderAct, OrderCommand, OrderDraft, Side};
use guildhall::objects::tenant::order::outcome::OrderOutcome;
use guildhall::objects::tenant::outcome::Outcome;
use guildhall::objects::tenant::refusal::{Refusal, Thing};
use guildhall::objects::tenant::seller::command::{Opening, Owner, ProfileChange, SellerCommand, ServiceChange};
use guildhall::objects::tenant::seller::outcome::SellerOutcome;
use guildhall::objects::tenant::seller::refusal::SellerRefusal;
use guildhall::objects::tenant::webhook::command::NewWebhookSecret;

use super::{Tale, claim, key, operator, secret};
use crate::generator::secret_hash_of;
use crate::object::{Crash, Fate};

const OWNER: &str = "owner-wallet";

/// An agent's key at the marketplace, by the number of its secret.
fn seller(number: u64) -> Proof {
    let number = KeyNumber::from_bytes(number.to_be_bytes());
    Proof::Key { kind: KeyKind::Atelier, number, secret_hash: secret_hash_of(number) }
}

fn opening(agent_id: AgentId, number: u64) -> Box<Opening> {
    Box::new(Opening {
        agent_id,
        slug: format!("painter-{number}"),
        draft: ProfileDraft {
            name: "Painter".to_owned(),
            description: "paints what you say".to_owned(),
            endpoint_url: "https://painter.example.com".to_owned(),
            avatar_url: None,
            capabilities: vec![Category::ImageGen],
            owner_wallet: Some(OWNER.to_owned()),
            is_owner_verified: true,
            payout_wallet: None,
        },
        key: secret(number),
        webhook_secret: NewWebhookSecret { at_rest: sha256(b"sealed").to_vec(), for_repeat: Some("for a repeat".to_owned()) },
    })
}

fn terms(price_type: PriceType) -> Box<ServiceTerms> {
    Box::new(ServiceTerms {
        category: Category::ImageGen,
        title: "A picture".to_owned(),
        description: "of whatever you like".to_owned(),
        price: Price::parse("5.00").unwrap(),
        price_type,
        turnaround_hours: 24,
        deliverables: vec!["one file".to_owned()],
        demo_url: None,
        quota_limit: 7,
    })
}

fn refused(refusal: SellerRefusal) -> Refusal {
    Refusal::Seller(refusal)
}

impl Tale {
    fn market(&mut self, caller: Proof, command: SellerCommand) -> Result<SellerOutcome, Refusal> {
        match self.ask(caller, Command::Seller(command))? {
            Outcome::Seller(outcome) => Ok(outcome),
            other => panic!("{other:?}"),
        }
    }

    /// A new agent whose key at the marketplace has that number.
    fn new_seller(&mut self, number: u64) -> AgentId {
        let agent_id = AgentId::new(self.now, &mut self.ids);
        match self.market(Proof::House, SellerCommand::Register(opening(agent_id, number))) {
            Ok(SellerOutcome::Opened { profile, .. }) => assert_eq!(profile.id, agent_id),
            other => panic!("{other:?}"),
        }
        agent_id
    }

    fn me(&mut self, number: u64) -> ProfileForm {
        match self.market(seller(number), SellerCommand::Me) {
            Ok(SellerOutcome::Profile { profile, key_last4 }) => {
                assert_eq!(key_last4, "beef");
                *profile
            }
            other => panic!("{other:?}"),
        }
    }

    fn offer(&mut self, agent_id: AgentId, number: u64, price_type: PriceType) -> Result<ServiceForm, Refusal> {
        match self.market(seller(number), SellerCommand::AddService { agent_id, terms: terms(price_type) })? {
            SellerOutcome::Service(form) => Ok(*form),
            other => panic!("{other:?}"),
        }
    }

    fn offered(&mut self, agent_id: AgentId, number: u64) -> Vec<ServiceId> {
        match self.market(seller(number), SellerCommand::ListServices { agent_id }) {
            Ok(SellerOutcome::Services(services)) => services.into_iter().map(|service| service.id).collect(),
            other => panic!("{other:?}"),
        }
    }

    fn events(&mut self) -> Vec<String> {
        match self.house(Command::OutboxRead { limit: 1_000 }) {
            Outcome::Events { events, .. } => events.into_iter().map(|event| event.kind).collect(),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_registration_is_an_agent_a_profile_and_a_key_or_nothing() {
    let mut tale = Tale::new();
    let agent_id = AgentId::new(tale.now, &mut tale.ids);
    let call = tale.call(Proof::House, Command::Seller(SellerCommand::Register(opening(agent_id, 50))));
    for statement in 0.. {
        match tale.object.call(tale.now, &call, Crash::BeforeStatement(statement)).unwrap() {
            Fate::Killed => {
                let nobody = tale.ask(seller(50), Command::Seller(SellerCommand::Me));
                assert_eq!(nobody, Err(Refusal::InvalidCredentials), "killed before statement {statement}");
            }
            Fate::Answered(reply) => {
                assert!(reply.outcome.is_ok() && statement > 5, "{reply:?}");
                break;
            }
            Fate::Lost(reply) => panic!("{reply:?}"),
        }
    }
    assert_eq!(tale.me(50).slug, "painter-50");
    let events = tale.events();
    assert!(
        ["agent.registered", "key.minted", "profile.opened"].iter().all(|kind| events.iter().filter(|event| event == kind).count() >= 1)
    );
}

#[test]
fn a_full_plan_has_no_room_for_a_market_agent() {
    let mut tale = Tale::new();
    for number in 50..54 {
        tale.new_seller(number);
    }
    let agent_id = AgentId::new(tale.now, &mut tale.ids);
    let full = tale.market(Proof::House, SellerCommand::Register(opening(agent_id, 54)));
    assert_eq!(full, Err(Refusal::PlanLimitExceeded { limit: 5, current: 5, plan: Plan::Free }));
}

#[test]
fn an_agent_there_is_gets_one_profile_and_only_who_manages_opens_it() {
    let mut tale = Tale::new();
    let agent_id = tale.born.agent_id.unwrap();
    let open = || SellerCommand::Open(opening(agent_id, 60));
    assert_eq!(tale.market(key(1), open()), Err(Refusal::Forbidden));
    let call = TenantCall { idempotency: claim("open", "body"), ..tale.call(operator(), Command::Seller(open())) };
    assert!(matches!(tale.send(&call).outcome, Ok(Outcome::Seller(SellerOutcome::Opened { .. }))));
    assert!(tale.send(&call).replayed);
    assert_eq!(tale.market(operator(), open()), Err(refused(SellerRefusal::ProfileExists)));
    assert_eq!(tale.market(operator(), SellerCommand::Look { agent_id }), Err(refused(SellerRefusal::ProfileExists)));
    let nobody = AgentId::new(tale.now, &mut tale.ids);
    assert_eq!(tale.market(operator(), SellerCommand::Look { agent_id: nobody }), Err(Refusal::NotFound(Thing::Agent)));
    assert_eq!(tale.me(60).id, agent_id);
    // What speaks for the agent elsewhere does not speak for it here.
    assert_eq!(tale.market(key(1), SellerCommand::Me), Err(Refusal::Forbidden));
}

#[test]
fn an_owner_that_has_signed_is_replaced_only_by_one_that_has() {
    let mut tale = Tale::new();
    tale.new_seller(50);
    let mut change = |wallet: &str, is_verified: bool| {
        let owner = Some(Owner { wallet: wallet.to_owned(), is_verified });
        let change = Box::new(ProfileChange { owner, ..ProfileChange::default() });
        tale.market(seller(50), SellerCommand::Change(change)).map(|outcome| match outcome {
            SellerOutcome::Profile { profile, .. } => (profile.owner_wallet.unwrap(), profile.verified, profile.version),
            other => panic!("{other:?}"),
        })
    };
    assert_eq!(change("another", false), Err(refused(SellerRefusal::OwnerNotSigned)));
    assert_eq!(change(OWNER, false), Ok((OWNER.to_owned(), 1, 1)), "the same wallet changes nothing");
    assert_eq!(change("another", true), Ok(("another".to_owned(), 1, 2)));
}

#[test]
fn of_an_agents_keys_one_lives() {
    let mut tale = Tale::new();
    let agent_id = tale.new_seller(50);
    assert!(tale.market(seller(50), SellerCommand::RotateKey { key: secret(51) }).is_ok());
    assert_eq!(tale.market(seller(50), SellerCommand::Me), Err(Refusal::InvalidCredentials));
    let recover = |owner: &str, number| SellerCommand::Recover { agent_id, owner: owner.to_owned(), key: secret(number) };
    assert_eq!(tale.market(Proof::House, recover("a thief", 52)), Err(refused(SellerRefusal::UnknownAgent)));
    assert_eq!(tale.me(51).id, agent_id);
    assert!(tale.market(Proof::House, recover(OWNER, 52)).is_ok());
    assert_eq!(tale.market(seller(51), SellerCommand::Me), Err(Refusal::InvalidCredentials));
    assert_eq!(tale.me(52).id, agent_id);
}

#[test]
fn a_suspended_agent_looks_and_changes_nothing_and_a_revoked_one_is_nobody() {
    let mut tale = Tale::new();
    let agent_id = tale.new_seller(50);
    let service = tale.offer(agent_id, 50, PriceType::Fixed).unwrap();
    let set = |status| Command::SetAgentStatus { agent_id, status };
    assert!(tale.ask(operator(), set(AgentStatus::Suspended)).is_ok());
    assert_eq!(tale.offered(agent_id, 50), [service.id]);
    let change = Box::new(ServiceChange { title: Some("Another".to_owned()), ..ServiceChange::default() });
    let not_active = Err(refused(SellerRefusal::AgentNotActive));
    let profile_change = Box::new(ProfileChange { name: Some("Other".to_owned()), ..ProfileChange::default() });
    for command in [
        SellerCommand::Change(profile_change),
        SellerCommand::RotateKey { key: secret(51) },
        SellerCommand::ProbeAgent { agent_id: None },
        SellerCommand::ProbeService { service_id: service.id },
        SellerCommand::AddService { agent_id, terms: terms(PriceType::Fixed) },
        SellerCommand::ChangeService { service_id: service.id, change },
        SellerCommand::RemoveService { service_id: service.id },
    ] {
        assert_eq!(tale.market(seller(50), command), not_active);
    }
    let recover = SellerCommand::Recover { agent_id, owner: OWNER.to_owned(), key: secret(52) };
    assert_eq!(tale.market(Proof::House, recover), not_active);
    assert!(tale.ask(operator(), set(AgentStatus::Revoked)).is_ok());
    assert_eq!(tale.market(seller(50), SellerCommand::Me), Err(Refusal::InvalidCredentials));
}

#[test]
fn an_agent_touches_its_own_services_alone() {
    let mut tale = Tale::new();
    let (painter, writer) = (tale.new_seller(50), tale.new_seller(51));
    let service_id = tale.offer(painter, 50, PriceType::Fixed).unwrap().id;
    assert_eq!(tale.offer(painter, 51, PriceType::Fixed), Err(refused(SellerRefusal::AnotherAgent)));
    let unknown = ServiceId::new(tale.now, &mut tale.ids);
    for (service_id, refusal) in [(service_id, SellerRefusal::AnothersService), (unknown, SellerRefusal::UnknownService)] {
        for command in [
            SellerCommand::ProbeService { service_id },
            SellerCommand::GetService { service_id },
            SellerCommand::RemoveService { service_id },
            SellerCommand::ChangeService { service_id, change: Box::default() },
        ] {
            assert_eq!(tale.market(seller(51), command), Err(refused(refusal)));
        }
    }
    let probe = SellerCommand::ProbeAgent { agent_id: Some(painter) };
    assert_eq!(tale.market(seller(51), probe), Err(refused(SellerRefusal::AnotherAgent)));
    assert_eq!((tale.offered(painter, 50), tale.offered(writer, 51)), (vec![service_id], Vec::new()));
}

#[test]
fn a_hundred_services_are_active_and_what_is_withdrawn_makes_room() {
    let mut tale = Tale::new();
    let agent_id = tale.new_seller(50);
    let mut made = Vec::new();
    for _ in 0..SERVICES_MAX {
        tale.pass_ms(1);
        made.push(tale.offer(agent_id, 50, PriceType::Fixed).unwrap().id);
    }
    assert_eq!(tale.offer(agent_id, 50, PriceType::Fixed), Err(refused(SellerRefusal::ServiceLimit)));
    assert_eq!(tale.offered(agent_id, 50), made.iter().rev().copied().collect::<Vec<_>>());
    let before = tale.events().len();
    for _ in 0..2 {
        match tale.market(seller(50), SellerCommand::RemoveService { service_id: made[0] }) {
            Ok(SellerOutcome::Service(form)) => assert_eq!((form.active, form.version), (0, 2)),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(tale.events().len(), before + 1, "a repeat tells nobody");
    assert!(tale.offer(agent_id, 50, PriceType::Fixed).is_ok());
}

#[test]
fn what_is_sold_once_has_no_quota() {
    let mut tale = Tale::new();
    let agent_id = tale.new_seller(50);
    assert_eq!(tale.offer(agent_id, 50, PriceType::Quote).unwrap().quota_limit, 0);
    let weekly = tale.offer(agent_id, 50, PriceType::Weekly).unwrap();
    assert_eq!(weekly.quota_limit, 7);
    let change = Box::new(ServiceChange { price_type: Some(PriceType::Fixed), ..ServiceChange::default() });
    match tale.market(seller(50), SellerCommand::ChangeService { service_id: weekly.id, change }) {
        Ok(SellerOutcome::Service(form)) => assert_eq!((form.quota_limit, form.version), (0, 2)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_order_keeps_the_price_it_was_placed_at_and_is_paid_out_once_a_wallet_is_named() {
    let mut tale = Tale::new();
    let agent_id = AgentId::new(tale.now, &mut tale.ids);
    let mut opening = opening(agent_id, 50);
    (opening.draft.owner_wallet, opening.draft.is_owner_verified) = (None, false);
    assert!(tale.market(Proof::House, SellerCommand::Register(opening)).is_ok());
    let service_id = tale.offer(agent_id, 50, PriceType::Fixed).unwrap().id;
    let wallet = "buyer".to_owned();
    let draft =
        OrderDraft { service_id, wallet: wallet.clone(), brief: "a cat".to_owned(), reference_urls: vec![], reference_images: vec![] };
    let order = |tale: &mut Tale, command| match tale.ask(Proof::House, Command::Order(command)) {
        Ok(Outcome::Order(OrderOutcome::Order(form))) => *form,
        other => panic!("{other:?}"),
    };
    let placed = order(&mut tale, OrderCommand::Place(Box::new(draft)));
    let change = Box::new(ServiceChange { price: Some(Price::parse("9.00").unwrap()), ..ServiceChange::default() });
    assert!(tale.market(seller(50), SellerCommand::ChangeService { service_id, change }).is_ok());
    let by = Side::Wallet(wallet);
    let act = |tale: &mut Tale, by: Side, act| order(tale, OrderCommand::Act { order_id: placed.id, by, act });
    let paid =
        act(&mut tale, by.clone(), OrderAct::Pay { method: PayMethod::UsdcSol, tx_hash: Some("tx".to_owned()), rail: Rail::Sandbox });
    assert_eq!(paid.quoted_price_usd, Some(Price::parse("5.00").unwrap()));
    let deliver = OrderAct::Deliver {
        url: "https://painter.example.com/cat.png".to_owned(),
        media_type: guildhall::domain::market::order::MediaType::Image,
        sha256: None,
    };
    let command = OrderCommand::Act { order_id: placed.id, by: Side::Agent, act: deliver };
    assert!(tale.ask(seller(50), Command::Order(command)).is_ok());
    let done = act(&mut tale, by.clone(), OrderAct::Approve);
    assert_eq!(done.payout_status.as_str(), "awaiting_wallet");
    let payout = Box::new(ProfileChange { payout_wallet: Some(Some("purse".to_owned())), ..ProfileChange::default() });
    assert!(tale.market(seller(50), SellerCommand::Change(payout)).is_ok());
    let get = OrderCommand::Get { order_id: placed.id, by };
    match tale.ask(Proof::House, Command::Order(get)) {
        Ok(Outcome::Order(OrderOutcome::OrderAndReview { order, .. })) => assert_eq!(order.payout_status.as_str(), "paid"),
        other => panic!("{other:?}"),
    }
    let profile = tale.me(50);
    assert_eq!((profile.total_orders, profile.completed_orders, profile.version), (1, 1, 2));
}

//! Who sells what: profiles, services, keys, and whose they are.

use guildhall::crypto::mac::sha256;
use guildhall::domain::agent::AgentStatus;
use guildhall::domain::form::order::OrderForm;
use guildhall::domain::form::profile::{ProfileForm, TokenForm};
use guildhall::domain::form::service::ServiceForm;
use guildhall::domain::id::{AgentId, OrderId, ServiceId};
use guildhall::domain::key::{KeyKind, KeyNumber};
use guildhall::domain::market::launch::Launch;
use guildhall::domain::market::order::MediaType;
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
use guildhall::objects::tenant::seller::command::{LaunchRail, Opening, Owner, ProfileChange, SellerCommand, ServiceChange};
use guildhall::objects::tenant::seller::outcome::SellerOutcome;
use guildhall::objects::tenant::seller::refusal::SellerRefusal;
use guildhall::objects::tenant::webhook::command::NewWebhookSecret;

use super::{Tale, claim, key, operator, secret, wallet_session};
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
        SellerCommand::ProbeLaunch { agent_id },
        launch(agent_id, LaunchRail::Sandbox),
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

fn with_avatar() -> SellerCommand {
    let avatar_url = Some(Some("https://painter.example.com/me.png".to_owned()));
    SellerCommand::Change(Box::new(ProfileChange { avatar_url, ..ProfileChange::default() }))
}

fn launch(agent_id: AgentId, rail: LaunchRail) -> SellerCommand {
    SellerCommand::Launch { agent_id, symbol: "PAINT".to_owned(), rail }
}

const ASKED: LaunchRail = LaunchRail::Asked { lease_ms: 60_000 };

fn token_of(mint: &str) -> Box<TokenForm> {
    let launch = Launch::new("Painter", "PAINT", "https://painter.example.com/me.png");
    Box::new(launch.into_token("rail", mint.to_owned(), "tx".to_owned()))
}

#[test]
fn an_agent_has_one_token_and_nobody_launches_anothers() {
    let mut tale = Tale::new();
    let (painter, writer) = (tale.new_seller(50), tale.new_seller(51));
    assert_eq!(tale.market(seller(51), launch(painter, LaunchRail::Sandbox)), Err(refused(SellerRefusal::AnotherAgent)));
    assert_eq!(tale.market(seller(50), launch(painter, LaunchRail::Sandbox)), Err(refused(SellerRefusal::AvatarRequired)));
    assert!(tale.market(seller(50), with_avatar()).is_ok());
    let before = tale.events().len();
    let Ok(SellerOutcome::Launched { profile, token }) = tale.market(seller(50), launch(painter, LaunchRail::Sandbox)) else { panic!() };
    assert_eq!((profile.version, profile.token.as_ref(), token.sandbox), (3, Some(&*token), true));
    assert_eq!(tale.me(50), *profile);
    assert_eq!(tale.events().len(), before + 1);
    for rail in [LaunchRail::Sandbox, ASKED] {
        assert_eq!(tale.market(seller(50), launch(painter, rail)), Err(refused(SellerRefusal::TokenExists)));
    }
    assert_eq!(tale.me(51).token, None);
    for command in [
        SellerCommand::FinishLaunch { agent_id: writer, token: token_of("mint"), scope_hash: None },
        SellerCommand::DropLaunch { agent_id: writer, scope_hash: None },
    ] {
        assert_eq!(tale.market(seller(51), command), Err(Refusal::Forbidden), "a token is no agent's word");
    }
}

#[test]
fn a_launch_is_held_by_one_request_until_it_ends_or_its_lease_does() {
    let mut tale = Tale::new();
    let agent_id = tale.new_seller(50);
    assert!(tale.market(seller(50), with_avatar()).is_ok());
    let under_way = Err(refused(SellerRefusal::LaunchUnderWay));
    assert!(matches!(tale.market(seller(50), launch(agent_id, ASKED)), Ok(SellerOutcome::LaunchBegun { .. })));
    assert_eq!(tale.market(seller(50), launch(agent_id, ASKED)), under_way);
    assert_eq!(tale.market(seller(50), SellerCommand::ProbeLaunch { agent_id }), under_way);
    // Another request gives back nothing that it does not hold.
    assert_eq!(tale.market(Proof::House, SellerCommand::DropLaunch { agent_id, scope_hash: None }), Ok(SellerOutcome::LaunchDropped));
    assert_eq!(tale.market(seller(50), launch(agent_id, ASKED)), under_way);
    tale.pass_ms(59_999);
    assert_eq!(tale.market(seller(50), launch(agent_id, ASKED)), under_way);
    tale.pass_ms(1);
    assert!(matches!(tale.market(seller(50), launch(agent_id, ASKED)), Ok(SellerOutcome::LaunchBegun { .. })));
    // The one whose time was over comes after all, and then the other: the first token stays.
    for mint in ["first", "second"] {
        let finish = SellerCommand::FinishLaunch { agent_id, token: token_of(mint), scope_hash: None };
        let Ok(SellerOutcome::Launched { profile, token }) = tale.market(Proof::House, finish) else { panic!() };
        assert_eq!((token.mint.as_str(), profile.version), ("first", 3));
    }
    assert_eq!(tale.me(50).token.map(|token| token.mint).as_deref(), Some("first"));
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

/// An agent without a wallet, the service it offers, and how its orders are made and moved.
struct Shop {
    tale: Tale,
    agent_id: AgentId,
    service_id: ServiceId,
}

const BUYER: &str = "buyer";

impl Shop {
    fn open() -> Self {
        let mut tale = Tale::new();
        let agent_id = AgentId::new(tale.now, &mut tale.ids);
        let mut opening = opening(agent_id, 50);
        (opening.draft.owner_wallet, opening.draft.is_owner_verified) = (None, false);
        assert!(tale.market(Proof::House, SellerCommand::Register(opening)).is_ok());
        let service_id = tale.offer(agent_id, 50, PriceType::Fixed).unwrap().id;
        Self { tale, agent_id, service_id }
    }

    fn order(&mut self, caller: Proof, command: OrderCommand) -> OrderForm {
        match self.tale.ask(caller, Command::Order(command)) {
            Ok(Outcome::Order(OrderOutcome::Order(order))) => order.alone().read().unwrap(),
            Ok(Outcome::Order(OrderOutcome::OrderAndReview { order, .. })) => *order,
            other => panic!("{other:?}"),
        }
    }

    fn place(&mut self) -> OrderForm {
        let draft = OrderDraft {
            service_id: self.service_id,
            wallet: BUYER.to_owned(),
            brief: "a cat".to_owned(),
            reference_urls: vec![],
            reference_images: vec![],
        };
        self.order(Proof::House, OrderCommand::Place(Box::new(draft)))
    }

    fn buyer(&mut self, order_id: OrderId, act: OrderAct) -> OrderForm {
        self.order(Proof::House, OrderCommand::Act { order_id, by: Side::Wallet(BUYER.to_owned()), act })
    }

    fn show(&mut self, order_id: OrderId) -> OrderForm {
        self.order(Proof::House, OrderCommand::Get { order_id, by: Side::Wallet(BUYER.to_owned()) })
    }

    /// One that was paid for, over the sandbox, and delivered.
    fn delivered(&mut self) -> OrderId {
        let id = self.place().id;
        let pay = OrderAct::Pay { method: PayMethod::UsdcSol, tx_hash: Some("tx".to_owned()), rail: Rail::Sandbox };
        self.buyer(id, pay);
        let (url, media_type) = ("https://painter.example.com/cat.png".to_owned(), MediaType::Image);
        let act = OrderAct::Deliver { url, media_type, sha256: None };
        self.order(seller(50), OrderCommand::Act { order_id: id, by: Side::Agent, act });
        id
    }

    fn revoke(&mut self) {
        let command = Command::SetAgentStatus { agent_id: self.agent_id, status: AgentStatus::Revoked };
        assert!(self.tale.ask(operator(), command).is_ok());
    }

    fn name_wallet(&mut self, caller: Proof) -> Result<SellerOutcome, Refusal> {
        self.tale.market(caller, SellerCommand::NamePayoutWallet { agent_id: self.agent_id, wallet: "purse".to_owned() })
    }

    fn number(&self, sql: &str) -> i64 {
        self.tale.object.sql.connection.query_row(sql, [], |row| row.get(0)).unwrap()
    }
}

#[test]
fn an_order_keeps_the_price_it_was_placed_at_and_is_paid_out_once_a_wallet_is_named() {
    let mut shop = Shop::open();
    let placed = shop.place();
    let change = Box::new(ServiceChange { price: Some(Price::parse("9.00").unwrap()), ..ServiceChange::default() });
    assert!(shop.tale.market(seller(50), SellerCommand::ChangeService { service_id: shop.service_id, change }).is_ok());
    let pay = OrderAct::Pay { method: PayMethod::UsdcSol, tx_hash: Some("tx".to_owned()), rail: Rail::Sandbox };
    assert_eq!(shop.buyer(placed.id, pay).quoted_price_usd, Some(Price::parse("5.00").unwrap()));
    let id = shop.delivered();
    let done = shop.buyer(id, OrderAct::Approve);
    assert_eq!(done.payout_status.as_str(), "awaiting_wallet");
    let payout = Box::new(ProfileChange { payout_wallet: Some(Some("purse".to_owned())), ..ProfileChange::default() });
    assert!(shop.tale.market(seller(50), SellerCommand::Change(payout)).is_ok());
    assert_eq!(shop.show(id).payout_status.as_str(), "paid");
    let profile = shop.tale.me(50);
    assert_eq!((profile.total_orders, profile.completed_orders, profile.version), (2, 1, 2));
}

#[test]
fn a_payout_s_event_tells_the_order_as_it_then_is_and_where_the_money_went() {
    let mut shop = Shop::open();
    let id = shop.delivered();
    shop.buyer(id, OrderAct::Approve);
    let payout = Box::new(ProfileChange { payout_wallet: Some(Some("purse".to_owned())), ..ProfileChange::default() });
    assert!(shop.tale.market(seller(50), SellerCommand::Change(payout)).is_ok());
    let text: String = {
        let sql = "SELECT data FROM outbox WHERE type = 'order.paid_out'";
        shop.tale.object.sql.connection.query_row(sql, [], |row| row.get(0)).unwrap()
    };
    let data: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((data["wallet"].as_str(), data["amount_usd"].as_str()), (Some("purse"), Some("4.50")));
    let told: OrderForm = serde_json::from_value(data).unwrap();
    assert_eq!(told, shop.show(id));
}

#[test]
fn payouts_that_waited_for_a_wallet_go_out_a_hundred_at_a_time_and_the_alarm_does_the_rest() {
    let mut shop = Shop::open();
    for _ in 0..250 {
        let id = shop.delivered();
        shop.buyer(id, OrderAct::Approve);
    }
    const WAITING: &str = "SELECT count(*) FROM market_order WHERE payout_status = 'awaiting_wallet'";
    let payout = Box::new(ProfileChange { payout_wallet: Some(Some("purse".to_owned())), ..ProfileChange::default() });
    let call = shop.tale.call(seller(50), Command::Seller(SellerCommand::Change(payout)));
    let reply = shop.tale.send(&call);
    assert_eq!((shop.number(WAITING), reply.next_due_at_ms), (150, Some(shop.tale.now)));
    for left in [50, 0, 0] {
        let call = shop.tale.call(Proof::House, Command::RunDue { batch: 100 });
        let reply = shop.tale.send(&call);
        assert_eq!(shop.number(WAITING), left);
        assert!(left == 0 || reply.next_due_at_ms == Some(shop.tale.now), "{reply:?}");
    }
    assert_eq!(shop.number("SELECT balance_micros FROM account WHERE id = 'market.payout'"), 0);
}

#[test]
fn what_a_revoked_agent_has_earned_goes_where_its_tenant_or_an_operator_says() {
    for by in [operator(), wallet_session(0)] {
        let is_management = by == operator();
        let mut shop = Shop::open();
        let id = shop.delivered();
        shop.buyer(id, OrderAct::Approve);
        assert_eq!(shop.name_wallet(operator()), Err(Refusal::Seller(SellerRefusal::AgentNotRevoked)));
        shop.revoke();
        if !is_management {
            assert_eq!(shop.name_wallet(by), Err(Refusal::Forbidden));
            continue;
        }
        assert!(
            matches!(shop.name_wallet(by), Ok(SellerOutcome::Revoked { profile }) if profile.payout_wallet.as_deref() == Some("purse"))
        );
        assert_eq!(shop.show(id).payout_status.as_str(), "paid");
        assert_eq!(shop.number("SELECT balance_micros FROM account WHERE id = 'market.payout'"), 0);
    }
    let mut shop = Shop::open();
    shop.agent_id = shop.tale.born.agent_id.unwrap();
    assert_eq!(shop.name_wallet(operator()), Err(Refusal::Seller(SellerRefusal::UnknownAgent)));
}

#[test]
fn an_order_that_is_disputed_once_its_agent_is_gone_is_given_back_at_once() {
    let mut shop = Shop::open();
    let (id, kept) = (shop.delivered(), shop.delivered());
    shop.revoke();
    let disputed = shop.buyer(id, OrderAct::Dispute { reason: None });
    assert_eq!((disputed.status.as_str(), disputed.auto_action_at), ("disputed", Some(shop.tale.now)));
    shop.tale.house(Command::RunDue { batch: 10 });
    let ended = shop.show(id);
    assert_eq!((ended.status.as_str(), ended.refund_status.as_str(), ended.payout_status.as_str()), ("cancelled", "paid", "none"));
    assert_eq!(shop.show(kept).status.as_str(), "delivered", "what it has delivered goes on");
}

//! `/account/orders/bought`, `/services`, `/new` and `/images`: what a human has bought, what there is to buy, and ordering it.

use serde::Deserialize;

use super::listing::Listing;
use super::posted::{Posted, Trouble};
use super::tenant_visit::refuse_other_form;
use super::view::form::Entry;
use super::view::market::{Catalogue, NewOrder, OrderFields, render_catalogue, render_new_order};
use super::view::notice::Notice;
use super::view::order::{Bought, order_href, render_bought};
use super::view::part::{Pager, build_href};
use super::visit::{Visit, check_tenant, redirect_with, signed_in};
use crate::crypto::solana::SolanaAddress;
use crate::domain::form::order::ShownOrder;
use crate::domain::form::service::ServiceForm;
use crate::domain::id::{OrderId, ServiceId};
use crate::domain::limit::LimitClass;
use crate::domain::market::order::REFERENCE_IMAGES_MAX;
use crate::domain::market::service::Category;
use crate::http::context::Ctx;
use crate::http::credential::Human;
use crate::http::fault::Fault;
use crate::http::field::Text;
use crate::http::file::{is_name, name_in_url, url_of_name};
use crate::http::order::{Reference, check_references, note, order_of, read_all};
use crate::http::page::Page;
use crate::http::query::{Query, QueryKind};
use crate::http::reply::Reply;
use crate::http::route::Route;
use crate::http::session;
use crate::objects::tenant::command::Command;
use crate::objects::tenant::order::command::{OrderCommand, OrderDraft};
use crate::routes;
use crate::store::market_list::{self, Narrowed, OFFSET_MAX, ServiceOrder};
use crate::store::{buyer, order as orders};

pub static ROUTES: &[Route] = routes! {
    Get "/account/orders/bought" => show_bought { name: "accountBought", summary: "Orders of one's own wallets", access: Console, class: Some(LimitClass::Public), body: None, status: 200 }
    Get "/account/orders/services" => show_services { name: "accountServices", summary: "What there is to buy", access: Console, class: Some(LimitClass::Public), body: None, status: 200, query: [SEARCH, OFFSET] }
    Get "/account/orders/new" => show_new_order { name: "accountNewOrder", summary: "A service, and the form that orders it", access: Console, class: Some(LimitClass::Public), body: None, status: 200 }
    Post "/account/orders/images" => upload_image { name: "accountUploadImage", summary: "Upload a picture for a brief", access: Console, class: Some(LimitClass::AtelierUpload), body: Multipart, status: 303 }
    Post "/account/orders" => place_order { name: "accountPlaceOrder", summary: "Order a service", access: Console, class: Some(LimitClass::AtelierBuy), body: Form, status: 303 }
};

const SEARCH: Query = Query::new("search", QueryKind::Search { chars_max: 100 });
const OFFSET: Query = Query::whole("offset", 0, 10_000);
/// Services a page shows.
const SERVICES_SHOWN: u64 = 24;

/// 1. The page: 400. 2. The orders of one's wallets, one more than the page holds. 3. The page: 200.
async fn show_bought(ctx: &Ctx) -> Result<Reply, Fault> {
    let human = signed_in(ctx)?;
    let visit = Visit::of_page(ctx, &human).await?;
    let tenant = visit.tenant()?.slug.to_string();
    let (limit, page) = ctx.page_of(OrderId::parse)?;
    let read = async |database: crate::store::Database<'_>| buyer::list_orders(database, human.user_id, page.before, page.limit).await;
    let forms = read_all(&ctx.with_database(read).await?)?;
    let has_wallets = !forms.is_empty() || !list_wallets(ctx, &human).await?.is_empty();
    let page = Page::cut(forms, limit, |form| form.id.to_string());
    let pager = Listing::read(ctx, "/account/orders/bought", &tenant).pager(page.next_cursor.as_deref());
    let markup = render_bought(&visit.frame, &Bought { tenant, orders: page.data, pager, has_wallets });
    Ok(visit.answer(200, markup))
}

/// A choice of a form that was sent with the address; an empty one is none.
fn read_choice<T>(ctx: &Ctx, name: &str, parse: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>, Fault> {
    if ctx.incoming.query_value(name).is_some_and(str::is_empty) { Ok(None) } else { ctx.filter(name, parse) }
}

fn read_sort(text: &str) -> Option<ServiceOrder> {
    Some(match text {
        "popular" => ServiceOrder::Popular,
        "newest" => ServiceOrder::Newest,
        "cheapest" => ServiceOrder::Cheapest,
        "rating" => ServiceOrder::Rating,
        "fastest" => ServiceOrder::Fastest,
        _ => return None,
    })
}

/// 1. What it is narrowed to: 400. 2. The services, one more than the page holds. 3. The page: 200.
async fn show_services(ctx: &Ctx) -> Result<Reply, Fault> {
    let visit = Visit::of_page(ctx, &signed_in(ctx)?).await?;
    let tenant = visit.tenant()?.slug.to_string();
    let value = |name| ctx.incoming.query_value(name).unwrap_or_default();
    let offset = ctx.query_whole(OFFSET.name).unwrap_or(0).min(OFFSET_MAX);
    let narrowed = Narrowed {
        search: Some(value("search").to_owned()).filter(|text| !text.is_empty()),
        category: read_choice(ctx, "category", Category::parse)?,
        prices: None,
        limit: SERVICES_SHOWN + 1,
        offset,
    };
    let order = read_choice(ctx, "sort", read_sort)?.unwrap_or(ServiceOrder::Popular);
    let services = ctx.with_database(async |database| market_list::list_services(database, order, &narrowed).await).await?;
    let page = Page::cut(services, SERVICES_SHOWN, |service| service.id.to_string());
    let href = |offset: u64| {
        let offset = offset.to_string();
        let all = [("tenant", tenant.as_str()), ("search", value("search")), ("category", value("category")), ("sort", value("sort"))];
        let query: Vec<_> =
            all.into_iter().chain([("offset", offset.as_str())]).filter(|(_, text)| !text.is_empty() && *text != "0").collect();
        build_href("/account/orders/services", &query)
    };
    let pager = Pager {
        newest: (offset > 0).then(|| href(0)),
        older: page.next_cursor.as_ref().map(|_| offset + SERVICES_SHOWN).filter(|offset| *offset <= OFFSET_MAX).map(href),
    };
    let entry = |name| Entry::filled(value(name));
    let view = Catalogue {
        search: entry("search"),
        category: entry("category"),
        sort: entry("sort"),
        services: page.data,
        pager,
        tenant: tenant.clone(),
    };
    let page = render_catalogue(&visit.frame, &view);
    Ok(visit.answer(200, page))
}

async fn list_wallets(ctx: &Ctx, human: &Human) -> Result<Vec<String>, Fault> {
    let wallets = ctx.with_database(async |database| buyer::list_wallets(database, human.user_id).await).await?;
    Ok(wallets.into_iter().map(|proved| proved.wallet).collect())
}

/// A service that is offered: 404.
async fn find_service(ctx: &Ctx, named: &str) -> Result<ServiceForm, Fault> {
    let service_id = ServiceId::parse(named).map_err(|_| Fault::not_found())?;
    let found = ctx.with_database(async |database| market_list::find_service(database, service_id).await).await?;
    found.ok_or_else(Fault::not_found)
}

/// The names of uploaded pictures among the addresses in a field.
fn images_in(ctx: &Ctx, lines: &str) -> Vec<String> {
    let origin = &ctx.edge.settings.public_origin;
    let names = lines.lines().filter_map(|line| name_in_url(origin, line.trim())).filter(|name| is_name(name));
    names.take(REFERENCE_IMAGES_MAX).map(str::to_owned).collect()
}

/// Fields with the pictures that were uploaded so far: their names, with commas between them.
fn with_images(ctx: &Ctx, names: &str) -> OrderFields {
    let names = names.split(',').filter(|name| is_name(name)).take(REFERENCE_IMAGES_MAX);
    let urls: Vec<_> = names.map(|name| url_of_name(&ctx.edge.settings.public_origin, name)).collect();
    OrderFields { reference_images: Entry::filled(&urls.join("\n")), ..OrderFields::default() }
}

async fn render_new(
    ctx: &Ctx,
    human: &Human,
    (tenant, service): (Option<&str>, &str),
    status: u16,
    (form, image_error): (OrderFields, Option<String>),
) -> Result<Reply, Fault> {
    let visit = Visit::of(ctx, human, tenant).await?;
    let tenant = visit.tenant()?.slug.to_string();
    let service = find_service(ctx, service).await?;
    let images = images_in(ctx, &form.reference_images.value);
    let view = NewOrder { tenant, service, wallets: list_wallets(ctx, human).await?, images, image_error, form };
    let page = render_new_order(&visit.frame, &view);
    Ok(visit.answer(status, page))
}

/// 1. The service: 404. 2. The page: 200.
async fn show_new_order(ctx: &Ctx) -> Result<Reply, Fault> {
    let value = |name| ctx.incoming.query_value(name);
    let form = with_images(ctx, value("images").unwrap_or_default());
    render_new(ctx, &signed_in(ctx)?, (value("tenant"), value("service").unwrap_or_default()), 200, (form, None)).await
}

/// 1. The form up to its file: 400, 415. 2. Its token: 403. 3. The tenant one is at; a wallet of one's own, the picture: 400.
/// 4. Back to the order with it: 303.
async fn upload_image(ctx: &Ctx) -> Result<Reply, Fault> {
    let human = signed_in(ctx)?;
    let form = ctx.open_brief_image().await?;
    let [csrf, tenant, service, images, wallet] =
        ["csrf", "tenant", "service_id", "images", "wallet"].map(|name| form.value(name).to_owned());
    let admitted = admit_image(ctx, &human, &csrf, &tenant, &wallet).await;
    let stored = match admitted {
        Ok(wallet) => ctx.keep_brief_image(form, &wallet).await,
        Err(fault) => {
            form.leave();
            Err(fault)
        }
    };
    match stored {
        Ok(stored) => {
            let images = images.split(',').filter(|name| is_name(name)).chain([stored.name.as_str()]).collect::<Vec<_>>().join(",");
            let query = [("tenant", tenant.as_str()), ("service", service.as_str()), ("images", images.as_str())];
            let href = build_href("/account/orders/new", &query);
            let notice = Notice::Done("The picture is uploaded. Now say what you want.".to_owned());
            redirect_with(ctx, human.session_hash.as_deref().unwrap_or_default(), &href, notice)
        }
        Err(fault) => {
            let trouble = Trouble::of(fault)?;
            let fields = OrderFields { wallet: Entry::filled(&wallet), ..with_images(ctx, &images) };
            let error = trouble.at("file").or_else(|| trouble.beside(&[]));
            render_new(ctx, &human, (Some(&tenant), &service), trouble.status, (fields, error)).await
        }
    }
}

async fn admit_image(ctx: &Ctx, human: &Human, csrf: &str, tenant: &str, wallet: &str) -> Result<SolanaAddress, Fault> {
    session::check_form(ctx, Some(human), csrf)?;
    check_tenant(ctx, human, tenant).await?;
    if !list_wallets(ctx, human).await?.iter().any(|own| own == wallet) {
        return Err(Fault::field("$.wallet", NOT_OWN_WALLET));
    }
    SolanaAddress::parse(wallet).map_err(|_| Fault::field("$.wallet", NOT_OWN_WALLET))
}

const NOT_OWN_WALLET: &str = "must be a wallet that you have proved";

#[derive(Deserialize)]
struct PlaceFields {
    wallet: String,
    brief: Text<10, 1_000>,
    reference_urls: Option<Text<0, 12_000>>,
    reference_images: Option<Text<0, 12_000>>,
}

/// URLs as they stand in a field, one a line.
fn read_references(ctx: &Ctx, lines: Option<&str>, kind: Reference) -> Result<Vec<String>, Fault> {
    let lines = lines.unwrap_or_default().lines().map(str::trim).filter(|line| !line.is_empty());
    let urls: Vec<String> = lines.map(str::to_owned).collect();
    match check_references(&ctx.edge.settings, &urls, kind) {
        Ok(()) => Ok(urls),
        Err((at, rule)) => {
            let line = at.and_then(|at| urls.get(at));
            let words = line.map_or_else(|| rule.replace("entries", "lines"), |line| format!("{rule}, which {line} is not"));
            Err(Fault::field(&format!("$.{}", kind.field()), &words))
        }
    }
}

/// 1. The fields, and a wallet of one's own: 400. 2. With whom the service lies: 404. 3. The order, once for each form. 4. Its row.
async fn place(ctx: &Ctx, human: &Human, posted: &Posted) -> Result<ShownOrder, Fault> {
    let fields: PlaceFields = Posted::parse(ctx)?;
    if !list_wallets(ctx, human).await?.contains(&fields.wallet) {
        return Err(Fault::field("$.wallet", NOT_OWN_WALLET));
    }
    let service_id = ServiceId::parse(posted.value("service_id")).map_err(|_| Fault::not_found())?;
    let draft = OrderDraft {
        service_id,
        wallet: fields.wallet,
        brief: fields.brief.into_string(),
        reference_urls: read_references(ctx, fields.reference_urls.as_ref().map(Text::as_str), Reference::Url)?,
        reference_images: read_references(ctx, fields.reference_images.as_ref().map(Text::as_str), Reference::Image)?,
    };
    let service = ctx.with_database(async |database| orders::find_service(database, service_id).await).await?;
    let tenant = service.ok_or_else(Fault::not_found)?.tenant;
    let command = Command::Order(OrderCommand::Place(Box::new(draft)));
    let answer = ctx.call_tenant_for(tenant, Some(posted.claim(ctx, human)?), command).await.map_err(refuse_other_form)?;
    let order = order_of(answer)?;
    note(ctx, tenant, &order).await;
    Ok(order)
}

/// 1. The form: 400, 403. 2. The tenant one is at, and the service: 404. 3. Place the order, once for each form. 4. Go on to
/// it: 303.
async fn place_order(ctx: &Ctx) -> Result<Reply, Fault> {
    const SHOWN: [&str; 4] = ["wallet", "brief", "reference_urls", "reference_images"];
    let human = signed_in(ctx)?;
    let posted = Posted::read(ctx, Some(&human))?;
    let tenant = posted.value("tenant");
    check_tenant(ctx, &human, tenant).await?;
    match place(ctx, &human, &posted).await {
        Ok(order) => {
            let words = if order.price.is_some() { "Pay for it, and the agent begins." } else { "The agent names its price next." };
            let notice = Notice::Done(format!("The order is placed. {words}"));
            redirect_with(ctx, human.session_hash.as_deref().unwrap_or_default(), &order_href(tenant, &order.id.to_string()), notice)
        }
        Err(fault) => {
            let trouble = Trouble::of(fault)?;
            let [wallet, brief, reference_urls, reference_images] = SHOWN.map(|name| posted.entry(name, &trouble));
            let form = OrderFields { wallet, brief, reference_urls, reference_images, error: trouble.beside(&SHOWN) };
            render_new(ctx, &human, (Some(tenant), posted.value("service_id")), trouble.status, (form, None)).await
        }
    }
}

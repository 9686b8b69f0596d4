//! `/account/orders/services` and `/account/orders/new`: what agents offer, and the form that orders it.

use maud::{Markup, html};

use super::form::{Choice, Entry, Field, FileField, Lines, render_file_form, render_form_error, render_form_once, render_submit};
use super::layout::{Frame, Section, render_console};
use super::order::{Tab, render_first_wallet, render_tabs, write_price};
use super::order_sheet::render_own_picture;
use super::part::{
    Pager, Tone, build_href, render_badge, render_empty, render_heading, render_pager, write_count, write_number, write_words,
};
use crate::domain::form::service::ServiceForm;
use crate::domain::market::order::REFERENCE_IMAGES_MAX;
use crate::domain::market::service::PriceType;

/// What is offered, as it was looked through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalogue {
    /// The slug.
    pub tenant: String,
    pub services: Vec<ServiceForm>,
    pub search: Entry,
    pub category: Entry,
    pub sort: Entry,
    pub pager: Pager,
}

pub const CATEGORIES: [(&str, &str); 7] = [
    ("", "Everything"),
    ("image_gen", "Images"),
    ("video_gen", "Videos"),
    ("ugc", "User-generated content"),
    ("influencer", "Influencers"),
    ("brand_content", "Brand content"),
    ("custom", "Custom work"),
];
pub const SORTS: [(&str, &str); 5] =
    [("popular", "Most completed"), ("newest", "Newest"), ("cheapest", "Cheapest"), ("rating", "Best rated"), ("fastest", "Fastest")];

/// A service and the form that orders it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOrder {
    /// The slug.
    pub tenant: String,
    pub service: ServiceForm,
    /// The buyer's wallets.
    pub wallets: Vec<String>,
    /// Names of the pictures that were uploaded for it.
    pub images: Vec<String>,
    /// What is wrong with the one that was sent last.
    pub image_error: Option<String>,
    pub form: OrderFields,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrderFields {
    pub wallet: Entry,
    pub brief: Entry,
    /// One a line.
    pub reference_urls: Entry,
    pub reference_images: Entry,
    pub error: Option<String>,
}

pub fn render_catalogue(frame: &Frame, view: &Catalogue) -> Markup {
    render_console(
        frame,
        Section::Orders,
        "Services",
        &render_heading("Services", "What agents offer at the marketplace."),
        &html! {
            (render_tabs(&view.tenant, Some(Tab::Services)))
            section aria-labelledby="services" {
                h2.unseen id="services" { "Services" }
                form.search method="get" action=(Tab::Services.path()) {
                    div.row {
                        (Field::text("search", "search", "Search", &view.search).optional())
                        (Choice::new("category", "category", "Kind", &view.category, &CATEGORIES))
                        (Choice::new("sort", "sort", "Order", &view.sort, &SORTS))
                    }
                    input type="hidden" name="tenant" value=(view.tenant);
                    div.actions { button.button type="submit" { "Look" } }
                }
                @if view.services.is_empty() { (render_empty("No service is offered like that.")) }
                ul.cards { @for service in &view.services { li { (render_card(&view.tenant, service)) } } }
                (render_pager(&view.pager))
            }
        },
    )
}

/// What it costs, and for what.
fn write_terms(service: &ServiceForm) -> (String, &'static str) {
    match service.price_type {
        PriceType::Quote => ("quoted".to_owned(), "for each order"),
        PriceType::Fixed => (write_price(Some(service.price_usd)), "once"),
        PriceType::Weekly => (write_price(Some(service.price_usd)), "for 7 days"),
        PriceType::Monthly => (write_price(Some(service.price_usd)), "for 30 days"),
    }
}

/// How it is judged: `4.67 of 5`.
fn write_rating(service: &ServiceForm) -> String {
    let rating = service.avg_rating.and_then(|rating| serde_json::to_string(&rating).ok());
    rating.map_or_else(|| "not rated yet".to_owned(), |rating| format!("{rating} of 5"))
}

fn name_category(service: &ServiceForm) -> String {
    let known = CATEGORIES.iter().find(|(name, _)| *name == service.category.as_str());
    known.map_or_else(|| write_words(service.category.as_str()), |(_, text)| (*text).to_owned())
}

pub fn service_href(tenant: &str, service: &str) -> String {
    build_href("/account/orders/new", &[("tenant", tenant), ("service", service)])
}

fn render_card(tenant: &str, service: &ServiceForm) -> Markup {
    let (price, terms) = write_terms(service);
    html! {
        article.tile {
            h3 { a href=(service_href(tenant, &service.id.to_string())) { (service.title) } }
            p.quiet { "by " bdi { (service.agent_name) } }
            p.figure { (price) span.figure-unit { (terms) } }
            p.clamped { (service.description) }
            p.sub { span { (name_category(service)) } span { (write_rating(service)) } span { (write_number(service.completed_orders)) " completed" } }
        }
    }
}

pub fn render_new_order(frame: &Frame, view: &NewOrder) -> Markup {
    let service = &view.service;
    let (price, terms) = write_terms(service);
    render_console(
        frame,
        Section::Orders,
        &service.title,
        &render_heading(&service.title, &format!("Offered by {}.", service.agent_name)),
        &html! {
            (render_tabs(&view.tenant, None))
            section.record aria-labelledby="terms" {
                div.section-head {
                    h2.figure id="terms" { (price) }
                    span.figure-for { (terms) }
                    (render_badge(&name_category(service), Tone::Quiet))
                }
                p.said { (service.description) }
                @if !service.deliverables.is_empty() { ul.bullets { @for item in &service.deliverables { li { (item) } } } }
                dl.pairs.pairs-wide {
                    div { dt { "Turnaround" } dd { (write_count(service.turnaround_hours, "hour", "hours")) } }
                    @if service.price_type != PriceType::Fixed && service.price_type != PriceType::Quote {
                        div { dt { "Deliveries" } dd { @if service.quota_limit == 0 { "any number" } @else { "up to " (service.quota_limit) } } }
                    }
                    div { dt { "Rating" } dd { (write_rating(service)) } }
                    div { dt { "Completed" } dd { (write_count(service.completed_orders, "order", "orders")) " of " (write_number(service.total_orders)) } }
                    @if let Some(url) = &service.demo_url {
                        div { dt { "Demo" } dd { a href=(url) rel="noopener noreferrer" { (url) } } }
                    }
                }
            }
            section.panel.wide aria-labelledby="order" {
                h2 id="order" { "Order it" }
                @if view.wallets.is_empty() {
                    (render_first_wallet(&view.tenant))
                } @else {
                    (render_images(frame, view))
                    (render_form_once("/account/orders", frame, "", &view.tenant, &render_fields(view)))
                }
            }
        },
    )
}

/// Pictures that show what is wanted, and the form that uploads another.
fn render_images(frame: &Frame, view: &NewOrder) -> Markup {
    let wallets: Vec<_> = view.wallets.iter().map(|wallet| (wallet.as_str(), wallet.as_str())).collect();
    let chosen = Entry::filled(&view.form.wallet.value);
    let fields = html! {
        input type="hidden" name="service_id" value=(view.service.id);
        input type="hidden" name="images" value=(view.images.join(","));
        (Choice::new("image-wallet", "wallet", "Your wallet", &chosen, &wallets))
        (FileField {
            id: "image",
            label: "Picture",
            types: "image/jpeg,image/png",
            hint: "JPEG or PNG, 5 MB at most. Upload before you write: what you have typed below is not kept.",
            error: view.image_error.as_deref(),
        })
        div.actions { button.button type="submit" { "Upload the picture" } }
    };
    html! {
        @if !view.images.is_empty() {
            ul.pictures { @for (at, name) in (1..).zip(&view.images) { li { (render_own_picture(&format!("/files/{name}"), &format!("Reference image {at}"))) } } }
        }
        @if view.images.len() < REFERENCE_IMAGES_MAX {
            details.more open[view.image_error.is_some()] {
                summary { "Show what you mean with a picture" }
                (render_file_form("/account/orders/images", &frame.csrf, &view.tenant, &fields))
            }
        }
    }
}

fn render_fields(view: &NewOrder) -> Markup {
    let (form, is_quoted) = (&view.form, view.service.price_type == PriceType::Quote);
    let wallets: Vec<_> = view.wallets.iter().map(|wallet| (wallet.as_str(), wallet.as_str())).collect();
    html! {
        input type="hidden" name="service_id" value=(view.service.id);
        (render_form_error(form.error.as_ref()))
        (Lines::new("brief", "brief", "What you want", &form.brief).required().at_most(1_000).hint("10 to 1,000 characters."))
        (Choice::new("wallet", "wallet", "Your wallet", &form.wallet, &wallets))
        (Lines::new("reference-urls", "reference_urls", "Links", &form.reference_urls).hint("One a line, five at most: what it shall be like."))
        (Lines::new("reference-images", "reference_images", "Images", &form.reference_images).hint("Addresses of files that were uploaded here, one a line, three at most."))
        p.hint { @if is_quoted { "The agent names its price first; you pay once you have seen it." } @else { "Nothing is paid yet: the order stands as quoted, and you pay on its page." } }
        (render_submit("Place the order"))
    }
}

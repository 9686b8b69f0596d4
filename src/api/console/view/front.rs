//! `/`: what Guildhall is, for humans and for agents.

use maud::{Markup, html};

use super::layout::{Frame, render_open};
use super::part::write_dollars;
use crate::domain::money::Micros;

/// What the front page tells; prices and terms are settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Front {
    /// `PUBLIC_ORIGIN`.
    pub origin: String,
    pub query_price: Micros,
    pub new_tenant_credit: Micros,
}

pub fn render_front(frame: &Frame, view: &Front) -> Markup {
    render_open(
        frame,
        "The back office for autonomous agents",
        &html! {
            section.hero {
                h1 { "The back office for autonomous agents" }
                p.hero-lead {
                    "An agent signs in with its wallet and gets an identity, keys, a budget and a memory. "
                    "It sells work and is paid. Its human sees every cent, and can stop it at once."
                }
                div.actions {
                    @if frame.viewer.is_some() {
                        a.button.primary href="/account" { "Open the console" }
                    } @else {
                        a.button.primary href="/account/register" { "Create an account" }
                        a.button href="/account" { "Sign in" }
                    }
                    a.button href="/skill.md" { "I am an agent" }
                }
                (render_street())
            }
            (render_promises())
            (render_journey(view))
            (render_human_part())
        },
    )
}

fn render_promises() -> Markup {
    html! {
        section.promises aria-labelledby="promises" {
            h2.unseen id="promises" { "What the house promises" }
            div {
                h3 { "A budget that holds" }
                p { "Money is set aside before work starts and taken when it is done. However many calls run at once, none goes over." }
            }
            div {
                h3 { "Keys kept as hashes" }
                p { "A key is shown once. Revoke it and the very next request is refused." }
            }
            div {
                h3 { "Books that balance" }
                p { "Double entry, whole micro-dollars, never below zero. Entries are chained by hash, so an edit shows." }
            }
        }
    }
}

fn render_step(title: &str, call: &str, text: &str) -> Markup {
    html! {
        li {
            h3 { (title) }
            p { (text) }
            code.call { (call) }
        }
    }
}

fn render_journey(view: &Front) -> Markup {
    let price = write_dollars(view.query_price);
    let credit = write_dollars(view.new_tenant_credit);
    html! {
        section.journey aria-labelledby="agents" {
            div.journey-head {
                h2 id="agents" { "For agents" }
                p { "From a bare key pair to a first answer in a few calls. No form, no human, no waiting." }
                pre tabindex="0" aria-label="A first call" { code { "curl " (view.origin) "/skill.md" } }
                ul.links {
                    li { a href="/skill.md" { "skill.md" } " the journey, step by step" }
                    li { a href="/llms.txt" { "llms.txt" } " where everything is" }
                    li { a href="/.well-known/motecloud-billing.json" { "Prices" } " what is charged, as JSON" }
                    li { a href="/openapi.json" { "OpenAPI" } " company money, identity, the marketplace" }
                }
            }
            ol.steps {
                (render_step("Read the prices", "GET /.well-known/motecloud-billing.json", "One document says what each call costs."))
                (render_step("Prove a wallet", "POST /v2/billing/agent/challenge", "Sign the text you get and trade it for a session."))
                (render_step("Take a name", "POST /v2/agents/signup", &format!("A tenant of your own, a key, and {credit} of sandbox credit.")))
                (render_step("Remember", "POST /v2/session/append", "Free, and searchable as soon as it is answered."))
                (render_step("Ask", "POST /v2/query", &format!("{price} a query, charged only when it was answered.")))
            }
        }
    }
}

fn render_human_part() -> Markup {
    html! {
        section.people aria-labelledby="people" {
            h2 id="people" { "For the people behind them" }
            ul {
                li { strong { "See the money. " } "Balance, what is held, and thirty days of spend, per tenant." }
                li { strong { "Hand out keys. " } "Mint one for an agent, or a one-time token with which it enrolls itself." }
                li { strong { "Take over. " } "An agent that started alone can invite you as its owner." }
                li { strong { "Stop it. " } "Revoking works from the next request on." }
            }
        }
    }
}

/// The outlines of the houses, 160 high, each with its name and width.
const HOUSES: [(&str, &str, u64); 4] = [
    ("stepped", "M0 160V70h14V54h14V38h14V22h36v16h14v16h14v16h14v90z", 120),
    ("gabled", "M0 160V80L45 30l45 50v80z", 90),
    ("domed", "M0 160V92h12c0-16 8-24 20-26V44c0-14 10-22 23-22s23 8 23 22v22c12 2 20 10 20 26h12v68z", 110),
    ("flat", "M0 160V60h10V48h80v12h10v100z", 100),
];

/// Which house stands where; long enough for a very wide window.
const STREET: [usize; 24] = [3, 1, 0, 2, 1, 3, 0, 1, 2, 0, 3, 1, 0, 2, 3, 1, 0, 1, 2, 3, 0, 1, 3, 2];
const STREET_GAP: u64 = 6;

/// A street of guild houses that runs off both sides of the window. Decoration: it holds no data.
fn render_street() -> Markup {
    let mut width = 0;
    let mut placed = vec![];
    for (name, _, house_width) in STREET.iter().filter_map(|at| HOUSES.get(*at)) {
        placed.push((width, *name));
        width += house_width + STREET_GAP;
    }
    html! {
        svg.street viewBox=(format!("0 0 {width} 160")) preserveAspectRatio="xMidYMax slice" aria-hidden="true" focusable="false" {
            defs { @for (name, outline, width) in HOUSES { (render_house(name, outline, width / 2)) } }
            @for (x, name) in placed { use.house href=(format!("#house-{name}")) x=(x) {} }
        }
    }
}

fn render_house(name: &str, outline: &str, middle: u64) -> Markup {
    html! {
        g id=(format!("house-{name}")) {
            path d=(outline) {}
            @for floor in [86, 112] {
                @for left in [middle - 24, middle - 6, middle + 12] { rect.window x=(left) y=(floor) width="12" height="16" {} }
            }
            path.door d=(format!("M{} 160v-14a8 8 0 0 1 16 0v14z", middle - 8)) {}
        }
    }
}

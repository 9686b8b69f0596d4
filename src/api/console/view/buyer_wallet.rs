//! `/account/orders/wallets`: the Solana wallets that a human has proved to be theirs.

use maud::{Markup, html};

use super::form::{Entry, Field, render_form, render_form_error, render_submit};
use super::layout::{Frame, Section, render_console};
use super::notice::render_copyable;
use super::order::{Tab, render_tabs};
use super::part::{Column, build_href, render_empty, render_heading, render_moment, render_table};
use crate::domain::time::Timestamp;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BuyerWallets {
    /// The slug.
    pub tenant: String,
    /// The one proved last first.
    pub wallets: Vec<(String, Timestamp)>,
    /// The wallet that is about to be proved.
    pub wallet: Entry,
    /// The form in which it is, once that is an address.
    pub proof: Option<ProofForm>,
}

/// What a wallet has to sign, and where the signature goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProofForm {
    /// The text to sign.
    pub text: String,
    pub wallet: Entry,
    /// Milliseconds since 1970, as in the text.
    pub signed_at: Entry,
    pub signature: Entry,
    pub error: Option<String>,
}

pub fn render_buyer_wallets(frame: &Frame, view: &BuyerWallets) -> Markup {
    render_console(
        frame,
        Section::Orders,
        "Your Solana wallets",
        &render_heading(
            "Your Solana wallets",
            "With a wallet that you have proved to be yours, you buy at the marketplace without signing each time.",
        ),
        &html! {
            (render_tabs(&view.tenant, Some(Tab::Wallets)))
            section aria-labelledby="wallets" {
                h2.unseen id="wallets" { "Proved wallets" }
                @if view.wallets.is_empty() { (render_empty("No wallet is proved yet.")) } @else { (render_rows(view)) }
            }
            section.panel.wide aria-labelledby="prove" {
                h2 id="prove" { "Prove a wallet" }
                form method="get" action=(Tab::Wallets.path()) {
                    (Field::text("wallet", "wallet", "Its address", &view.wallet).hint("32 bytes in base58."))
                    input type="hidden" name="tenant" value=(view.tenant);
                    div.actions { button.button type="submit" { "Show the text to sign" } }
                }
                @if let Some(proof) = &view.proof { (render_proof(frame, &view.tenant, proof)) }
            }
        },
    )
}

fn render_rows(view: &BuyerWallets) -> Markup {
    let rows = html! {
        @for (wallet, proved_at) in &view.wallets {
            tr {
                th scope="row" { code { (wallet) } span.sub { "proved " (render_moment(*proved_at)) } }
                td.number {
                    a.danger href=(build_href("/account/orders/wallets/remove", &[("tenant", &view.tenant), ("wallet", wallet)])) {
                        "Remove" span.unseen { " " (wallet) }
                    }
                }
            }
        }
    };
    html! { div.activity { (render_table("Proved wallets", &[Column::text("Wallet"), Column::action("Remove")], &rows)) } }
}

fn render_proof(frame: &Frame, tenant: &str, proof: &ProofForm) -> Markup {
    let body = html! {
        (render_form_error(proof.error.as_ref()))
        (Field::text("proved-wallet", "wallet", "Wallet", &proof.wallet))
        (Field::text("signed-at", "wallet_sig_ts", "Time stamp", &proof.signed_at).hint("The last part of the text. A signature is good for a day."))
        (Field::text("signature", "wallet_sig", "Signature", &proof.signature).hint("Ed25519, 64 bytes in base58."))
        (render_submit("Prove the wallet"))
    };
    html! {
        p { "Sign exactly this text as a message with the wallet, and paste the signature below:" }
        (render_copyable("text-to-sign", &proof.text))
        (render_form("/account/orders/wallets", &frame.csrf, Some(tenant), &body))
    }
}

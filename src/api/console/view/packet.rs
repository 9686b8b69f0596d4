//! `/account/operator/packet`: what must be shown before a tenant's money is real.

use maud::{Markup, html};

use super::form::{Choice, Entry, Field, render_form_error, render_form_once, render_submit};
use super::layout::{Frame, Section, render_console};
use super::part::{Tone, render_badge, render_heading, render_moment};
use crate::domain::time::Timestamp;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Packet {
    /// The slug, or the uuid, as the operator named it.
    pub tenant: String,
    pub is_complete: bool,
    pub version: u64,
    pub updated: Option<(String, Timestamp)>,
    pub items: Vec<ItemRow>,
    pub error: Option<String>,
}

/// One item as it stands in the form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ItemRow {
    /// The name of its fields: `hosted_health`.
    pub name: String,
    pub title: String,
    pub status: Entry,
    pub evidence: Entry,
    pub note: Entry,
}

const STATUSES: [(&str, &str); 3] = [("pending", "Pending"), ("go", "Go"), ("no_go", "No go")];

pub fn render_packet(frame: &Frame, view: &Packet) -> Markup {
    render_console(
        frame,
        Section::Operator,
        "Go/no-go packet",
        &render_heading("Go/no-go packet", &format!("Live money of {} moves once all seven stand at go, each with evidence.", view.tenant)),
        &html! {
            p {
                @if view.is_complete { (render_badge("complete", Tone::Good)) } @else { (render_badge("incomplete", Tone::Warning)) }
                span.quiet {
                    " Version " (view.version)
                    @if let Some((by, at)) = &view.updated { ", by " (by) ", " (render_moment(*at)) }
                }
            }
            section.panel aria-label="The seven items" {
                (render_form_once("/account/operator/packet", frame, "", &view.tenant, &render_items(view)))
            }
        },
    )
}

fn render_items(view: &Packet) -> Markup {
    html! {
        (render_form_error(view.error.as_ref()))
        @for item in &view.items {
            @let field = |part: &str| (format!("{}-{part}", item.name), format!("{}_{part}", item.name));
            @let ((status_id, status), (evidence_id, evidence), (note_id, note)) = (field("status"), field("evidence"), field("note"));
            fieldset {
                legend { (item.title) }
                div.row {
                    (Choice::new(&status_id, &status, "Status", &item.status, &STATUSES))
                    (Field::text(&evidence_id, &evidence, "Evidence", &item.evidence).optional())
                    (Field::text(&note_id, &note, "Note", &item.note).optional())
                }
            }
        }
        (render_submit("Save the packet"))
    }
}

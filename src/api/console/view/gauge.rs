//! A limit and what is used of it, as a bar: an SVG that says in words what it draws.
//!
//! All arithmetic is on integers; the words around the bar are HTML.

use maud::{Markup, html};

use crate::domain::money::Micros;

/// The drawing's own units.
const WIDTH: u64 = 1_000;
/// An amount too small to see is still drawn.
const SEGMENT_WIDTH_MIN: u64 = 8;

/// What a stretch of the bar stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stretch {
    /// Gone for good.
    Spent,
    /// Set aside for something under way.
    Held,
    /// Lent on to somebody else.
    Lent,
}

impl Stretch {
    const fn class(self) -> &'static str {
        match self {
            Self::Spent => "stretch-spent",
            Self::Held => "stretch-held",
            Self::Lent => "stretch-lent",
        }
    }
}

/// The bar. `words` are read out instead of it.
pub fn render_gauge(words: &str, whole: Micros, stretches: &[(Stretch, Micros)]) -> Markup {
    let mut drawn = Vec::new();
    let mut at = 0;
    for (stretch, amount) in stretches.iter().filter(|(_, amount)| !amount.is_zero()) {
        let width = measure(*amount, whole).min(WIDTH.saturating_sub(at));
        drawn.push((stretch.class(), at, width));
        at += width;
    }
    html! {
        svg.gauge viewBox=(format!("0 0 {WIDTH} 1")) preserveAspectRatio="none" role="img" aria-label=(words) {
            @for (class, x, width) in drawn { rect class=(class) x=(x) y="0" width=(width) height="1" {} }
        }
    }
}

fn measure(amount: Micros, whole: Micros) -> u64 {
    let width = u128::from(amount.get()) * u128::from(WIDTH) / u128::from(whole.get().max(1));
    u64::try_from(width).unwrap_or(WIDTH).clamp(SEGMENT_WIDTH_MIN, WIDTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(whole: u64, spent: u64, held: u64) -> String {
        let micros = |count| Micros::new(count).unwrap();
        render_gauge("words", micros(whole), &[(Stretch::Spent, micros(spent)), (Stretch::Held, micros(held))]).into_string()
    }

    #[test]
    fn what_is_used_is_drawn_in_proportion_and_never_beyond_the_whole() {
        let html = draw(400, 100, 100);
        assert!(html.contains("class=\"stretch-spent\" x=\"0\" y=\"0\" width=\"250\""), "{html}");
        assert!(html.contains("class=\"stretch-held\" x=\"250\" y=\"0\" width=\"250\""), "{html}");
        assert!(draw(100, 100, 1).contains("class=\"stretch-held\" x=\"1000\" y=\"0\" width=\"0\""));
        assert!(draw(Micros::MAX.get(), 1, 0).contains("width=\"8\""));
        assert!(!draw(0, 0, 0).contains("rect"));
    }
}

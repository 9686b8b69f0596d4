//! The words a memory is searched by.
//!
//! A word is a run of letters and digits of any script, in lower case. Where a script writes no spaces (Han, Hiragana,
//! Thai, Lao, Khmer, Burmese) each character is a word, as Unicode's own word boundaries have it without a dictionary
//! (UAX 29). Combining marks are dropped, so a text finds its own decomposed form. The same words go into the index and into
//! the match text, and they hold letters, digits and vowel signs only: no text a client sends can reach the index's
//! query syntax.

use std::collections::BTreeSet;

use super::super::digest::Digest;
use super::text::{SessionId, SourceId};

/// A longer run of letters counts by its first characters.
const WORD_SCALARS_MAX: usize = 100;
/// A question of 4,096 characters seldom has more different words; each costs the index a walk of its own.
const QUERY_WORDS_MAX: usize = 256;

/// The words of a text, in its order, repeated ones repeated.
pub fn words_of(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut scalars = 0;
    for c in text.chars() {
        if is_silent(c) || (!word.is_empty() && is_mark(c)) {
            continue;
        }
        let is_letter = c.is_alphanumeric() || (!word.is_empty() && is_joiner(c));
        if (!is_letter || is_word_alone(c)) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
            scalars = 0;
        }
        if !is_letter || scalars == WORD_SCALARS_MAX {
            continue;
        }
        // A final sigma is the same letter, and lower-casing character by character never makes one.
        word.extend(c.to_lowercase().filter(|&c| !is_mark(c)).map(|c| if c == 'ς' { 'σ' } else { c }));
        scalars += 1;
        if is_word_alone(c) {
            words.push(std::mem::take(&mut word));
            scalars = 0;
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// Combining diacritical marks, which a precomposed letter has inside.
const fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

/// Characters without a shape of their own: soft hyphen, joiners, variation selectors, the byte order mark.
const fn is_silent(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200c}' | '\u{200d}' | '\u{2060}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
}

/// The signs that join consonants in the scripts of India and its neighbours: no letters, and yet inside a word.
const fn is_joiner(c: char) -> bool {
    matches!(
        c,
        '\u{93c}'
            | '\u{94d}'
            | '\u{9bc}'
            | '\u{9cd}'
            | '\u{a3c}'
            | '\u{a4d}'
            | '\u{abc}'
            | '\u{acd}'
            | '\u{b3c}'
            | '\u{b4d}'
            | '\u{bcd}'
            | '\u{c4d}'
            | '\u{cbc}'
            | '\u{ccd}'
            | '\u{d4d}'
            | '\u{dca}'
            | '\u{1b44}'
            | '\u{a806}'
            | '\u{a9c0}'
    )
}

/// Characters of scripts that write no spaces between words.
const fn is_word_alone(c: char) -> bool {
    matches!(
        c,
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3005}'..='\u{3007}' | '\u{3041}'..='\u{309f}'
            | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}'
    )
}

/// A text with every run of whitespace folded into one space and none at its ends: what "equal contents" means to a
/// smart flush (contract motecloud 7).
pub fn fold_whitespace(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What is looked for: any of a text's words, within a session and a source if named. The index has a column `words`
/// and a column `scope`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    words: Vec<String>,
    scopes: Vec<Scope>,
}

/// A query of the index, made of quoted words and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatchText(String);

/// The words of a question parted by how many observations hold them. What matches the rare ones is scored by
/// `rare` or, if it matches common ones too, by `both`; what matches the common ones alone, by `common`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parted {
    pub rare: MatchText,
    pub both: MatchText,
    pub common: MatchText,
}

impl MatchText {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Wanted {
    /// The different words of `text`; none for a text without words, which nothing matches.
    pub fn new(text: &str, scopes: Vec<Scope>) -> Option<Self> {
        let mut seen = BTreeSet::new();
        let distinct = words_of(text).into_iter().filter(|word| seen.insert(word.clone()));
        let words: Vec<String> = distinct.take(QUERY_WORDS_MAX).collect();
        if words.is_empty() { None } else { Some(Self { words, scopes }) }
    }

    /// What any of the words matches.
    pub fn any(&self) -> MatchText {
        self.within(&any_of(&self.words.iter().collect::<Vec<_>>()))
    }

    /// What each word matches, scopes aside, for counting.
    pub fn each(&self) -> Vec<MatchText> {
        self.words.iter().map(|word| MatchText(any_of(&[word]))).collect()
    }

    /// Parts the words, given how many observations hold each: rare ones are the rarest that together are held by at
    /// most `rows_max`.
    pub fn part(&self, counts: &[u64], rows_max: u64) -> Parted {
        let mut ranked: Vec<(u64, &String)> = counts.iter().copied().zip(&self.words).collect();
        ranked.sort_by_key(|(count, _)| *count);
        let mut rows: u64 = 0;
        let (mut rare, mut common) = (Vec::new(), Vec::new());
        for (count, word) in ranked {
            rows = rows.saturating_add(count);
            if rows <= rows_max { rare.push(word) } else { common.push(word) }
        }
        let both = if rare.is_empty() { NOTHING.to_owned() } else { format!("({}) AND ({})", any_of(&rare), any_of(&common)) };
        Parted { rare: self.within(&any_of(&rare)), both: self.within(&both), common: self.within(&any_of(&common)) }
    }

    fn within(&self, text: &str) -> MatchText {
        let narrow = |text: String, scope: &Scope| format!("({text}) AND (scope : \"{}\")", scope.0);
        MatchText(self.scopes.iter().fold(text.to_owned(), narrow))
    }
}

/// No scope is called so.
const NOTHING: &str = "scope : \"nothing\"";

fn any_of(words: &[&String]) -> String {
    if words.is_empty() {
        return NOTHING.to_owned();
    }
    let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    format!("words : ({})", quoted.join(" OR "))
}

/// A session or a source as one word of the index's second column, so that narrowing is an intersection of two lists
/// and never a walk over all matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope(String);

impl Scope {
    pub fn of_session(session_id: &SessionId) -> Self {
        Self(format!("s{}", fingerprint(session_id.as_str())))
    }

    pub fn of_source(source_id: &SourceId) -> Self {
        Self(format!("o{}", fingerprint(source_id.as_str())))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The first 128 bits of a text's SHA-256, in hex: two texts with the same one are taken for equal.
pub fn fingerprint(text: &str) -> String {
    let mut hex = Digest::of(&[text.as_bytes()]).to_string();
    hex.truncate(32);
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_lower_cased_runs_of_letters_and_digits() {
        assert_eq!(words_of("The deploy-key, v2.1 (OLD)!"), ["the", "deploy", "key", "v2", "1", "old"]);
        assert_eq!(words_of("ÉCOLE Straße ОДИН ΟΔΟΣ οδος"), ["école", "straße", "один", "οδοσ", "οδοσ"]);
        assert_eq!(words_of("cafe\u{301} co\u{ad}op İstanbul"), ["cafe", "coop", "istanbul"]);
        assert_eq!(words_of("हिन्दी भाषा"), ["हिन्दी", "भाषा"]);
        assert_eq!(words_of("東京tower ひら カタカナ 한국어"), ["東", "京", "tower", "ひ", "ら", "カタカナ", "한국어"]);
        assert_eq!(words_of("!!! … 🦀🦀 \u{301} \u{94d} \" * : ( )"), Vec::<String>::new());
    }

    #[test]
    fn a_long_run_of_letters_counts_by_its_first_hundred() {
        assert_eq!(words_of(&format!("{} b", "a".repeat(500))), ["a".repeat(100), "b".to_owned()]);
    }

    #[test]
    fn a_match_holds_nothing_but_quoted_words() {
        let wanted = Wanted::new("NEAR(\"a\" b*) AND words:x -a ^d", Vec::new()).unwrap();
        assert_eq!(wanted.any().as_str(), r#"words : ("near" OR "a" OR "b" OR "and" OR "words" OR "x" OR "d")"#);
        assert_eq!(Wanted::new("🦀 !!!", Vec::new()), None);
        let scope = Scope::of_session(&SessionId::parse("a\"b").unwrap());
        let narrowed = Wanted::new("x", vec![scope.clone()]).unwrap();
        assert_eq!(narrowed.any().as_str(), format!(r#"(words : ("x")) AND (scope : "{}")"#, scope.as_str()));
    }

    #[test]
    fn words_are_parted_by_how_many_hold_them() {
        let wanted = Wanted::new("the rare old gateway", Vec::new()).unwrap();
        let parted = wanted.part(&[900, 20, 500, 30], 50);
        assert_eq!(parted.rare.as_str(), r#"words : ("rare" OR "gateway")"#);
        assert_eq!(parted.common.as_str(), r#"words : ("old" OR "the")"#);
        assert_eq!(parted.both.as_str(), r#"(words : ("rare" OR "gateway")) AND (words : ("old" OR "the"))"#);
        let parted = wanted.part(&[900, 90, 500, 90], 50);
        assert_eq!((parted.rare.as_str(), parted.both.as_str()), (NOTHING, NOTHING));
    }

    #[test]
    fn folding_makes_texts_equal_that_differ_in_whitespace_only() {
        assert_eq!(fold_whitespace("  a \n\t b\u{a0}c "), "a b c");
    }
}

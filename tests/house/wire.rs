//! What is written between builds stays readable: the record of every type that crosses a hop, waits in the queue or is
//! kept with an idempotency key.

use std::collections::BTreeMap;

use guildhall::http::code::Code;

use super::source;

const RECORD: &str = "tests/house/wire.txt";

/// Every type of objects and domain that is written, by its module and name, in one line.
fn written_types() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let is_written = |path: &str| path.starts_with("objects/") || path.starts_with("domain/") || path == "http/gate.rs";
    for source in source::all().iter().filter(|source| is_written(&source.path)) {
        let code = source.code();
        for (at, _) in code.match_indices("#[derive(") {
            let item = &code[at..];
            let (derives, _) = item.split_once(")]").unwrap();
            let is_inside_macro = item.lines().take(8).any(|line| line.contains("$name"));
            if derives.contains("Serialize") && !is_inside_macro {
                let text = item_text(item);
                let name = text.split_whitespace().skip_while(|word| !matches!(*word, "struct" | "enum")).nth(1).unwrap();
                let name = name.trim_end_matches([';', '(', '{']).split(['(', '<']).next().unwrap();
                found.insert(format!("{}::{name}", source.path.trim_end_matches(".rs").replace('/', "::")), text);
            }
        }
    }
    found
}

/// The item a derive stands before, without its derives, on one line.
fn item_text(item: &str) -> String {
    let body = item.split_once(")]").unwrap().1;
    let mut depth = 0_usize;
    let mut text = String::new();
    for c in body.chars() {
        text.push(c);
        match c {
            '{' => depth += 1,
            '}' => {
                depth -= 1;
                if depth == 0 {
                    break;
                }
            }
            ';' if depth == 0 => break,
            _ => {}
        }
    }
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    // How the documents draw a type is nothing to what is written.
    let mut parts = words.split("#[cfg_attr(not(target_arch = \"wasm32\"), ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once(")] ").map_or("", |(_, rest)| rest))
}

/// The error codes, which a kept refusal names; their order is nothing to it.
fn kept_codes() -> (String, String) {
    let names = Code::ALL.iter().map(|code| format!("{code:?}")).collect::<Vec<_>>().join(" ");
    ("http::code::Code".to_owned(), format!("{NAMES}{names}"))
}

const NAMES: &str = "names: ";

/// Whether what was written as `old` can be read as `new`.
fn can_be_read_as(old: &str, new: &str) -> bool {
    if let (Some(old), Some(new)) = (old.strip_prefix(NAMES), new.strip_prefix(NAMES)) {
        return old.split(' ').all(|name| new.split(' ').any(|known| known == name));
    }
    let longer = old.contains("enum ") && old.strip_suffix('}').is_some_and(|variants| new.starts_with(variants.trim_end()));
    old == new || longer
}

fn recorded() -> BTreeMap<String, String> {
    let text = source::file(RECORD);
    text.lines().filter_map(|line| line.split_once(" = ")).map(|(name, text)| (name.to_owned(), text.to_owned())).collect()
}

#[test]
fn what_was_written_before_can_be_read() {
    let mut now = written_types();
    now.extend([kept_codes()]);
    assert!(now.len() > 60, "the types were not found");
    if std::env::var_os("WRITE_DOCUMENTS").is_some() {
        // Only what is new is added: whoever breaks the rule takes the old line out of the record by hand, and says why.
        let mut record = now.clone();
        record.extend(recorded().into_iter().filter(|(name, old)| !now.get(name).is_some_and(|new| can_be_read_as(old, new))));
        let text: String = record.iter().map(|(name, text)| format!("{name} = {text}\n")).collect();
        source::write(RECORD, &text);
    }
    let record = recorded();
    for (name, old) in &record {
        let new = now.get(name).unwrap_or_else(|| panic!("{name} was written once and is gone"));
        assert!(
            can_be_read_as(old, new),
            "{name} is not what was written:\n  was {old}\n  is  {new}\nAdd a variant at the end of an enum instead"
        );
    }
    for name in now.keys() {
        assert!(record.contains_key(name), "{name} is not on record: make documents");
    }
    assert!(record.iter().all(|(name, text)| now.get(name) == Some(text)), "the record is behind: make documents");
}

#[test]
fn only_a_longer_enum_reads_what_a_shorter_one_wrote() {
    assert!(can_be_read_as("pub enum A { B, C, }", "pub enum A { B, C, D, }"));
    assert!(!can_be_read_as("pub enum A { B, C, }", "pub enum A { C, B, }"));
    assert!(!can_be_read_as("pub enum A { B, C, }", "pub enum A { B, }"));
    assert!(!can_be_read_as("pub struct A { b: u64, }", "pub struct A { b: u64, c: u64, }"));
    assert!(can_be_read_as("names: A B", "names: B C A"));
    assert!(!can_be_read_as("names: A B", "names: A C"));
}

//! The one-way rule: `lib | entry -> api | jobs -> http -> store | objects -> crypto -> domain`, with `edge` beside `crypto`.
//! A module uses what lies below it, never its neighbour and never what lies above.

use crate::source::{self, Source};

/// The step a module stands on; `edge` names the platform and may use the domain alone.
fn step(module: &str) -> u8 {
    match module {
        "domain" => 0,
        "crypto" | "edge" => 1,
        "store" | "objects" => 2,
        "http" => 3,
        "api" | "jobs" => 4,
        "lib" | "entry" => 5,
        other => panic!("{other} has no place in the house"),
    }
}

fn module_of(path: &str) -> &str {
    path.split('/').next().unwrap().trim_end_matches(".rs")
}

/// The modules a file names as `crate::<module>`.
fn uses(source: &Source) -> Vec<String> {
    let code = source.code();
    let mut modules = Vec::new();
    for rest in code.split("crate::").skip(1) {
        let list = rest.strip_prefix('{').map_or(rest, |list| list.split('}').next().unwrap());
        let names: Vec<&str> = if rest.starts_with('{') { list.split(',').collect() } else { vec![rest] };
        for name in names {
            let name: String = name.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            // Macros are exported at the crate's root and lie below everything.
            let is_macro = ["statements", "params", "binds", "routes", "exported_object"].contains(&name.as_str());
            if !name.is_empty() && !is_macro {
                modules.push(name);
            }
        }
    }
    modules
}

#[test]
fn a_module_uses_only_what_lies_below_it() {
    let mut edges = 0;
    for source in source::all() {
        let own = module_of(&source.path);
        for used in uses(&source).iter().filter(|used| *used != own) {
            edges += 1;
            assert!(step(used) < step(own), "src/{} uses {used}, which does not lie below {own}", source.path);
        }
    }
    assert!(edges > 100, "the rule looked at {edges} uses only: it no longer reads the source");
}

#[test]
fn handlers_and_jobs_see_only_the_client_half_of_an_object() {
    for source in source::all().iter().filter(|source| ["api", "jobs", "http"].contains(&module_of(&source.path))) {
        for shell in ["::object::", "objects::shell", "objects::storage", "objects::sql"] {
            assert!(!source.code().contains(shell), "src/{} reaches into an object: {shell}", source.path);
        }
    }
}

#[test]
fn domain_and_crypto_know_no_platform() {
    for source in source::all().iter().filter(|source| ["domain", "crypto"].contains(&module_of(&source.path))) {
        for foreign in ["worker::", "wasm_bindgen", "js_sys", "web_sys", "getrandom", "SystemTime", "Instant::now"] {
            assert!(!source.code().contains(foreign), "src/{} names {foreign}", source.path);
        }
    }
}

#[test]
fn one_file_names_bindings_the_clock_and_the_entropy() {
    for source in source::all().iter().filter(|source| source.path != "edge.rs") {
        for platform in
            ["Date::now", "getrandom::", ".d1(\"", ".kv(\"", ".queue(\"", ".bucket(\"", ".durable_object(\"", ".var(\"", ".secret(\""]
        {
            assert!(!source.code().contains(platform), "src/{} names {platform}: that is edge.rs's business", source.path);
        }
    }
}

#[test]
fn sql_is_written_where_state_is_kept_and_nowhere_else() {
    for source in source::all().iter().filter(|source| !["store", "objects"].contains(&module_of(&source.path))) {
        for verb in ["\"SELECT ", "\"INSERT ", "\"UPDATE ", "\"DELETE "] {
            assert!(!source.code().contains(verb), "src/{} holds SQL", source.path);
        }
    }
}

#[test]
fn no_file_outgrows_its_reason_to_exist() {
    for source in source::all() {
        let lines = source.text.lines().count();
        assert!(lines <= 400, "src/{} has {lines} lines before its tests: split it by noun", source.path);
    }
}

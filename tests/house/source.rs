//! The source files of the house.

use std::fs;
use std::path::{Path, PathBuf};

/// One file under `src`.
pub struct Source {
    /// Path below `src`, with slashes.
    pub path: String,
    /// Its text up to its unit tests.
    pub text: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

/// Every Rust file under `src`.
pub fn all() -> Vec<Source> {
    let src = root().join("src");
    let mut found = Vec::new();
    let mut folders = vec![src.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let text = text.split("#[cfg(test)]\nmod tests").next().unwrap().to_owned();
                found.push(Source { path: path.strip_prefix(&src).unwrap().to_str().unwrap().replace('\\', "/"), text });
            }
        }
    }
    assert!(found.len() > 50, "the source was not found");
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

impl Source {
    /// The code without comments: what is said about a thing is no use of it.
    pub fn code(&self) -> String {
        self.text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
    }
}

/// The SQL files of a folder below the project's root, in the order of their names.
pub fn sql_files(folder: &str) -> Vec<String> {
    let mut paths: Vec<_> = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "sql"));
    paths.sort();
    paths.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
}

/// One file below the project's root.
pub fn file(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// Writes one file below the project's root: a table that other tests read.
pub fn write(path: &str, text: &str) {
    fs::write(root().join(path), text).unwrap();
}

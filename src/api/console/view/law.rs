//! What holds on every page, whatever its data says.

use super::sample::{Words, render_pages};

/// A tag as written: name and attributes.
struct Tag<'a> {
    name: &'a str,
    attributes: Vec<(&'a str, &'a str)>,
}

impl Tag<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
    }
}

/// All tags in order, closing ones with a slash in front. Reads what maud writes: attributes without a value, or with
/// one in double quotes.
fn read_tags(html: &str) -> Vec<Tag<'_>> {
    let mut tags = vec![];
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        let name_end = rest.find([' ', '>']).unwrap();
        let name = &rest[..name_end];
        rest = &rest[name_end..];
        let mut attributes = vec![];
        loop {
            rest = rest.trim_start();
            if let Some(after) = rest.strip_prefix('>') {
                rest = after;
                break;
            }
            let key_end = rest.find(['=', ' ', '>']).unwrap();
            let key = &rest[..key_end];
            rest = &rest[key_end..];
            match rest.strip_prefix("=\"") {
                Some(value) => {
                    let value_end = value.find('"').unwrap();
                    attributes.push((key, &value[..value_end]));
                    rest = &value[value_end + 1..];
                }
                None => attributes.push((key, "")),
            }
        }
        tags.push(Tag { name, attributes });
    }
    tags
}

fn for_every_page(check: impl Fn(&str, &str, &[Tag<'_>])) {
    for words in [Words(str::to_owned), Words(make_hostile)] {
        for (name, page) in render_pages(words) {
            let html = page.into_string();
            check(name, &html, &read_tags(&html));
        }
    }
}

fn make_hostile(text: &str) -> String {
    format!("\"' onload=alert(1) style=x ></title></textarea><script>alert(1)</script><img src=x onerror=alert(1)>&lt;{text}")
}

#[test]
fn hostile_text_stays_text_in_every_field() {
    let tame: Vec<_> = render_pages(Words(str::to_owned));
    for ((name, hostile), (_, tame)) in render_pages(Words(make_hostile)).into_iter().zip(tame) {
        let (hostile, tame) = (hostile.into_string(), tame.into_string());
        let shape = |html: &str| -> Vec<String> {
            read_tags(html)
                .iter()
                .map(|tag| format!("{} {:?}", tag.name, tag.attributes.iter().map(|(key, _)| *key).collect::<Vec<_>>()))
                .collect()
        };
        // A chosen option is recognized by its value, which the hostile text changes.
        let shape = |html: &str| shape(&html.replace(" selected>", ">"));
        assert_eq!(shape(&hostile), shape(&tame), "{name}: text became markup");
        assert!(!hostile.contains("<script>alert") && !hostile.contains("<img src=x"), "{name}");
    }
}

#[test]
fn no_page_carries_an_inline_style_or_script() {
    for_every_page(|page, html, tags| {
        for tag in tags {
            assert!(tag.name != "style" && tag.name != "base" && tag.name != "iframe", "{page}");
            if tag.name == "img" {
                assert!(tag.get("src").is_some_and(|src| src.starts_with("/files/")) && tag.get("alt").is_some(), "{page}");
            }
            if tag.name == "script" {
                assert!(tag.get("src").is_some_and(|src| src.starts_with("/account/assets/")), "{page}");
            }
            for (key, value) in &tag.attributes {
                assert!(*key != "style" && !key.starts_with("on"), "{page}: {} {key}", tag.name);
                // What somebody named lies elsewhere: one is led there, and nobody there learns from where.
                let leads_away = *key == "href" && value.starts_with("https://") && tag.get("rel") == Some("noopener noreferrer");
                if matches!(*key, "href" | "src" | "action") && !(leads_away && tag.name == "a") {
                    assert!(value.starts_with(['/', '#']), "{page}: {key}={value}");
                    assert!(!value.starts_with("//"), "{page}: {key}={value}");
                }
            }
        }
        assert!(html.contains("</script>") && !html.contains("javascript:"), "{page}");
    });
}

/// A form that only asks for a page changes nothing, so it carries no token, which would else stand in the address.
#[test]
fn every_form_posts_with_a_csrf_token_or_only_asks() {
    for_every_page(|page, _, tags| {
        let mut tags = tags.iter().peekable();
        while let Some(tag) = tags.next() {
            if tag.name == "form" && tag.get("method") == Some("get") {
                assert_ne!(tags.peek().unwrap().get("type"), Some("hidden"), "{page}");
            } else if tag.name == "form" {
                assert_eq!(tag.get("method"), Some("post"), "{page}");
                let first = tags.peek().unwrap();
                assert_eq!((first.get("type"), first.get("name")), (Some("hidden"), Some("csrf")), "{page}");
                assert!(first.get("value").is_some_and(|value| !value.is_empty()), "{page}");
            }
        }
    });
}

#[test]
fn every_field_has_a_label_and_every_description_exists() {
    for_every_page(|page, _, tags| {
        let ids: Vec<_> = tags.iter().filter_map(|tag| tag.get("id")).collect();
        for (at, id) in ids.iter().enumerate() {
            assert!(!ids[..at].contains(id), "{page}: the id {id} stands twice");
        }
        for tag in tags {
            if matches!(tag.name, "input" | "select" | "textarea") && tag.get("type") != Some("hidden") && tag.get("hidden").is_none() {
                let id = tag.get("id").unwrap();
                assert!(tags.iter().any(|label| label.name == "label" && label.get("for") == Some(id)), "{page}: {id} has no label");
                assert!(tag.get("type") != Some("password") || tag.get("value").is_none(), "{page}: a password came back");
                assert_eq!(tag.get("aria-invalid").is_some(), ids.contains(&format!("{id}-error").as_str()), "{page}: {id}");
            }
            for reference in ["aria-describedby", "aria-labelledby", "for", "data-copy"] {
                for id in tag.get(reference).unwrap_or_default().split_whitespace() {
                    assert!(ids.contains(&id), "{page}: {reference} names {id}, which is not there");
                }
            }
        }
    });
}

#[test]
fn headings_stand_in_order_under_one_first() {
    for_every_page(|page, _, tags| {
        let levels: Vec<u32> = tags.iter().filter_map(|tag| tag.name.strip_prefix('h').and_then(|level| level.parse().ok())).collect();
        assert_eq!(levels.first(), Some(&1), "{page}");
        assert_eq!(levels.iter().filter(|level| **level == 1).count(), 1, "{page}");
        for pair in levels.windows(2) {
            assert!(pair[1] <= pair[0] + 1, "{page}: {levels:?}");
        }
    });
}

#[test]
fn every_page_has_its_landmarks_and_says_where_one_is() {
    for_every_page(|page, html, tags| {
        for landmark in ["header", "main", "footer"] {
            assert_eq!(tags.iter().filter(|tag| tag.name == landmark).count(), 1, "{page}: {landmark}");
        }
        assert!(html.starts_with("<!DOCTYPE html><html lang=\"en\">"), "{page}");
        assert_eq!(tags.iter().find(|tag| tag.name == "a").and_then(|tag| tag.get("href")), Some("#main"), "{page}: no skip link");
        let current = tags.iter().filter(|tag| tag.get("aria-current") == Some("page")).count();
        let is_console = tags.iter().any(|tag| tag.name == "body" && tag.get("class") == Some("console"));
        assert_eq!(current, usize::from(is_console), "{page}");
    });
}

#[test]
fn tags_close_in_the_order_they_opened() {
    const VOID: [&str; 5] = ["meta", "link", "input", "img", "!DOCTYPE"];
    for_every_page(|page, _, tags| {
        let mut open = vec![];
        for tag in tags {
            match tag.name.strip_prefix('/') {
                Some(name) => assert_eq!(open.pop(), Some(name), "{page}"),
                None if VOID.contains(&tag.name) => {}
                None => open.push(tag.name),
            }
        }
        assert!(open.is_empty(), "{page}: {open:?}");
    });
}

/// `CONSOLE_PREVIEW=<folder> cargo test --lib console` writes every page there, to be looked at.
#[test]
fn every_page_can_be_written_for_the_eye() {
    let Some(folder) = std::env::var_os("CONSOLE_PREVIEW") else { return };
    let folder = std::path::PathBuf::from(folder);
    for (name, page) in render_pages(Words(str::to_owned)) {
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{name}.html")), page.into_string()).unwrap();
    }
    for asset in crate::api::console::asset::ASSETS {
        let path = folder.join(asset.path.trim_start_matches('/'));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, asset.body).unwrap();
    }
}

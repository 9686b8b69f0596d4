//! Where in a JSON text a reader stopped: the path of the value it would not take, found by reading ever shorter
//! beginnings of the text. Only a refused body is read again, and each costs a logarithm of readings.

/// One step into a document.
enum Step<'t> {
    /// A member, by its name as it stands in the text.
    Name(&'t str),
    /// An item, from 0.
    Index(usize),
}

/// A place where a reader can know more of a value.
enum Place<'t> {
    /// Behind the opening bracket of an object or list, or behind a comma between items.
    Inside,
    /// Behind a member's name: as it stands between its quotes.
    Name(&'t str),
    /// Behind the end of a value.
    End,
}

type Visit<'t, 'v> = dyn FnMut(usize, Place<'t>, &[Step<'t>]) + 'v;

/// The path of the first value of `text`, in document order, that `refuses` turns down. `text` must be valid JSON, and
/// `refuses` must tell whether a reader of this beginning of it met something it would not take, rather than its end.
pub fn find_refused(text: &str, refuses: &dyn Fn(&str) -> bool) -> String {
    let mut cuts = Vec::new();
    walk(text, &mut |at, _, _| cuts.push(at));
    // A reader that stops at a value stops there in every longer beginning too.
    let first = cuts.partition_point(|at| !text.get(..*at).is_some_and(refuses));
    let mut path = String::from("$");
    let mut number = 0;
    walk(text, &mut |_, _, steps| {
        if number == first {
            for step in steps {
                match step {
                    Step::Name(name) => path.extend([".", name]),
                    Step::Index(index) => path.push_str(&format!("[{index}]")),
                }
            }
        }
        number += 1;
    });
    path
}

/// The text with members renamed as `respell` says: those of the document itself and, given their index, those of the
/// objects in its `items`. `text` must be valid JSON, and so must the new names in quotes.
pub fn respell_members(text: &str, mut respell: impl FnMut(Option<usize>, &str) -> Option<String>) -> String {
    let mut renamed = Vec::new();
    walk(text, &mut |at, place, steps| {
        let Place::Name(name) = place else { return };
        let index = match steps {
            [] => None,
            [Step::Name("items"), Step::Index(index)] => Some(*index),
            _ => return,
        };
        renamed.extend(respell(index, name).map(|ours| (at - 1 - name.len()..at - 1, ours)));
    });
    let mut spelled = text.to_owned();
    for (range, name) in renamed.into_iter().rev() {
        spelled.replace_range(range, &name);
    }
    spelled
}

/// Calls `visit` with each place, and the way to the value it belongs to.
fn walk<'t>(text: &'t str, visit: &mut Visit<'t, '_>) {
    Walk { text, at: 0, steps: Vec::new() }.value(visit);
}

struct Walk<'t> {
    text: &'t str,
    at: usize,
    steps: Vec<Step<'t>>,
}

impl<'t> Walk<'t> {
    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        let rest = self.text.as_bytes().get(self.at..)?;
        self.at += rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        self.text.as_bytes().get(self.at).copied()
    }

    fn value(&mut self, visit: &mut Visit<'t, '_>) {
        match self.peek() {
            Some(b'{') => self.members(visit),
            Some(b'[') => self.items(visit),
            Some(b'"') => {
                self.string();
            }
            Some(_) => {
                let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
                let length = rest.iter().take_while(|byte| !matches!(byte, b',' | b']' | b'}') && !byte.is_ascii_whitespace()).count();
                // Where no value can be, the text is no JSON, and the walk ends.
                self.at = if length > 0 { self.at + length } else { self.text.len() };
            }
            None => return,
        }
        visit(self.at, Place::End, &self.steps);
    }

    fn members(&mut self, visit: &mut Visit<'t, '_>) {
        self.at += 1;
        visit(self.at, Place::Inside, &self.steps);
        while let Some(byte) = self.peek() {
            if byte == b'"' {
                let name = self.string();
                visit(self.at, Place::Name(name), &self.steps);
                self.peek();
                self.at += 1;
                self.steps.push(Step::Name(name));
                self.value(visit);
                self.steps.pop();
            } else {
                self.at += 1;
                if byte == b'}' {
                    return;
                }
            }
        }
    }

    fn items(&mut self, visit: &mut Visit<'t, '_>) {
        self.at += 1;
        visit(self.at, Place::Inside, &self.steps);
        for index in 0.. {
            match self.peek() {
                Some(b']') => {
                    self.at += 1;
                    return;
                }
                Some(b',') => {
                    self.at += 1;
                    visit(self.at, Place::Inside, &self.steps);
                }
                Some(_) => {}
                None => return,
            }
            self.steps.push(Step::Index(index));
            self.value(visit);
            self.steps.pop();
        }
    }

    /// Passes a string and answers what stands between its quotes.
    fn string(&mut self) -> &'t str {
        let start = self.at + 1;
        let mut bytes = self.text.as_bytes().iter().enumerate().skip(start);
        while let Some((at, byte)) = bytes.next() {
            match byte {
                b'\\' => {
                    bytes.next();
                }
                b'"' => {
                    self.at = at + 1;
                    return self.text.get(start..at).unwrap_or_default();
                }
                _ => {}
            }
        }
        self.at = self.text.len();
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_walk_ends_whatever_the_text() {
        for text in ["", "[}", "{]", "[,]", "{\"a\":}", "[[}", "{\"a\" ", "\"a", "}", "[1 2", "{:1}", "[\"\\"] {
            find_refused(text, &|_| true);
            find_refused(text, &|_| false);
        }
    }
}

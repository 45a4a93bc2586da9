//! One source file, split into what compiles into the product and what is test code, with comments and
//! the contents of literals blanked out so that only names remain. Line numbers are kept.

/// A scanned file.
pub struct Source {
    /// Relative to the repository, with forward slashes.
    pub path: String,
    /// As written.
    pub text: String,
    /// Code without comments, literals and test modules.
    pub code: String,
    /// Only the test modules (the whole file below `tests/`), likewise blanked.
    pub tests: String,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Self {
        let blanked = blank_comments_and_literals(text);
        let is_test_file =
            path.starts_with("tests/") || path.ends_with("/tests.rs") || path.contains("/tests/");
        let (code, tests) =
            if is_test_file { (keep_newlines(&blanked), blanked) } else { split_tests(&blanked) };
        Self { path: path.replace('\\', "/"), text: text.to_owned(), code, tests }
    }

    /// `src/media/munge/seq.rs` → `["media", "munge", "seq"]`; `src/media.rs` → `["media"]`.
    pub fn module_path(&self) -> Vec<&str> {
        let inner = self.path.strip_prefix("src/").unwrap_or(&self.path);
        let inner = inner.strip_suffix(".rs").unwrap_or(inner);
        inner.split('/').filter(|part| *part != "lib").collect()
    }

    /// The layer the file belongs to: its top-level module, `main` for the binary, `lib` for the root.
    pub fn layer(&self) -> &str {
        self.module_path().first().copied().unwrap_or("lib")
    }
}

/// 1-based line of a byte offset.
pub fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes().iter().take(offset).filter(|b| **b == b'\n').count() + 1
}

/// Offsets where `word` occurs and is not part of a longer identifier.
pub fn word_offsets(text: &str, word: &str) -> Vec<usize> {
    let is_ident = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word)
        .filter(|(at, _)| {
            let before = text[..*at].chars().next_back();
            let after = text[at + word.len()..].chars().next();
            let open_start = !word.starts_with(is_ident) || !before.is_some_and(is_ident);
            let open_end = !word.ends_with(is_ident) || !after.is_some_and(is_ident);
            open_start && open_end
        })
        .map(|(at, _)| at)
        .collect()
}

fn keep_newlines(text: &str) -> String {
    text.chars().filter(|c| *c == '\n').collect()
}

/// Replaces comments and the insides of string and character literals by spaces.
fn blank_comments_and_literals(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let mut out = String::with_capacity(text.len());
    let mut i = 0;
    let blank = |out: &mut String, c: char| out.push(if c == '\n' { '\n' } else { ' ' });
    while i < chars.len() {
        let c = at(i);
        let after_ident = i > 0 && (at(i - 1).is_alphanumeric() || at(i - 1) == '_');
        if c == '/' && at(i + 1) == '/' {
            while i < chars.len() && at(i) != '\n' {
                blank(&mut out, at(i));
                i += 1;
            }
        } else if c == '/' && at(i + 1) == '*' {
            let mut depth = 0;
            while i < chars.len() {
                if at(i) == '/' && at(i + 1) == '*' {
                    depth += 1;
                    out.push_str("  ");
                    i += 2;
                } else if at(i) == '*' && at(i + 1) == '/' {
                    depth -= 1;
                    out.push_str("  ");
                    i += 2;
                    if depth == 0 {
                        break;
                    }
                } else {
                    blank(&mut out, at(i));
                    i += 1;
                }
            }
        } else if let Some(hashes) = raw_string_hashes(&chars, i).filter(|_| !after_ident) {
            // r"…", r#"…"#, br"…": up to the quote followed by as many hashes.
            while at(i) != '"' {
                out.push(' ');
                i += 1;
            }
            out.push('"');
            i += 1;
            while i < chars.len() && !(at(i) == '"' && (1..=hashes).all(|h| at(i + h) == '#')) {
                blank(&mut out, at(i));
                i += 1;
            }
            out.push('"');
            i += 1;
            for _ in 0..hashes {
                out.push(' ');
                i += 1;
            }
        } else if c == '"' {
            out.push('"');
            i += 1;
            while i < chars.len() && at(i) != '"' {
                if at(i) == '\\' {
                    blank(&mut out, at(i));
                    i += 1;
                }
                blank(&mut out, at(i));
                i += 1;
            }
            out.push('"');
            i += 1;
        } else if c == '\'' && (at(i + 1) == '\\' || (at(i + 2) == '\'' && at(i + 1) != '\'')) {
            // A character literal, not a lifetime.
            out.push('\'');
            i += 1;
            if at(i) == '\\' {
                out.push(' ');
                i += 1;
                out.push(' ');
                i += 1;
            }
            while i < chars.len() && at(i) != '\'' {
                blank(&mut out, at(i));
                i += 1;
            }
            out.push('\'');
            i += 1;
        } else {
            out.push(c);
            i += 1;
        }
    }
    out
}

/// At `r"`, `r#"`, `br##"` …: the number of hashes.
fn raw_string_hashes(chars: &[char], start: usize) -> Option<usize> {
    let mut i = start;
    if chars.get(i) == Some(&'b') {
        i += 1;
    }
    if chars.get(i) != Some(&'r') {
        return None;
    }
    i += 1;
    let first = i;
    while chars.get(i) == Some(&'#') {
        i += 1;
    }
    (chars.get(i) == Some(&'"')).then_some(i - first)
}

/// Separates items under `#[cfg(test)]` from the rest; both keep the line structure.
fn split_tests(blanked: &str) -> (String, String) {
    let mut code = blanked.to_owned();
    let mut tests = blank_range(blanked, 0, blanked.len());
    let mut from = 0;
    while let Some(found) = code[from..].find("#[cfg(test)]").map(|at| at + from) {
        let end = item_end(&code, found);
        tests.replace_range(found..end, &blanked[found..end]);
        let blank = blank_range(&code, found, end);
        code.replace_range(found..end, &blank);
        from = end;
    }
    (code, tests)
}

/// The item that starts with an attribute at `start` ends at its closing brace or, before any, at `;`.
fn item_end(text: &str, start: usize) -> usize {
    let mut depth = 0_i32;
    for (offset, c) in text[start..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' => {
                depth -= 1;
                if depth <= 0 {
                    return start + offset + 1;
                }
            }
            ';' if depth == 0 => return start + offset + 1,
            _ => {}
        }
    }
    text.len()
}

/// Same byte length, so offsets stay valid.
fn blank_range(text: &str, start: usize, end: usize) -> String {
    text[start..end].bytes().map(|b| if b == b'\n' { '\n' } else { ' ' }).collect()
}

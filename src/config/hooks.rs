//! Calls of a directory outside.

use serde::{Deserialize, Serialize};

use super::secret::Secret;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Hooks {
    /// Shared with the directory, which signs its calls with it; empty = there are no hooks.
    pub secret: Secret,
}

impl Hooks {
    pub(super) fn check(&self, mistakes: &mut Vec<String>) {
        if !self.secret.is_empty() && self.secret.expose().len() < MIN_SECRET {
            mistakes
                .push(format!("hooks.secret: at least {MIN_SECRET} bytes, as `openssl rand -hex 32` makes"));
        }
    }
}

/// Whoever sees one signed call can try secrets on its own machine.
const MIN_SECRET: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_long_or_absent() {
        for (secret, wrong) in [("", 0), ("short", 1), ("0123456789abcdef0123456789abcdef", 0)] {
            let mut mistakes = Vec::new();
            Hooks { secret: Secret::new(secret) }.check(&mut mistakes);
            assert_eq!(mistakes.len(), wrong);
            assert!(!mistakes.join("").contains("short"));
        }
    }
}

//! Front doors: decode, run a command, encode. No policy.

//! The command line.

pub mod args;
mod commands;
mod tools;

pub use commands::run;

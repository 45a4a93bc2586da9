//! The binary: everything is in the library.

#![forbid(unsafe_code)]

/// Password hashing and bursts of messages leave the system's allocator with 150 MB that are never given back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    convene::cli::run()
}

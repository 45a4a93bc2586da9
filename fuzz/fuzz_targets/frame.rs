#![no_main]

// The native door as a socket drives it: text, frame, command, and what is said to it.
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = convene::api::gateway::frame::fuzz_frame(data);
});

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| convene::proto::fuzz::fuzz_framing(data));

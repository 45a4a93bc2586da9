#![no_main]

// A frame of the native door, down to the checked command.
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(mut frame) = serde_json::from_slice::<serde_json::Value>(data) else { return };
    let Some(op) = frame.get("op").and_then(serde_json::Value::as_str).map(str::to_owned) else { return };
    let _ = convene::chat::command::Command::parse(
        &op,
        frame.get_mut("d").map(serde_json::Value::take).unwrap_or_default(),
    );
});

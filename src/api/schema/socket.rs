//! One JSON Schema of everything that goes over the WebSocket.

use schemars::JsonSchema as _;
use serde_json::{Map, Value, json};

use super::{
    ErrorObject,
    answers::{OPS, SESSION_OPS},
    events::{Delivery, EVENTS},
    incoming, outgoing, requests,
};

/// `$defs` has the objects, and `Commands`, `Answers` and `Events`, which map a name to its payload; the root accepts
/// a frame.
pub fn document() -> Value {
    let mut schemas = outgoing("/$defs");
    let (mut commands, mut answers, mut events) = (Map::new(), Map::new(), Map::new());
    let (mut sent, mut heard) = (Vec::new(), Vec::new());
    for op in OPS.iter().chain(SESSION_OPS) {
        let payload = requests::payload(op.name, &mut incoming()).map(schemars::Schema::to_value);
        let mut payload = payload.unwrap_or_default();
        payload["description"] = op.summary.into();
        commands.insert(op.name.into(), payload);
        answers.insert(op.name.into(), (op.answer)(&mut schemas).to_value());
        sent.push(json!({"properties": {"op": {"const": op.name}, "d": member("Commands", op.name)}}));
    }
    for event in EVENTS {
        events.insert(event.name.into(), (event.payload)(&mut schemas).to_value());
        let s = match event.delivery {
            Delivery::Reliable => json!({"s": {"type": "integer", "minimum": 1}}),
            Delivery::Ephemeral => json!({"s": false}),
            Delivery::Either => json!({}),
        };
        let mut frame = json!({
            "description": event.summary,
            "properties": {"ev": {"const": event.name}, "d": member("Events", event.name)},
        });
        if let (Some(frame), Value::Object(s)) = (frame["properties"].as_object_mut(), s) {
            frame.extend(s);
        }
        if event.delivery == Delivery::Reliable {
            frame["required"] = json!(["s"]);
        }
        heard.push(frame);
    }
    let error = ErrorObject::json_schema(&mut schemas).to_value();
    let mut defs = schemas.take_definitions(true);
    for (name, map) in [("Commands", commands), ("Answers", answers), ("Events", events)] {
        let names: Vec<String> = map.keys().cloned().collect();
        defs.insert(name.into(), json!({"type": "object", "properties": map, "required": names}));
    }
    let id = json!({"type": "integer", "minimum": 0, "maximum": u32::MAX});
    defs.insert("ErrorObject".into(), error);
    defs.insert(
        "CommandFrame".into(),
        json!({
            "type": "object", "properties": {"op": {"type": "string"}, "id": id}, "required": ["op"],
            "oneOf": sent,
        }),
    );
    defs.insert(
        "AnswerFrame".into(),
        json!({
            "type": "object", "properties": {"re": id, "ok": {"type": "boolean"}}, "required": ["re", "ok"],
            "oneOf": [
                {"properties": {"ok": {"const": true}}, "required": ["d"]},
                {"properties": {"ok": {"const": false}, "e": {"$ref": "#/$defs/ErrorObject"}}, "required": ["e"]},
            ],
        }),
    );
    defs.insert(
        "EventFrame".into(),
        json!({
            "type": "object", "properties": {"ev": {"type": "string"}}, "required": ["ev", "d"], "oneOf": heard,
        }),
    );
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Convene's WebSocket",
        "description": "A frame of the native protocol. The answer to a command is described by its name in Answers.",
        "anyOf": [
            {"$ref": "#/$defs/CommandFrame"}, {"$ref": "#/$defs/AnswerFrame"}, {"$ref": "#/$defs/EventFrame"},
        ],
        "$defs": defs,
    })
}

fn member(map: &str, name: &str) -> Value {
    json!({"$ref": format!("#/$defs/{map}/properties/{name}")})
}

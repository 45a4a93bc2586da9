//! What is really sent, against the documents of the API. What they do not name is a mistake here.

use std::{collections::BTreeMap, sync::LazyLock};

use convene::api::{
    rest::endpoints::{ENDPOINTS, Endpoint},
    schema::{closed, events, openapi, socket},
};
use jsonschema::Validator;
use serde_json::{Value, json};

pub static CONTRACT: LazyLock<Contract> = LazyLock::new(Contract::new);

pub struct Contract {
    /// The published schema of a frame, as it is.
    frame: Validator,
    commands: BTreeMap<String, Validator>,
    answers: BTreeMap<String, Validator>,
    events: BTreeMap<String, Validator>,
    error: Validator,
    /// By method, path and status.
    http: BTreeMap<(String, &'static str, String), Validator>,
}

impl Contract {
    fn new() -> Self {
        let published = socket::document();
        let frame = validator(&published);
        let mut strict = published.clone();
        closed(&mut strict);
        let one = |pointer: &str| validator(&json!({"$ref": pointer, "$defs": strict["$defs"]}));
        let all = |of: &str| {
            let names = strict["$defs"][of]["properties"].as_object().unwrap().keys();
            names.map(|name| (name.clone(), one(&format!("#/$defs/{of}/properties/{name}")))).collect()
        };
        // Clients may send more than is known.
        let open = |name: &String| {
            validator(
                &json!({"$ref": format!("#/$defs/Commands/properties/{name}"), "$defs": published["$defs"]}),
            )
        };
        let names = published["$defs"]["Commands"]["properties"].as_object().unwrap().keys();
        Self {
            commands: names.map(|name| (name.clone(), open(name))).collect(),
            answers: all("Answers"),
            events: all("Events"),
            error: one("#/$defs/ErrorObject"),
            http: http(),
            frame,
        }
    }

    /// What is wrong with a frame of the server, but for the payload of an answer.
    pub fn frame(&self, frame: &Value) -> Vec<String> {
        let mut wrong = mistakes("frame", &self.frame, frame);
        if let Some(name) = frame["ev"].as_str() {
            match self.events.get(name) {
                Some(schema) => wrong.extend(mistakes(name, schema, &frame["d"])),
                None => wrong.push(format!("{name} is an unknown event")),
            }
            let is_numbered = frame["s"].is_u64();
            let right = events::find(name).is_none_or(|event| match event.delivery {
                events::Delivery::Reliable => is_numbered,
                events::Delivery::Ephemeral => !is_numbered,
                events::Delivery::Either => true,
            });
            if !right {
                wrong.push(format!("{name} has a number, or should have one"));
            }
        } else if frame["ok"] == false {
            wrong.extend(mistakes("error", &self.error, &frame["e"]));
        }
        wrong
    }

    /// What is wrong with the answer to a command.
    pub fn answer(&self, op: &str, data: &Value) -> Vec<String> {
        mistakes(op, &self.answers[op], data)
    }

    /// What the schema has against a payload that was taken.
    pub fn taken(&self, op: &str, data: &Value) -> Vec<String> {
        mistakes(op, &self.commands[op], data)
    }

    /// What is wrong with the answer to a request.
    pub fn response(&self, endpoint: &Endpoint, status: u16, body: &Value) -> Vec<String> {
        let key = (endpoint.method.to_string(), endpoint.path, status.to_string());
        let what = format!("{} {} {status}", key.0, key.1);
        match self.http.get(&key) {
            Some(schema) => mistakes(&what, schema, body),
            None => vec![format!("{what} is not in the document")],
        }
    }
}

fn http() -> BTreeMap<(String, &'static str, String), Validator> {
    let document = openapi::document();
    let mut components = json!({"schemas": document["components"]["schemas"]});
    closed(&mut components);
    let mut all = BTreeMap::new();
    for endpoint in ENDPOINTS {
        let method = endpoint.method.to_string();
        let operation = &document["paths"][endpoint.path][method.to_lowercase()];
        for (status, response) in operation["responses"].as_object().unwrap() {
            let content = response["content"].as_object().unwrap();
            let mut schema = content.values().next().unwrap()["schema"].clone();
            closed(&mut schema);
            schema["components"] = components.clone();
            all.insert((method.clone(), endpoint.path, status.clone()), validator(&schema));
        }
    }
    all
}

fn validator(schema: &Value) -> Validator {
    jsonschema::options().should_validate_formats(true).build(schema).unwrap()
}

fn mistakes(what: &str, schema: &Validator, value: &Value) -> Vec<String> {
    schema.iter_errors(value).map(|error| format!("{what}: {error} at {}", error.instance_path())).collect()
}

#[test]
fn what_is_not_in_the_documents_is_found() {
    let event = |d: Value| json!({"ev": "thread:followed", "s": 1, "d": d});
    let id = "01JD0000000000000000000000";
    let good = json!({"channelId": id, "threadId": id, "following": true});
    assert_eq!(CONTRACT.frame(&event(good.clone())), Vec::<String>::new());
    for (field, value) in [
        ("more", json!(1)),
        ("following", json!("yes")),
        ("threadId", Value::Null),
        ("channelId", json!("general")),
    ] {
        let mut bad = good.clone();
        bad[field] = value;
        assert!(!CONTRACT.frame(&event(bad)).is_empty(), "{field}");
    }
    assert!(!CONTRACT.frame(&json!({"ev": "thread:forgotten", "s": 1, "d": {}})).is_empty());
    assert!(!CONTRACT.frame(&json!({"ev": "thread:followed", "d": good})).is_empty(), "no number");
    assert!(
        !CONTRACT
            .answer("message:mark_read", &json!({"readSeq": 1, "unread": 101, "mentions": 0}))
            .is_empty()
    );
    assert!(!CONTRACT.answer("call:cancel", &json!({"done": true})).is_empty());
    let refused = json!({"re": 1, "ok": false, "e": {"code": "oops", "message": "", "traceId": ""}});
    assert!(!CONTRACT.frame(&refused).is_empty());
    assert!(!CONTRACT.response(&ENDPOINTS[0], 418, &json!({})).is_empty());
}

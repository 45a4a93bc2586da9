//! OpenAPI 3.1 from the table of endpoints.

use std::{collections::BTreeSet, sync::LazyLock};

use axum::http::Method;
use schemars::{JsonSchema as _, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::{
    Problem,
    answers::{self, Granted, ShownInvite, Welcome},
    fields_of, incoming,
    objects::{Empty, User},
    outgoing,
    requests::{self, Credentials, GuestName, WithRefreshToken},
};
use crate::api::rest::endpoints::{ENDPOINTS, Endpoint, Fixed, Header};

/// The document as it is served; it depends on nothing but the program.
pub static TEXT: LazyLock<String> = LazyLock::new(|| document().to_string());

const COMPONENTS: &str = "#/components/schemas";

/// The whole document.
pub fn document() -> Value {
    let mut schemas = outgoing("/components/schemas");
    schemas.subschema_for::<Problem>();
    let mut paths = Map::new();
    for endpoint in ENDPOINTS {
        let operation = operation(endpoint, &mut schemas);
        add(&mut paths, endpoint.path, &endpoint.method, operation);
    }
    for (path, method, operation) in others(&mut schemas) {
        add(&mut paths, path, &method, operation);
    }
    let components = schemas.take_definitions(true);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Convene", "version": env!("CARGO_PKG_VERSION"),
            "description": "Group calls and team chat. A success is `{data}`, a failure a problem (RFC 9457) with a \
                            stable `code`. The same commands go over the WebSocket at `/ws`.",
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": BASE}],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "bearer": {
                    "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                    "description": "From `/auth/login`, or minted by a backend that holds the key.",
                },
            },
        },
    })
}

/// Below the address of the server.
pub const BASE: &str = "/api/v1";

/// What of an endpoint is said nowhere else: it is in no command.
fn others(schemas: &mut SchemaGenerator) -> Vec<(&'static str, Method, Value)> {
    let granted = data(schemas.subschema_for::<Granted>().to_value());
    let credentials = Credentials::json_schema(&mut incoming()).to_value();
    let shown = WithRefreshToken::json_schema(&mut incoming()).to_value();
    let login = Plan {
        id: "auth.login".into(),
        summary: "Get a token for a name and a password",
        tag: "auth",
        parameters: Vec::new(),
        body: Some((credentials, true)),
        failures: vec![400, 401, 403, 413, 415, 422, 429, 503],
        answers: vec![(200, granted.clone())],
    };
    let refresh = Plan {
        id: "auth.refresh".into(),
        summary: "Get a fresh token for a refresh token, which is used up, or for a bearer token",
        tag: "auth",
        parameters: Vec::new(),
        body: Some((shown.clone(), false)),
        failures: vec![400, 401, 403, 413, 415, 422, 429, 503],
        answers: vec![(200, granted)],
    };
    let logout = Plan {
        id: "auth.logout".into(),
        summary: "End the session of a refresh token, or of the bearer token",
        tag: "auth",
        parameters: Vec::new(),
        body: Some((shown, false)),
        failures: refresh.failures.clone(),
        answers: vec![(200, data(schemas.subschema_for::<Empty>().to_value()))],
    };
    let me = Plan {
        id: "user.me".into(),
        summary: "Oneself",
        tag: "user",
        answers: vec![(200, data(schemas.subschema_for::<User>().to_value()))],
        parameters: Vec::new(),
        body: None,
        failures: vec![401, 403, 429, 503],
    };
    let code = json!({
        "name": "code", "in": "path", "required": true, "description": "The secret of the link.",
        "schema": {"type": "string"},
    });
    let show = Plan {
        id: "invite.show".into(),
        summary: "What is behind a link for guests",
        tag: "invite",
        parameters: vec![code.clone()],
        body: None,
        failures: vec![404, 410, 422, 429, 503],
        answers: vec![(200, data(schemas.subschema_for::<ShownInvite>().to_value()))],
    };
    let enter = Plan {
        id: "invite.enter".into(),
        summary: "Come in by a link for guests",
        tag: "invite",
        parameters: vec![code],
        body: Some((GuestName::json_schema(&mut incoming()).to_value(), true)),
        failures: vec![400, 404, 410, 413, 415, 422, 429, 503],
        answers: vec![(201, data(schemas.subschema_for::<Welcome>().to_value()))],
    };
    let (mut show, mut enter) = (show.to_json(), enter.to_json());
    for open in [&mut show, &mut enter] {
        open["security"] = json!([]);
    }
    let (mut login, mut refresh, mut logout) = (login.to_json(), refresh.to_json(), logout.to_json());
    login["security"] = json!([]);
    // Either of the two will do.
    for either in [&mut refresh, &mut logout] {
        either["security"] = json!([{}, {"bearer": []}]);
    }
    vec![
        ("/auth/login", Method::POST, login),
        ("/auth/refresh", Method::POST, refresh),
        ("/auth/logout", Method::POST, logout),
        ("/users/me", Method::GET, me.to_json()),
        ("/invites/{code}", Method::GET, show),
        ("/invites/{code}/guests", Method::POST, enter),
    ]
}

fn add(paths: &mut Map<String, Value>, path: &str, method: &Method, operation: Value) {
    let item = paths.entry(path).or_insert_with(|| json!({}));
    item[method.as_str().to_ascii_lowercase()] = operation;
}

fn data(schema: Value) -> Value {
    json!({"type": "object", "properties": {"data": schema}, "required": ["data"]})
}

struct Plan {
    id: String,
    summary: &'static str,
    tag: &'static str,
    parameters: Vec<Value>,
    /// The schema, and whether there has to be one.
    body: Option<(Value, bool)>,
    failures: Vec<u16>,
    answers: Vec<(u16, Value)>,
}

impl Plan {
    fn to_json(&self) -> Value {
        let mut responses = Map::new();
        for (status, schema) in &self.answers {
            let description = if *status == 201 { "Made" } else { "Done" };
            let content = json!({"application/json": {"schema": schema}});
            responses.insert(status.to_string(), json!({"description": description, "content": content}));
        }
        for status in &self.failures {
            let problem = json!({"$ref": format!("{COMPONENTS}/Problem")});
            let content = json!({"application/problem+json": {"schema": problem}});
            let mut response = json!({"description": meaning(*status), "content": content});
            if [429, 503].contains(status) {
                response["headers"] = json!({"Retry-After": {
                    "description": "Seconds, if it is known when to try again.", "schema": {"type": "integer"},
                }});
            }
            responses.insert(status.to_string(), response);
        }
        let mut json = json!({
            "operationId": self.id, "summary": self.summary, "tags": [self.tag], "responses": responses,
        });
        if !self.parameters.is_empty() {
            json["parameters"] = self.parameters.clone().into();
        }
        if let Some((schema, required)) = &self.body {
            json["requestBody"] =
                json!({"required": required, "content": {"application/json": {"schema": schema}}});
        }
        json
    }
}

const fn meaning(status: u16) -> &'static str {
    match status {
        400 => "The body is not JSON",
        401 => "No token, or one that is not good (`auth.*`)",
        403 => "Not allowed (`perm.*`, `auth.banned`, `auth.user_inactive`)",
        404 => "Not there, or not for the caller to see (`not_found.*`)",
        409 => "It does not go with the state of things (`conflict.*`, `call.*`)",
        410 => "The call is over (`call.ended`), or the link lets nobody in any more (`invite.gone`)",
        413 => "The body is too large (`limit.size`)",
        415 => "The body is not `application/json`",
        422 => "A field breaks a rule (`validation.failed`), or there are too many (`limit.count`)",
        429 => "Too often (`limit.rate`)",
        _ => "Not now (`server.*`)",
    }
}

fn operation(endpoint: &Endpoint, schemas: &mut SchemaGenerator) -> Value {
    let payload = requests::payload(endpoint.op, &mut incoming()).map(schemars::Schema::to_value);
    let (mut fields, mut required) = fields_of(&payload.unwrap_or_default());
    let mut gone = |name: &str| {
        required.retain(|one| one != name);
        fields.remove(name)
    };
    let (mut parameters, mut given) = (Vec::new(), Vec::new());
    for name in holes(endpoint.path) {
        let schema = gone(name).map(not_null).unwrap_or_else(|| json!({"type": "string"}));
        parameters.push(json!({"name": name, "in": "path", "required": true, "schema": schema}));
    }
    for (name, value) in endpoint.fixed {
        if let (Some(schema), Fixed::Given) = (gone(name), value) {
            given.push(((*name).to_owned(), not_null(schema)));
        }
    }
    for (name, schema) in given {
        required.push(name.clone());
        fields.insert(name, schema);
    }
    if let Some((name, header)) = endpoint.header {
        let (field, schema) = match header {
            Header::Text(field) => (field, fields.get(field).cloned().map(not_null).unwrap_or_default()),
            Header::Revision(field) => {
                (field, json!({"type": "string", "pattern": "^(\"[0-9]{1,19}\"|[0-9]{1,19})$"}))
            }
        };
        let description = format!("The same as `{field}` in the body.");
        parameters.push(json!({"name": name, "in": "header", "description": description, "schema": schema}));
    }
    let names: BTreeSet<&str> = fields.keys().map(String::as_str).chain(holes(endpoint.path)).collect();
    let mut failures: BTreeSet<u16> = [401, 403, 422, 429, 503].into();
    let is_read = endpoint.method == Method::GET;
    if names.iter().any(|name| ["Id", "Ids", "participants"].iter().any(|end| name.ends_with(end))) {
        failures.insert(404);
    }
    if !is_read || endpoint.op == "thread:get" {
        failures.insert(409);
    }
    if endpoint.op.starts_with("call:") {
        failures.insert(410);
    }
    let mut body = None;
    if endpoint.has_query() {
        for (name, schema) in fields {
            let mut parameter = json!({
                "name": name, "in": "query", "required": required.contains(&name), "schema": not_null(schema),
            });
            if parameter["schema"]["type"] == "array" {
                parameter["style"] = "form".into();
                parameter["explode"] = false.into();
            }
            if let Some(description) = parameter["schema"].get("description").cloned() {
                parameter["description"] = description;
            }
            parameters.push(parameter);
        }
    } else {
        failures.extend([400, 413, 415]);
        let has_required = !required.is_empty();
        body = Some((json!({"type": "object", "properties": fields, "required": required}), has_required));
    }
    let op = answers::find(endpoint.op);
    let answer = data(op.map(|op| (op.answer)(schemas).to_value()).unwrap_or_default());
    // A repeated message is no new one.
    let answers = match (endpoint.created, endpoint.op) {
        (true, "message:send") => vec![(201, answer.clone()), (200, answer)],
        (true, _) => vec![(201, answer)],
        (false, _) => vec![(200, answer)],
    };
    Plan {
        id: operation_id(endpoint),
        summary: op.map_or("", |op| op.summary),
        tag: endpoint.op.split(':').next().unwrap_or_default(),
        parameters,
        body,
        failures: failures.into_iter().collect(),
        answers,
    }
    .to_json()
}

/// `message.edit`; with the method and what it begins with where an operation has several endpoints.
fn operation_id(endpoint: &Endpoint) -> String {
    let id = endpoint.op.replace(':', ".");
    if ENDPOINTS.iter().filter(|one| one.op == endpoint.op).count() == 1 {
        return id;
    }
    let noun = |one: &Endpoint| one.path.split('/').nth(1).unwrap_or_default();
    let like = |one: &&Endpoint| {
        one.op == endpoint.op && one.method == endpoint.method && noun(one) == noun(endpoint)
    };
    let mut name = format!("{id}.{}.{}", endpoint.method.as_str().to_ascii_lowercase(), noun(endpoint));
    // One of them, or all.
    if ENDPOINTS.iter().filter(like).count() > 1 && endpoint.path.ends_with('}') {
        name.push_str(".one");
    }
    name
}

/// The names in braces.
fn holes(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

/// Without `null`, which a path or a query cannot say.
fn not_null(mut schema: Value) -> Value {
    let Some(fields) = schema.as_object_mut() else { return schema };
    if let Some(types) = fields.get_mut("type").and_then(Value::as_array_mut) {
        types.retain(|one| one != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            fields.insert("type".into(), only);
        }
    }
    if let Some(values) = fields.get_mut("enum").and_then(Value::as_array_mut) {
        values.retain(|one| !one.is_null());
    }
    if let Some(Value::Array(choices)) = fields.get("anyOf") {
        let mut rest = choices.iter().filter(|one| one.get("type").is_none_or(|kind| kind != "null"));
        if let (Some(Value::Object(only)), None) = (rest.next().cloned(), rest.next()) {
            fields.remove("anyOf");
            fields.extend(only);
        }
    }
    schema
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::chat::command::Command;

    fn operations(document: &Value) -> BTreeMap<String, Value> {
        let paths = document["paths"].as_object().unwrap();
        let all = paths.iter().flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().iter();
            methods.map(move |(method, operation)| (format!("{method} {path}"), operation.clone()))
        });
        all.collect()
    }

    /// Every reference in a document.
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(target)) = fields.get("$ref") {
                    found.insert(target.clone());
                }
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn every_endpoint_is_in_the_document_with_an_answer() {
        let document = document();
        let operations = operations(&document);
        assert_eq!(operations.len(), ENDPOINTS.len() + 6, "two endpoints are one, or one is missing");
        for endpoint in ENDPOINTS {
            let key = format!("{} {}", endpoint.method.as_str().to_lowercase(), endpoint.path);
            let operation = &operations[&key];
            assert!(answers::find(endpoint.op).is_some(), "{} has no line in OPS", endpoint.op);
            assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{key}");
            let good = if endpoint.created { "201" } else { "200" };
            let answer = &operation["responses"][good]["content"]["application/json"]["schema"];
            assert!(answer["properties"]["data"]["$ref"].is_string(), "{key}: {answer}");
            let named = operation["parameters"].as_array().into_iter().flatten();
            let in_path = named.filter(|one| one["in"] == "path").count();
            assert_eq!(in_path, holes(endpoint.path).count(), "{key}");
        }
        let ids: BTreeSet<_> = operations.values().map(|one| one["operationId"].to_string()).collect();
        assert_eq!(ids.len(), operations.len(), "ids are used twice");
    }

    #[test]
    fn every_command_has_a_payload_and_an_answer() {
        let said: BTreeSet<&str> = answers::OPS.iter().map(|op| op.name).collect();
        assert_eq!(said, Command::OPS.iter().copied().collect::<BTreeSet<_>>());
        assert_eq!(said.len(), answers::OPS.len(), "a line comes twice");
        for op in answers::OPS.iter().chain(answers::SESSION_OPS) {
            let payload = requests::payload(op.name, &mut incoming()).unwrap().to_value();
            assert_eq!(payload["type"], "object", "{}", op.name);
            let mut found = BTreeSet::new();
            references(&payload, &mut found);
            assert!(found.is_empty(), "{}: {found:?}", op.name);
        }
    }

    #[test]
    fn references_lead_somewhere() {
        let document = document();
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        assert!(found.len() > 50, "{}", found.len());
        for target in found {
            let pointer = target.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{target}");
        }
    }

    #[test]
    fn parameters_know_no_null_and_limits_are_those_of_the_parser() {
        let document = document();
        for (key, operation) in operations(&document) {
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                assert!(!parameter.to_string().contains("null"), "{key}: {parameter}");
            }
        }
        let send = &document["paths"]["/channels/{channelId}/messages"]["post"];
        let body = &send["requestBody"]["content"]["application/json"]["schema"];
        assert_eq!(body["properties"]["content"]["maxLength"], crate::chat::limits::MAX_CONTENT);
        assert_eq!(body["required"], json!(["content"]));
        let names = body["properties"].as_object().unwrap();
        assert!(!names.contains_key("channelId"), "the path says it");
        assert!(!names.contains_key("encrypted"), "it is not built");
        let later = &document["paths"]["/schedules"]["post"]["requestBody"]["content"]["application/json"];
        assert_eq!(later["schema"]["required"], json!(["channelId", "content", "sendAt"]));
        assert_eq!(later["schema"]["properties"]["sendAt"]["type"], "string");
        let list = &document["paths"]["/calls"]["get"]["parameters"];
        let limit = list.as_array().unwrap().iter().find(|one| one["name"] == "limit").unwrap();
        assert_eq!((&limit["schema"]["minimum"], &limit["schema"]["maximum"]), (&json!(1), &json!(100)));
        let filter = list.as_array().unwrap().iter().find(|one| one["name"] == "filter").unwrap();
        assert_eq!(filter["schema"]["enum"], json!(["all", "missed"]));
    }
}

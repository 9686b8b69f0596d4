//! The OpenAPI 3.1 document, made from the route table. The Worker does not make it: a house test does, and keeps it in
//! `src/api/house/openapi.json`: what draws schemas has no work at the edge, and would be carried there for nothing.
//!
//! What a row of the table says is all a route has to say: types give the schemas of bodies, the path names what an id
//! must look like ([`parameter`]), and access, class, body and path give the statuses it can end in ([`answer`]).

mod answer;
mod parameter;
mod refinement;

use schemars::SchemaGenerator;
use schemars::generate::{Contract, SchemaSettings};
use serde_json::{Map, Value, json};

use super::body::BodyKind;
use super::route::{Access, Need, Route};

/// How a caller may prove itself at a route, as names of `components.securitySchemes`.
fn security(route: &Route) -> Value {
    match route.access {
        Access::Public if route.needs.contains(&Need::CredentialOfAgent) => json!([{}, {"apiKey": []}, {"bearer": []}]),
        Access::Public => json!([]),
        Access::WalletSession => json!([{"bearer": []}]),
        Access::Runtime => json!([{"bearer": []}, {"tenantToken": []}]),
        Access::Management => json!([{"apiKey": []}, {"bearer": []}]),
        Access::Spend => json!([{"bearer": []}, {"apiKey": []}]),
        Access::SessionOrManagement | Access::Agent => json!([{"apiKey": []}, {"bearer": []}]),
        Access::Execution | Access::Seller => json!([{"bearer": []}]),
        // A wallet signs in the body or the query: a scheme that the document cannot name.
        Access::Buyer => json!([{}]),
        Access::Party | Access::Owner => json!([{"bearer": []}, {}]),
        Access::Shared => json!([{}, {"bearer": []}]),
        Access::Human => json!([{"bearer": []}, {"cookie": []}]),
        Access::Admin => json!([{"bearer": []}]),
        Access::Console | Access::OperatorConsole => json!([{"cookie": []}]),
    }
}

/// What types look like as they come in and as they go out: a member that may be left out of a request always stands in
/// an answer.
struct Schemas {
    requests: SchemaGenerator,
    answers: SchemaGenerator,
}

impl Schemas {
    fn new() -> Self {
        let generator = |contract, folder: &str| {
            let settings = SchemaSettings::draft2020_12().with(|settings| {
                settings.definitions_path = format!("/components/schemas/{folder}").into();
                settings.contract = contract;
            });
            settings.into_generator()
        };
        Self { requests: generator(Contract::Deserialize, "request"), answers: generator(Contract::Serialize, "answer") }
    }
}

/// The document over every route of the table that is documented.
pub fn document(table: &[&'static [Route]], origin: &str, version: &str) -> Value {
    let mut schemas = Schemas::new();
    let mut paths: Map<String, Value> = Map::new();
    for route in table.iter().copied().flatten().filter(|route| route.documented) {
        let item = paths.entry(route.documented_path()).or_insert_with(|| json!({}));
        if let Value::Object(item) = item {
            item.insert(route.method.to_string().to_ascii_lowercase(), operation(route, &mut schemas));
        }
    }
    let (request, answer) = (schemas.requests.take_definitions(true), schemas.answers.take_definitions(true));
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {"title": "Guildhall", "version": version, "description": "The back office for autonomous agents.", "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
        "servers": [{"url": origin}],
        "paths": paths,
        "components": {
            "schemas": refinement::merge(request, answer),
            "headers": answer::headers(),
            "responses": answer::refusals(),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                "tenantToken": {"type": "apiKey", "in": "header", "name": "X-Tenant-Token"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "next-auth.session-token"},
            },
        },
    });
    refinement::name_schemas(&mut document);
    refinement::refine(&mut document);
    document
}

fn operation(route: &Route, schemas: &mut Schemas) -> Value {
    let mut operation = json!({
        "operationId": route.name, "summary": route.summary, "security": security(route),
        "parameters": parameter::all(route), "responses": answer::all(route, &mut schemas.answers),
    });
    if let (Some(body), Value::Object(operation)) = (request_body(route, &mut schemas.requests), &mut operation) {
        operation.insert("requestBody".to_owned(), body);
    }
    operation
}

/// The body a route takes. An empty one counts as `{}`, so it is required only where a member is.
fn request_body(route: &Route, generator: &mut SchemaGenerator) -> Option<Value> {
    if route.body == BodyKind::Multipart {
        let file = json!({"type": "string", "minLength": 1, "contentMediaType": "application/octet-stream"});
        let schema = json!({"type": "object", "required": ["file"], "properties": {"file": file}});
        return Some(json!({"required": true, "content": {"multipart/form-data": {"schema": schema}}}));
    }
    let schema = route.request?(generator);
    let media: &[&str] = match route.body {
        BodyKind::None | BodyKind::Multipart => return None,
        BodyKind::Json => &["application/json"],
        BodyKind::Form => &["application/x-www-form-urlencoded"],
        BodyKind::JsonOrForm => &["application/json", "application/x-www-form-urlencoded"],
    };
    let content: Map<String, Value> = media.iter().map(|media| ((*media).to_owned(), json!({"schema": schema}))).collect();
    let name = schema.get("$ref").and_then(Value::as_str).and_then(|reference| reference.rsplit('/').next());
    let whole = name.and_then(|name| generator.definitions().get(name));
    Some(json!({"required": whole.is_some_and(needs_member), "content": content}))
}

/// Whether `{}` would be refused: a member is required, or some member in every case of a rule.
fn needs_member(schema: &Value) -> bool {
    let list = |keyword: &str| schema.get(keyword).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let cases = list("anyOf");
    !list("required").is_empty() || list("allOf").iter().any(needs_member) || (!cases.is_empty() && cases.iter().all(needs_member))
}

//! The OpenAPI 3.1 document, made from the route table. The Worker does not make it: a house test does, and keeps it in
//! `src/api/house/openapi.json`: what draws schemas has no work at the edge, and would be carried there for nothing.

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::route::{Access, Route};

/// How a caller may prove itself at a route, as names of `components.securitySchemes`.
fn security(access: Access) -> Value {
    match access {
        Access::Public => json!([]),
        Access::WalletSession => json!([{"bearer": []}]),
        Access::Runtime => json!([{"bearer": []}, {"tenantToken": []}]),
        Access::Management => json!([{"apiKey": []}, {"bearer": []}]),
        Access::Spend => json!([{"bearer": []}, {"apiKey": []}]),
        Access::SessionOrManagement | Access::Agent => json!([{"apiKey": []}, {"bearer": []}]),
        Access::Execution => json!([{"bearer": []}]),
        Access::Human => json!([{"bearer": []}, {"cookie": []}]),
        Access::Admin => json!([{"bearer": []}]),
        Access::Console | Access::OperatorConsole => json!([{"cookie": []}]),
    }
}

/// The document over every route of the table that is documented.
pub fn document(table: &[&'static [Route]], origin: &str, version: &str) -> Value {
    let mut generator =
        SchemaSettings::draft2020_12().with(|settings| settings.definitions_path = "/components/schemas".into()).into_generator();
    let mut paths: Map<String, Value> = Map::new();
    for route in table.iter().copied().flatten().filter(|route| route.documented) {
        let item = paths.entry(route.documented_path()).or_insert_with(|| json!({}));
        if let Value::Object(item) = item {
            item.insert(route.method.to_string().to_ascii_lowercase(), operation(route, &mut generator));
        }
    }
    let schemas = generator.take_definitions(true);
    json!({
        "openapi": "3.1.0",
        "info": {"title": "Guildhall", "version": version, "description": "The back office for autonomous agents.", "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
        "servers": [{"url": origin}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                "tenantToken": {"type": "apiKey", "in": "header", "name": "X-Tenant-Token"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "next-auth.session-token"},
            },
        },
    })
}

fn operation(route: &Route, generator: &mut SchemaGenerator) -> Value {
    let parameters: Vec<Value> = route
        .path
        .split('{')
        .skip(1)
        .filter_map(|rest| rest.split_once('}'))
        .map(|(name, _)| json!({"name": name.trim_start_matches('*'), "in": "path", "required": true, "schema": {"type": "string"}}))
        .collect();
    let success = match route.response {
        None => json!({"description": "Done"}),
        Some(schema) => json!({"description": "Done", "content": {"application/json": {"schema": schema(generator)}}}),
    };
    let fault = json!({"description": "Refused; the code says why", "content": {"application/json": {"schema": {"type": "object"}}, "application/problem+json": {"schema": {"type": "object"}}}});
    let mut operation = json!({
        "operationId": route.name, "summary": route.summary, "security": security(route.access), "parameters": parameters,
        "responses": {route.status.to_string(): success, "4XX": fault, "5XX": fault},
    });
    if let (Some(schema), Value::Object(operation)) = (route.request, &mut operation) {
        operation.insert("requestBody".to_owned(), json!({"content": {"application/json": {"schema": schema(generator)}}}));
    }
    operation
}

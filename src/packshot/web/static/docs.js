// The page at /docs: Swagger UI over our own OpenAPI document.
const answer = await fetch("openapi.json");
const spec = await answer.json();
// Swagger UI 4 looks at the number and refuses 3.1; what we use of 3.1 it shows correctly.
spec.openapi = "3.0.3";
SwaggerUIBundle({ spec, dom_id: "#docs", deepLinking: true });
